"""Who is asked what: everything that is measured, of every model."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple, get_args

from offdiag.methods import FineTuning, LinearProbe, Method, ZeroShot
from offdiag.models import ModelSpec
from offdiag.steps import Examples, Measurement, ProbeGrid, Weights
from offdiag.studies.easy_to_hard.item_hardness.params import TAUGHT, Measure, Params
from offdiag.studies.easy_to_hard.measurements.average_hardness import AverageHardness
from offdiag.studies.easy_to_hard.measurements.choice_hardness import ChoiceHardness
from offdiag.studies.easy_to_hard.measurements.item_hardness import ItemHardness
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness, TextMeasure
from offdiag.studies.easy_to_hard.task import EasyToHard, HardnessDomain
from offdiag.studies.easy_to_hard.task.specs import SPECS
from offdiag.studies.easy_to_hard.task.strata import Pool
from offdiag.study import Arm, Cell, Evaluation

METHODS: Mapping[str, type[Method]] = {
    "zero_shot_mdl": ZeroShot,
    "probe_mdl": LinearProbe,
    "finetuned_mdl": FineTuning,
}
TEXTS: tuple[TextMeasure, ...] = get_args(TextMeasure)


def cells(p: Params) -> tuple[Cell, ...]:
    """The choices of every model: untrained, and after each draw and size by each method."""
    return tuple(cell for model, name in product(p.models, p.datasets) for cell in _Asking(p, model, name).cells())


def measurements(p: Params, planned: Sequence[Cell]) -> tuple[Measurement, ...]:
    """For each data set what needs no model; then each measure by each model, and by all on average."""
    return tuple(one for dataset in p.datasets for one in _measurements(p, dataset, planned))


def _measurements(p: Params, dataset: str, planned: Sequence[Cell]) -> Iterator[Measurement]:
    asked = _items(dataset, p.pool)
    for name in (*SPECS[dataset].human, *SPECS[dataset].surface):
        yield ItemHardness(domain=asked.model_copy(update={"hardness": name}))
    for measure in p.of(dataset):
        parts = tuple(_by_model(measure, model, asked, planned) for model in p.models)
        yield from parts
        if len(parts) > 1:
            yield AverageHardness(parts=parts)


def _by_model(
    measure: Measure, model: ModelSpec, asked: HardnessDomain, planned: Sequence[Cell]
) -> ChoiceHardness | TextHardness:
    if measure in TEXTS:
        examples = Examples(domain=asked, split="eval", n=_size(asked))
        return TextHardness(of=measure, weights=Weights.of(model), examples=examples)
    answers = [cell.step().answers for cell in planned if _is_of(cell, model, asked.dataset, METHODS[measure])]
    return ChoiceHardness(of=measure, answers=tuple(answers))


def _is_of(cell: Cell, model: ModelSpec, dataset: str, method: type[Method]) -> bool:
    asked = cell.evaluation.domain.factors()["dataset"]
    return (cell.arm.model, asked) == (model, dataset) and isinstance(cell.arm.method, method)


class _Asking(NamedTuple):
    """A model that is asked the items of a data set."""

    p: Params
    model: ModelSpec
    dataset: str

    def cells(self) -> Iterator[Cell]:
        wanted = self.p.of(self.dataset)
        if "zero_shot_mdl" in wanted:
            yield self._cell(Arm(model=self.model, method=ZeroShot()), self.p.pool)
        if not set(TAUGHT) & set(wanted):
            return
        draws = tuple(self._draw(b) for b in range(self.p.bootstraps))
        together = ProbeGrid(trains=draws, sizes=self.p.sizes)
        for (b, train), n in product(enumerate(draws), self.p.sizes):
            if "probe_mdl" in wanted:
                probe = LinearProbe(n=n, pools=self._pools, beside=together)
                yield self._cell(Arm(model=self.model, method=probe, train=train))
            if "finetuned_mdl" in wanted:
                tuning = FineTuning(n=n, recipe=self.p.recipe_for(n))
                yield self._cell(Arm(model=self.model, method=tuning, train=train, seed=b))

    def _cell(self, arm: Arm, pool: Pool = "main") -> Cell:
        asked = _items(self.dataset, pool)
        return Cell(arm=arm, evaluation=Evaluation(domain=asked, n=_size(asked), answering="choice"))

    def _draw(self, bootstrap: int) -> HardnessDomain:
        """The largest training set, of what is held out; smaller ones are its beginnings."""
        return HardnessDomain(dataset=self.dataset, pool="held_out", bootstrap=bootstrap, n_train=max(self.p.sizes))

    @property
    def _pools(self) -> tuple[HardnessDomain, ...]:
        """All that is taught or asked, as other studies of the same pool have encoded it."""
        pools: tuple[Pool, ...] = ("whole",) if self.p.pool == "whole" else ("main", "held_out")
        return tuple(_items(self.dataset, pool) for pool in pools)


def _items(dataset: str, pool: Pool) -> HardnessDomain:
    """All items of a pool; the whole data set where nothing is held out."""
    return HardnessDomain(dataset=dataset, pool=pool if SPECS[dataset].held_out else "whole", n_train=0)


def _size(domain: HardnessDomain) -> int:
    return EasyToHard().size(domain, "eval")

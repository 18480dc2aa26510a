"""Cells and measurements of the study item-hardness."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import NamedTuple, get_args

from offdiag.methods import FineTuning, LinearProbe, Method, ZeroShot
from offdiag.models import ModelSpec
from offdiag.steps import Examples, Measurement, ProbeGrid, Weights
from offdiag.studies.easy_to_hard.item_hardness.params import TRAINED, ItemHardnessParams, Measure
from offdiag.studies.easy_to_hard.measurements.average_hardness import AverageHardness
from offdiag.studies.easy_to_hard.measurements.choice_hardness import ChoiceHardness
from offdiag.studies.easy_to_hard.measurements.item_hardness import ItemHardness
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness, TextMeasure
from offdiag.studies.easy_to_hard.task import EasyToHard, HardnessDomain, library
from offdiag.studies.easy_to_hard.task.items import SPECS
from offdiag.studies.easy_to_hard.task.strata import Pool
from offdiag.study import Arm, Cell, Evaluation

METHODS: Mapping[str, type[Method]] = {
    "zero_shot_mdl": ZeroShot,
    "probe_mdl": LinearProbe,
    "finetuned_mdl": FineTuning,
}
TEXTS: tuple[TextMeasure, ...] = get_args(TextMeasure)


def cells(p: ItemHardnessParams) -> tuple[Cell, ...]:
    """Return the choices of every model: untrained, and per draw and size of training data by each method."""
    return tuple(cell for model, name in product(p.models, p.datasets) for cell in _ModelGrid(p, model, name).cells())


def measurements(p: ItemHardnessParams, planned: Sequence[Cell]) -> tuple[Measurement, ...]:
    """Return, per data set, the measures that need no model, each measure by each model, and its mean over models."""
    return tuple(measured for dataset in p.datasets for measured in _measurements(p, dataset, planned))


def _measurements(p: ItemHardnessParams, dataset: str, planned: Sequence[Cell]) -> Iterator[Measurement]:
    items = _items(dataset, p.pool)
    for name in (*library.dataset(dataset).human, *SPECS[dataset].surface):
        yield ItemHardness(domain=items.model_copy(update={"hardness": name}))
    for measure in p.of(dataset):
        parts = tuple(_by_model(measure, model, items, planned) for model in p.models)
        yield from parts
        if len(parts) > 1:
            yield AverageHardness(parts=parts)


def _by_model(
    measure: Measure, model: ModelSpec, items: HardnessDomain, planned: Sequence[Cell]
) -> ChoiceHardness | TextHardness:
    if measure in TEXTS:
        examples = Examples(domain=items, split="eval", n=_size(items))
        return TextHardness(of=measure, weights=Weights.of(model), examples=examples)
    answers = [cell.step().answers for cell in planned if _is_of(cell, model, items.dataset, METHODS[measure])]
    return ChoiceHardness(of=measure, answers=tuple(answers))


def _is_of(cell: Cell, model: ModelSpec, dataset: str, method: type[Method]) -> bool:
    tested = cell.evaluation.domain.factors()["dataset"]
    return (cell.arm.model, tested) == (model, dataset) and isinstance(cell.arm.method, method)


class _ModelGrid(NamedTuple):
    """The cells of one model on one data set."""

    p: ItemHardnessParams
    model: ModelSpec
    dataset: str

    def cells(self) -> Iterator[Cell]:
        measures = self.p.of(self.dataset)
        if "zero_shot_mdl" in measures:
            yield self._cell(Arm(model=self.model, method=ZeroShot()), self.p.pool)
        if not set(TRAINED) & set(measures):
            return
        draws = tuple(self._draw(b) for b in range(self.p.bootstraps))
        together = ProbeGrid(trains=draws, sizes=self.p.sizes)
        for (b, train), n in product(enumerate(draws), self.p.sizes):
            if "probe_mdl" in measures:
                probe = LinearProbe(n=n, pools=self._pools, beside=together)
                yield self._cell(Arm(model=self.model, method=probe, train=train))
            if "finetuned_mdl" in measures:
                tuning = FineTuning(n=n, recipe=self.p.recipe_for(n))
                yield self._cell(Arm(model=self.model, method=tuning, train=train, seed=b))

    def _cell(self, arm: Arm, pool: Pool = "main") -> Cell:
        items = _items(self.dataset, pool)
        return Cell(arm=arm, evaluation=Evaluation(domain=items, n=_size(items), answering="choice"))

    def _draw(self, bootstrap: int) -> HardnessDomain:
        """Return the largest training set of a draw from the held-out items; smaller ones are its beginnings."""
        return HardnessDomain(dataset=self.dataset, pool="held_out", bootstrap=bootstrap, n_train=max(self.p.sizes))

    @property
    def _pools(self) -> tuple[HardnessDomain, ...]:
        """The pools of training and test, as other studies encode them, so that hidden states are shared."""
        pools: tuple[Pool, ...] = ("whole",) if self.p.pool == "whole" else ("main", "held_out")
        return tuple(_items(self.dataset, pool) for pool in pools)


def _items(dataset: str, pool: Pool) -> HardnessDomain:
    """Return all items of a pool; the whole data set where no item is held out."""
    return HardnessDomain(dataset=dataset, pool=pool if SPECS[dataset].held_out else "whole", n_train=0)


def _size(domain: HardnessDomain) -> int:
    return EasyToHard().size(domain, "eval")

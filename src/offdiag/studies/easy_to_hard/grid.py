"""Cells and measurements of the study easy-to-hard: training levels, methods and test items."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain, product
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from offdiag.methods import FineTuning, InContext, LinearProbe, Method, ZeroShot
from offdiag.models import ModelSpec
from offdiag.steps import Examples, Measurement, ProbeGrid
from offdiag.studies.easy_to_hard.measurements.draw_summary import DrawSummary
from offdiag.studies.easy_to_hard.measurements.item_hardness import ItemHardness
from offdiag.studies.easy_to_hard.params import HardnessParams, MethodName, measures_of, methods_of
from offdiag.studies.easy_to_hard.task import EasyToHard, HardnessDomain, library
from offdiag.studies.easy_to_hard.task.domain import DEFAULT_PROMPT
from offdiag.studies.easy_to_hard.task.draws import pool_of
from offdiag.studies.easy_to_hard.task.items import SPECS
from offdiag.studies.easy_to_hard.task.measures import NO_MEASURE
from offdiag.studies.easy_to_hard.task.strata import Stratum
from offdiag.study import Arm, Cell, Evaluation

_AS_USUAL: Mapping[str, Any] = MappingProxyType({})  # the prompt and the labels of a data set
Answered: TypeAlias = Literal["choice", "probe", "reasoned"]
WORKSHEET = "5305"  # prompt of the untrained model where answers are reasoned: its header shows the form of an answer


class TrainingSet(NamedTuple):
    """A draw of training data, and what its learners are tested on."""

    train: HardnessDomain
    test: HardnessDomain


class Draw(NamedTuple):
    """A draw of training data, and the items that all of its learners are asked."""

    train: HardnessDomain
    asked: Examples


class Setting(NamedTuple):
    """A data set whose items are cut into levels by one measure, and asked in one wording."""

    p: HardnessParams
    dataset: str
    measure: str
    worded: Mapping[str, Any] = _AS_USUAL

    def domain(self, **parameters: Any) -> HardnessDomain:
        """Return a domain of this setting."""
        easy_max, hard_min = self.p.cutoffs.get(self.measure, (None, None))
        cut = {"hardness": self.measure, "easy_max": easy_max, "hard_min": hard_min}
        return dataset_domain(self.p, self.dataset, **cut, **self.worded, **parameters)

    def strata(self) -> tuple[Stratum, ...]:
        """Return the levels of ``train_on`` that have items; ``all`` where there is no measure."""
        strata = pool_of(self.domain(n_train=0)).strata
        if strata is None:
            return ("all",)
        counts = strata.counts()
        return tuple(stratum for stratum in self.p.train_on if counts.get(stratum, 1))

    def training_sets(self) -> Iterator[TrainingSet]:
        """Yield one training set per level and draw."""
        n = self.p.kept(self.dataset)
        for stratum, b in product(self.strata(), range(self.p.bootstraps)):
            scheme = "equal" if self.p.scheme == "equal_extra" and stratum != "easy" else self.p.scheme
            train = self.domain(level=stratum, bootstrap=b, n_train=n, scheme=scheme)
            yield TrainingSet(train, self.test_of(train))

    def test_of(self, train: HardnessDomain) -> HardnessDomain:
        """Return all levels without the training items; with ``asked``, the same hard items for all training sets."""
        common = common_test(self.p, self.worded)
        if common is None:
            level = "hard" if self.p.one_level else "all"
            drawn = {"bootstrap": train.bootstrap, "n_train": train.n_train, "scheme": train.scheme}
            return self.domain(level=level, train_on=train.level, **drawn)
        kept = max(self.p.kept(dataset) for dataset in self.p.datasets)
        return common.domain(level="hard", train_on="hard", bootstrap=train.bootstrap, n_train=kept)

    def untrained(self) -> HardnessDomain:
        """Return what the untrained model is tested on, once per setting."""
        return self.domain(level="hard" if self.p.asked or self.p.one_level else "all", train_on="all", n_train=0)


def settings(p: HardnessParams, worded: Mapping[str, Any] = _AS_USUAL) -> list[Setting]:
    """Return every data set with each of its measures."""
    return [Setting(p, dataset, name, worded) for dataset in p.datasets for name in measures_of(p.hardness, dataset)]


def common_test(p: HardnessParams, worded: Mapping[str, Any] = _AS_USUAL) -> Setting | None:
    """Return the setting on which all learners are tested, if ``asked`` names one."""
    return Setting(p, p.asked, measures_of(p.hardness, p.asked)[0], worded) if p.asked else None


def dataset_domain(p: HardnessParams, dataset: str, **parameters: Any) -> HardnessDomain:
    """Return a domain of the data set's pool: all items where the data set holds none out."""
    return HardnessDomain(dataset=dataset, pool=p.pool if SPECS[dataset].held_out else "whole", **parameters)


def cells(p: HardnessParams) -> tuple[Cell, ...]:
    """Return, per model and prompt, each setting untrained and each training set by each method."""
    grids = [_Grid(p, prompt) for prompt in p.wordings]
    return tuple(cell for model in p.models for grid in grids for cell in grid.cells(model))


def measurements(p: HardnessParams) -> tuple[Measurement, ...]:
    """Return the hardness of the items by each measure that needs no model, and by those that cut the levels."""
    hardness = tuple(
        ItemHardness(domain=Setting(p, dataset, measure).domain(n_train=0))
        for dataset in p.datasets
        for measure in measured(p, dataset)
    )
    return (*hardness, *_draw_summaries(p)) if p.describe_draws else hardness


def _draw_summaries(p: HardnessParams) -> Iterator[DrawSummary]:
    """Yield, per data set, a summary of what each draw trains on and is asked in the first prompt."""
    by_dataset: dict[str, dict[Examples, None]] = {}
    for one in _Grid(p, p.wordings[0]).sets:
        dataset = one.train.dataset
        n = min(p.kept(dataset), EasyToHard().size(one.train, "train"))
        trains = Examples(domain=one.train, split="train", n=n)
        for examples in (trains, one.asked):
            domain = examples.domain
            assert isinstance(domain, HardnessDomain)
            by_dataset.setdefault(domain.dataset, {})[examples] = None
    for dataset, found in by_dataset.items():
        yield DrawSummary(dataset=dataset, sets=tuple(found))


def measured(p: HardnessParams, dataset: str) -> tuple[str, ...]:
    """Return the measures of a data set that are measured: those that need no model, and those that cut its levels."""
    model_free = (*library.dataset(dataset).human, *SPECS[dataset].surface)
    names = dict.fromkeys((*model_free, *measures_of(p.hardness, dataset)))
    return tuple(name for name in names if name != NO_MEASURE)


class _Taught(NamedTuple):
    """What the cells of all models share of a learner: how and on what it is trained, and its test."""

    method: Method
    train: HardnessDomain
    seed: int
    evaluation: Evaluation


class _Grid:
    """The cells of a study in one prompt."""

    def __init__(self, p: HardnessParams, prompt: str) -> None:
        self.p = p
        self.worded = {"prompt": prompt, "labels": p.labels}
        self._settings, self._common = settings(p, self.worded), common_test(p, self.worded)
        self._evaluations: dict[tuple[HardnessDomain, Answered], Evaluation] = {}

    def cells(self, model: ModelSpec) -> Iterator[Cell]:
        """Yield the cells of one model, those of the untrained one first."""
        start = self.p.start(model)
        for evaluation in self._untrained:
            yield Cell(arm=Arm(model=model, method=ZeroShot(), init_from=start), evaluation=evaluation)
        for method, train, seed, evaluation in self._taught:
            arm = Arm(model=model, method=method, train=train, seed=seed, init_from=start)
            yield Cell(arm=arm, evaluation=evaluation)

    @cached_property
    def _untrained(self) -> list[Evaluation]:
        asked = self._settings if self._common is None else [self._common]
        return [self._asked(setting.untrained()) for setting in asked]

    @cached_property
    def _sets(self) -> list[tuple[Setting, list[TrainingSet]]]:
        """The training sets of each setting."""
        return [(setting, list(setting.training_sets())) for setting in self._settings]

    @property
    def sets(self) -> Iterator[Draw]:
        """What each draw trains on and is asked, whatever the method."""
        for _, sets in self._sets:
            for one in sets:
                answered: Answered = "choice" if "choices" in one.test.spec.forms else "reasoned"
                yield Draw(one.train, self._evaluation(one.test, answered).examples)

    @cached_property
    def _taught(self) -> list[_Taught]:
        return [
            _Taught(method, one.train, _seed(name, one.train), self._evaluation(one.test, _answered(name)))
            for setting, sets in self._sets
            for one, name in product(sets, methods_for(self.p, setting.dataset))
            for method in self._methods(name, one)
        ]

    def _methods(self, name: MethodName, training_set: TrainingSet) -> Iterator[Method]:
        p, reasoned, dataset = self.p, _reasoned(name), training_set.train.dataset
        sizes = p.of(dataset).shots if name.startswith("in-context") else p.sizes
        for n, noise in product(sizes, noises(p, training_set.train.level)):
            match name:
                case "linear-probe":
                    shared = {"needed": self._needed, "beside": self._probes[dataset], "layers": p.layers, "l2": p.l2}
                    yield LinearProbe(n=n, noise=noise, pools=self._pools(training_set), **shared)
                case "in-context" | "in-context+rationale":
                    yield InContext(k=n, noise=noise, rationale=reasoned)
                case _:
                    recipe = p.rationale_recipe if reasoned else p.recipe
                    yield FineTuning(n=n, noise=noise, rationale=reasoned, recipe=recipe)

    def _pools(self, training_set: TrainingSet) -> tuple[HardnessDomain, ...]:
        """Return the whole data sets of training and test: their hidden states are encoded once for all probes."""
        names = dict.fromkeys((training_set.train.dataset, training_set.test.dataset))
        return tuple(dataset_domain(self.p, name, n_train=0, **self.worded) for name in names)

    @cached_property
    def _needed(self) -> tuple[Examples, ...]:
        """All that probes train on and are asked; nothing where they are asked all that is left of a data set."""
        probed = [sets for setting, sets in self._sets if "linear-probe" in methods_for(self.p, setting.dataset)]
        sets = list(chain.from_iterable(probed))
        tests = [self._evaluation(one.test, "probe").examples for one in sets]
        if not self.p.asked and any(not self.p.of(one.train.dataset).n_test for one in sets):
            return ()
        trains = [examples for grid in self._probes.values() for examples in grid.largest.values()]
        return tuple(dict.fromkeys([*trains, *tests]))

    @cached_property
    def _probes(self) -> dict[str, ProbeGrid]:
        """Return all probes per data set, which are fitted together in one solve."""
        trains: dict[str, list[HardnessDomain]] = {}
        for setting, sets in self._sets:
            trains.setdefault(setting.dataset, []).extend(training_set.train for training_set in sets)
        shares = dict.fromkeys((*noises(self.p, "easy"), *noises(self.p, "hard")))
        return {
            name: ProbeGrid(trains=tuple(domains), sizes=self.p.sizes, noises=tuple(shares))
            for name, domains in trains.items()
        }

    def _asked(self, domain: HardnessDomain) -> Evaluation:
        """Return the test of an untrained model."""
        if "choices" in domain.spec.forms:
            return self._evaluation(domain, "choice")
        worksheet = {"prompt": WORKSHEET} if domain.prompt == DEFAULT_PROMPT else {}
        return self._evaluation(domain.model_copy(update=worksheet), "reasoned")

    def _evaluation(self, domain: HardnessDomain, answered: Answered) -> Evaluation:
        """Return the test on ``n_test`` items, or on all that the domain's split leaves; made once."""
        if (domain, answered) not in self._evaluations:
            self._evaluations[domain, answered] = self._made(domain, answered)
        return self._evaluations[domain, answered]

    def _made(self, domain: HardnessDomain, answered: Answered) -> Evaluation:
        limits = self.p.of(domain.dataset)
        domain = domain.model_copy(update={"n_test": limits.n_test})
        n = limits.n_test or EasyToHard().size(domain, "eval")
        if answered == "reasoned":
            return Evaluation(domain=domain, n=n, style="step-by-step", max_new_tokens=limits.max_new_tokens)
        return Evaluation(domain=domain, n=n, answering="choice", per=self.p.per if answered == "choice" else "none")


def _answered(name: MethodName) -> Answered:
    if name == "linear-probe":
        return "probe"  # it has scores of its own
    return "reasoned" if _reasoned(name) else "choice"


def _reasoned(name: MethodName) -> bool:
    return name.endswith("+rationale")


def _seed(name: MethodName, train: HardnessDomain) -> int:
    """Return a seed: a draw changes the data alone, but fine-tuning is random beyond them, so each draw has its own."""
    return train.bootstrap if name.startswith("fine-tuning") else 0


def methods_for(p: HardnessParams, dataset: str) -> tuple[MethodName, ...]:
    """Return the methods of the study that a data set allows."""
    return methods_of(dataset, p.methods)


def noises(p: HardnessParams, stratum: Stratum) -> tuple[float, ...]:
    """Return the shares of random labels for training data of a level; 0 to 1."""
    return tuple(dict.fromkeys(noise_of(p, stratum, share) for share in p.noises))


def noise_of(p: HardnessParams, stratum: Stratum, share: float) -> float:
    """Return the share of random labels for training data of a level where easy ones have ``share``."""
    return min(1.0, round((p.hard_noise if stratum == "hard" else 1) * share, 6))

"""The squares of the matrix: who learns from which level, and is asked which items."""

from collections.abc import Iterator
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple

from offdiag.methods import FineTuning, InContext, LinearProbe, Method, ZeroShot
from offdiag.models import ModelSpec
from offdiag.steps import ProbeGrid
from offdiag.studies.easy_to_hard.params import Learning, Params
from offdiag.studies.easy_to_hard.settings import measures_of
from offdiag.studies.easy_to_hard.task import EasyToHard, HardnessDomain
from offdiag.studies.easy_to_hard.task.draws import pool_of
from offdiag.studies.easy_to_hard.task.specs import SPECS
from offdiag.studies.easy_to_hard.task.strata import Stratum
from offdiag.study import Arm, Cell, Evaluation

WORKSHEET = "5305"  # what the untrained model gets where answers are reasoned: a header that shows the form


class TrainingSet(NamedTuple):
    """A draw of training data: from which setting, and what is to be asked after it."""

    train: HardnessDomain
    asked: HardnessDomain


class Setting(NamedTuple):
    """A data set cut by a measure."""

    p: Params
    dataset: str
    measure: str

    def domain(self, **parameters: Any) -> HardnessDomain:
        """A domain of this setting."""
        easy_max, hard_min = self.p.cutoffs.get(self.measure, (None, None))
        return whole(self.p, self.dataset, hardness=self.measure, easy_max=easy_max, hard_min=hard_min, **parameters)

    def strata(self) -> tuple[Stratum, ...]:
        """Those of ``train_on`` that have items; everything, where there is no measure."""
        strata = pool_of(self.domain(n_train=0)).strata
        if strata is None:
            return ("all",)
        counts = strata.counts()
        return tuple(stratum for stratum in self.p.train_on if counts.get(stratum, 1))

    def training_sets(self) -> Iterator[TrainingSet]:
        """One for each stratum and draw."""
        n = self.p.kept(self.dataset)
        for stratum, b in product(self.strata(), range(self.p.bootstraps)):
            train = self.domain(level=stratum, bootstrap=b, n_train=n)
            yield TrainingSet(train, self.asked_after(train))

    def asked_after(self, train: HardnessDomain) -> HardnessDomain:
        """All levels without what was learnt; or what ``asked`` says, the same items whatever was learnt."""
        elsewhere = asked_setting(self.p)
        if elsewhere is None:
            return self.domain(train_on=train.level, bootstrap=train.bootstrap, n_train=train.n_train)
        kept = max(self.p.kept(dataset) for dataset in self.p.datasets)
        return elsewhere.domain(level="hard", train_on="hard", bootstrap=train.bootstrap, n_train=kept)

    def untrained(self) -> HardnessDomain:
        """What the untrained model is asked, once."""
        return self.domain(level="hard" if self.p.asked else "all", train_on="all", n_train=0)


def settings(p: Params) -> list[Setting]:
    """Every data set with each of its measures."""
    return [Setting(p, dataset, name) for dataset in p.datasets for name in measures_of(p.hardness, dataset)]


def asked_setting(p: Params) -> Setting | None:
    """What everybody is asked, if it is something of its own."""
    return Setting(p, p.asked, measures_of(p.hardness, p.asked)[0]) if p.asked else None


def whole(p: Params, dataset: str, **parameters: Any) -> HardnessDomain:
    """The data set, or what of it is not held out."""
    kept = HardnessDomain(dataset=dataset)
    return HardnessDomain(dataset=dataset, pool=p.pool if kept.spec.held_out else "whole", **parameters)


def cells(p: Params) -> tuple[Cell, ...]:
    """For every model: each setting untrained, and after every training_set by every method."""
    return tuple(cell for model in p.models for cell in _Grid(p, model).cells())


class _Grid:
    """The squares of one model."""

    def __init__(self, p: Params, model: ModelSpec) -> None:
        self.p, self.model = p, model

    def cells(self) -> Iterator[Cell]:
        elsewhere = asked_setting(self.p)
        for setting in settings(self.p) if elsewhere is None else [elsewhere]:
            yield Cell(arm=Arm(model=self.model, method=ZeroShot()), evaluation=self._untrained(setting))
        for setting in settings(self.p):
            for training_set, name in product(setting.training_sets(), methods_for(self.p, setting.dataset)):
                asked = self._ask(training_set.asked, reasoned=name.endswith("+rationale"))
                # The data are those of the bootstrap; with each of them fine-tuning has another seed, too.
                seed = training_set.train.bootstrap if name.startswith("fine-tuning") else 0
                for method in self._methods(name, training_set):
                    yield Cell(
                        arm=Arm(model=self.model, method=method, train=training_set.train, seed=seed), evaluation=asked
                    )

    def _methods(self, name: Learning, training_set: TrainingSet) -> Iterator[Method]:
        p, reasoned, dataset = self.p, name.endswith("+rationale"), training_set.train.dataset
        sizes = p.of(dataset).shots if name.startswith("in-context") else p.sizes
        for n, noise in product(sizes, noises(p, training_set.train.level)):
            match name:
                case "linear-probe":
                    yield LinearProbe(n=n, noise=noise, pools=self._pools(training_set), beside=self._probes[dataset])
                case "in-context" | "in-context+rationale":
                    yield InContext(k=n, noise=noise, rationale=reasoned)
                case _:
                    recipe = p.rationale_recipe if reasoned else p.recipe
                    yield FineTuning(n=n, noise=noise, rationale=reasoned, recipe=recipe)

    def _pools(self, training_set: TrainingSet) -> tuple[HardnessDomain, ...]:
        """All that is taught or asked, each data set whole."""
        names = dict.fromkeys((training_set.train.dataset, training_set.asked.dataset))
        return tuple(whole(self.p, name, n_train=0) for name in names)

    @cached_property
    def _probes(self) -> dict[str, ProbeGrid]:
        """All probes of a data set, which are fitted in one go."""
        trains: dict[str, list[HardnessDomain]] = {}
        for setting in settings(self.p):
            trains.setdefault(setting.dataset, []).extend(
                training_set.train for training_set in setting.training_sets()
            )
        shares = dict.fromkeys((*noises(self.p, "easy"), *noises(self.p, "hard")))
        return {
            name: ProbeGrid(trains=tuple(found), sizes=self.p.sizes, noises=tuple(shares))
            for name, found in trains.items()
        }

    def _untrained(self, setting: Setting) -> Evaluation:
        domain = setting.untrained()
        if "choices" in domain.spec.forms:
            return self._ask(domain, reasoned=False)
        return self._ask(domain.model_copy(update={"prompt": WORKSHEET}), reasoned=True)

    def _ask(self, domain: HardnessDomain, *, reasoned: bool) -> Evaluation:
        """Everything that the domain's split leaves to test, or as many items as are wanted."""
        limits = self.p.of(domain.dataset)
        domain = domain.model_copy(update={"n_test": limits.n_test})
        n = limits.n_test or EasyToHard().size(domain, "eval")
        if reasoned:
            return Evaluation(domain=domain, n=n, style="step-by-step", max_new_tokens=limits.max_new_tokens)
        return Evaluation(domain=domain, n=n, answering="choice")


def methods_for(p: Params, dataset: str) -> tuple[Learning, ...]:
    """The methods that a data set allows: reasoning is taught where there is some, a choice where there is one."""
    spec = SPECS[dataset]
    fits = {True: spec.reasoning, False: "choices" in spec.forms}
    return tuple(name for name in p.methods if fits[name.endswith("+rationale")])


def noises(p: Params, stratum: Stratum) -> tuple[float, ...]:
    """The shares of random labels under which learners of a stratum are taught."""
    factor = p.hard_noise if stratum == "hard" else 1
    return tuple(dict.fromkeys(min(1.0, round(factor * share, 6)) for share in p.noises))

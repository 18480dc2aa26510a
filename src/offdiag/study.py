"""Studies: a function from parameters to arms, evaluations, analyses and figures. Pure data, nothing runs here."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import getdoc
from pathlib import Path
from typing import ClassVar, Generic, Self, TypeVar

from pydantic import BaseModel, Field, model_validator

from offdiag.analyses import StudyAnalysis
from offdiag.errors import UserError, check_report_name, unfit
from offdiag.exports import StudyExport
from offdiag.figures import StudyFigure
from offdiag.identity import Identity
from offdiag.markup import card
from offdiag.methods import Answering, Method, Predictor
from offdiag.models import ModelSpec
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.sampling import Sampling
from offdiag.parameters import StudyParams as StudyParams
from offdiag.published import Published
from offdiag.steps import Examples, Generations, Grades, Judge, Judgements, Measurement, Normalisation, Weights
from offdiag.steps.scoring import JUDGE, MAJORITY, MEAN, check_score
from offdiag.tasks import NamedDomain, PromptStyle, Scalar, get_task

P = TypeVar("P", bound=StudyParams)
MOST_STAGES = 200  # before an arm: what is held of identities grows by the square of their number, calls by it


class Arm(Identity):
    """One row of the matrix: model x method x training domain x seed.

    Attributes:
        init_from: the arm whose weights it starts from (its adapter merged), instead of the pretrained ones.
        checkpoint: the optimizer step of its training after which it is evaluated, one at which its recipe keeps a
            snapshot; None for the end.
    """

    tag: ClassVar[str] = "arm"
    model: ModelSpec
    method: Method
    train: NamedDomain | None = None
    seed: int = 0
    init_from: "Arm | None" = None
    checkpoint: int | None = None

    def predictor(self) -> Predictor:
        """Return what answers: the weights, what stands before each question, and perhaps a probe.

        Raises:
            UserError: the method does not fit the training domain, ``init_from`` leaves no weights of this model, the
                training keeps no snapshot ``checkpoint``, or there are no weights at all.
        """
        earlier, arm = [], self.init_from
        while arm is not None:
            earlier.append(arm)
            arm = arm.init_from
        if len(earlier) > MOST_STAGES:
            told = f"a chain of {len(earlier) + 1} arms by init_from: at most {MOST_STAGES} are before an arm"
            raise UserError(f"{told}: go on from saved weights, as a model dir:FOLDER")
        for arm in reversed(earlier):  # the first one first, and what it is: a long chain is no deep recursion then
            hash(arm)
            if (trained := arm._predictor.weights.trained) is not None:
                _ = trained.fingerprint
        return self._predictor

    @cached_property
    def _predictor(self) -> Predictor:
        predictor = self.method.predictor(self._start(), self.train, self.seed)
        if predictor.weights.trained is None and self.model.origin.from_scratch:
            raise UserError(f"model {self.model.source} has no weights yet: give its arm the method PreTraining")
        if self.checkpoint is not None:
            return predictor._replace(weights=predictor.weights.at(self.checkpoint))
        return predictor

    def _start(self) -> Weights:
        if self.init_from is None:
            return Weights.of(self.model)
        learned = self.init_from.predictor()
        if learned.weights.trained is None or self.init_from.model != self.model:
            raise UserError(
                f"init_from={self.init_from.method.method} on {self.init_from.model.short_name}: expected an arm that "
                f"trained weights of {self.model.short_name}"
            )
        return learned.weights.merged()

    @cached_property
    def learner(self) -> "Arm":
        """The arm without its seeds and draws of training data: equal for all replicates of one learner."""
        train = None if self.train is None else self.train.without_replicate
        init_from = None if self.init_from is None else self.init_from.learner
        return self.model_copy(update={"seed": 0, "train": train, "init_from": init_from})

    def factors(self) -> dict[str, Scalar]:
        """Return the arm's columns of the results table."""
        trained = {} if self.train is None else {f"train_{k}": v for k, v in self.train.factors().items()}
        return {
            "model": self.model.short_name,
            "method": self.method.method,
            "train": None if self.train is None else str(self.train),
            "seed": None if self.train is None else self.seed,
            **({} if self.init_from is None else {"after": self.init_from.predictor().weights.label}),
            **({} if self.checkpoint is None else {"update": self.checkpoint}),
            **self._method_factors(),
            **trained,
        }

    def _method_factors(self) -> dict[str, Scalar]:
        """Return the method's columns; its training data are drawn under the arm's seed where it names no other."""
        factors = self.method.factors()
        return {**factors, "data_seed": self.seed} if factors.get("data_seed", 0) is None else factors


class Evaluation(Identity):
    """Test of an arm: a domain, a number of examples, and the wording of the question.

    Attributes:
        n: number of examples. style: wording of the question.
        answering: the learner writes its answer (``generation``), or its most likely choice counts (``choice``).
        max_new_tokens: longest written answer, in tokens.
        split: a split that no method learns from.
        per: what the log-probability of a choice is divided by, or compared with, where choices count; see
            :class:`offdiag.steps.LoglikelihoodChoices`.
        chat: settings of the model's chat template, such as ``{"thinking": "off"}``; without any, those of the model.
        system: a system turn before each prompt.
        sampling: how answers are drawn, such as ``{"temperature": 0.7, "samples": 8}``; None for the likeliest tokens.
        score: what the answers to an item are worth: ``mean``, ``pass@K`` or ``majority``, see
            :func:`offdiag.steps.scoring.check_score`.
        judge: a model that grades the answers instead of the task's grader.
    """

    tag: ClassVar[str] = "evaluation"
    added: ClassVar[frozenset[str]] = frozenset({"per", "chat", "system", "sampling", "score", "judge"})
    domain: NamedDomain
    n: int = Field(ge=1)
    style: PromptStyle = "direct"
    answering: Answering = "generation"
    max_new_tokens: int = Field(default=256, ge=1)
    split: str = "eval"
    seed: int = 0
    per: Normalisation = "none"
    chat: ChatSettings = AS_THE_TEMPLATE
    system: str = ""
    sampling: Sampling | None = None
    score: str = MEAN
    judge: Judge | None = None

    @model_validator(mode="after")
    def _compares_choices(self) -> Self:
        if self.per != "none" and self.answering != "choice":
            raise UserError(f"per={self.per!r} says how choices are compared: set answering='choice', or leave it out")
        if self.answering == "choice" and (self.sampling is not None or self.judge is not None):
            what = "sampling draws" if self.sampling is not None else "judge grades"
            raise UserError(f"{what} written answers: set answering='generation', or leave it out")
        return self

    @cached_property
    def metric(self) -> str:
        """What an item is scored by; empty where one answer is right or wrong.

        Raises:
            UserError: the score does not fit the samples or the grader, or a grader needs a judge and there is none.
        """
        measured = get_task(self.domain.task).metric(self.domain) if self.judge is None else self.judge.metric
        if measured == JUDGE and self.judge is None:
            raise UserError(
                f"{self.domain}: grader judge needs a model that judges: set judge={{'model': …}} (--judge)"
            )
        samples = None if self.sampling is None else self.sampling.samples
        check_score(self.score, samples, measured)
        shown = self.score if self.score != MEAN or (not measured and (samples or 1) > 1) else ""
        return ", ".join(filter(None, [measured, shown]))

    @property
    def right_or_wrong(self) -> bool:
        """Whether each item is right or wrong, and no score between the two is possible."""
        return self.metric == "" or self.score == MAJORITY

    @cached_property
    def examples(self) -> Examples:
        """The examples, as a step; the same object for all arms."""
        return Examples(domain=self.domain, split=self.split, n=self.n, seed=self.seed)


class Cell(Identity):
    """One square of the matrix: an arm on an evaluation."""

    tag: ClassVar[str] = "cell"
    arm: Arm
    evaluation: Evaluation

    def step(self) -> Grades:
        """Return the step whose result is this cell."""
        arm, asked = self.arm, self.evaluation
        if arm.train is not None and arm.train.task == asked.domain.task and asked.split == "train":
            raise UserError(f"an evaluation on split='train' of {asked.domain}: evaluate on a held-out split")
        outputs = arm.predictor().outputs(
            asked.examples, asked.style, asked.answering, asked.max_new_tokens, per=asked.per, chat=asked.chat,
            system=asked.system, sampling=asked.sampling,
        )  # fmt: skip
        _ = asked.metric  # refuses what does not fit
        judged = None
        if asked.judge is not None and isinstance(outputs, Generations):
            judged = Judgements.of(asked.judge, outputs)
        return Grades(answers=outputs, score=asked.score, judged=judged)

    def factors(self) -> dict[str, Scalar]:
        """Return the cell's columns of the results table."""
        asked, taught = self.evaluation, self.arm.method.taught_style
        return {
            "task": get_task(asked.domain.task).name,
            **self.arm.factors(),
            "eval": str(asked.domain),
            **({} if asked.domain.tested_on == str(asked.domain) else {"tested_on": asked.domain.tested_on}),
            "split": asked.split,
            "prompt": asked.style,
            **({} if asked.answering == "generation" else {"answering": asked.answering}),
            **({} if asked.per == "none" else {"per": asked.per}),
            **asked.chat.over(self.arm.model.chat).factors(),
            **({"system": asked.system} if asked.system else {}),
            **({} if asked.sampling is None else asked.sampling.factors()),
            **({"metric": asked.metric} if asked.metric else {}),
            **({} if asked.judge is None else {"judge": asked.judge.model.short_name}),
            "matched": None if taught is None else asked.style == taught,
            **{f"eval_{k}": v for k, v in asked.domain.factors().items()},
        }


REPORTED = ("cells", "records", "steps")  # tables of every report


@dataclass(frozen=True, kw_only=True)
class Design:
    """Content of a study at given parameters.

    Attributes:
        cells: the squares of the matrix, in the order of the tables.
        measurements: what else is measured, each kind in a table of its own.
        baseline: each cell is compared, paired by item, with the same evaluation under this method and the same model;
            where an arm starts from one of this method (``init_from``), with that one.
        analyses, figures: what is made of the results.
        published: what others have measured, for ``offdiag compare``.
        exports: files that others read, for ``offdiag export``.
        clusters: a column of the records (a stratum of the task, such as ``passage``) whose examples of one value are
            not independent; intervals then count the values, not the examples. By default examples that repeat.
    """

    cells: tuple[Cell, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    baseline: Method | None = None
    analyses: tuple[StudyAnalysis, ...] = ()
    figures: tuple[StudyFigure, ...] = ()
    published: tuple[Published, ...] = ()
    exports: tuple[StudyExport, ...] = ()
    clusters: str = ""

    def __post_init__(self) -> None:
        """Make the lists tuples, and check that each has what it should.

        Raises:
            UserError: something is of another type.
        """
        for name, kind in _LISTS.items():
            given: object = getattr(self, name)
            if isinstance(given, str | BaseModel) or not isinstance(given, Iterable):
                raise UserError(f"Design({name}=…) is {_described(given)}: expected a list of {kind.__name__} objects")
            items = tuple(given)
            if wrong := [item for item in items if not isinstance(item, kind)]:
                raise UserError(f"Design({name}=…) has {_described(wrong[0])}: expected {kind.__name__} objects alone")
            object.__setattr__(self, name, items)
        if self.baseline is not None and not isinstance(self.baseline, Method):
            raise UserError(f"Design(baseline=…) is {_described(self.baseline)}: expected a method, such as ZeroShot()")
        if not isinstance(self.clusters, str):
            raise UserError(f"Design(clusters=…) is {_described(self.clusters)}: expected the name of a column")

    def check_tables(self) -> None:
        """Check that every measurement says the table that its rows belong to.

        Raises:
            UserError: one does not.
        """
        for cls in dict.fromkeys(map(type, self.measurements)):
            if not hasattr(cls, "table"):
                raise UserError(f'measurement {cls.__qualname__} has no table: write table: ClassVar[str] = "my_rows"')

    def check_names(self) -> None:
        """Check that every table and every figure of a report has a name of its own, which can be that of a file.

        Raises:
            UserError: one cannot, or has that of another, of a measurement's table or of a table that every report has.
        """
        measured = dict.fromkeys(measurement.table for measurement in self.measurements)
        tables = [*REPORTED, *measured, *(analysis.name for analysis in self.analyses)]
        for kind, names in (("table", tables), ("figure", [figure.name for figure in self.figures])):
            for name in names:
                check_report_name(kind, name)
            if twice := [name for name, n in Counter(names).items() if n > 1]:
                raise UserError(f"{kind} {twice[0]!r} comes twice, or is one that all reports have: rename one of them")

    def baseline_of(self, cell: Cell) -> Cell | None:
        """Return the cell that ``cell`` is compared with; None for the baseline itself."""
        if self.baseline is None or cell.arm.method == self.baseline:
            return None
        before = cell.arm.init_from
        while before is not None and before.method != self.baseline:
            before = before.init_from
        arm = before or Arm(model=cell.arm.model, method=self.baseline)
        return Cell(arm=arm, evaluation=cell.evaluation)


_LISTS: Mapping[str, type] = {
    "cells": Cell,
    "measurements": Measurement,
    "analyses": StudyAnalysis,
    "figures": StudyFigure,
    "published": Published,
    "exports": StudyExport,
}


def _described(value: object) -> str:
    """Return a value and its type in a few words: ``1 (int)``."""
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:60] + '…'} ({type(value).__name__})"


@dataclass(frozen=True, kw_only=True, repr=False)
class Study(Generic[P]):
    """A named experiment at several scales.

    Attributes:
        name: as typed on the command line. title: one line. claim: what is claimed and which figure tests it.
        scales: parameters by the name of the scale. build: from parameters to the design.
        file: the Python file that it was loaded from, or None for a built-in study.
    """

    name: str
    title: str
    claim: str
    scales: Mapping[str, P]
    build: Callable[[P], Design]
    file: Path | None = None

    def __post_init__(self) -> None:
        """Check that study and scales have names that can be those of files.

        Raises:
            UserError: one has not.
        """
        for kind, name in (("study", self.name), *(("scale", name) for name in self.scales)):
            if (wrong := unfit(name)) is not None:
                raise UserError(f"{name!r} cannot name a {kind}, as reports are called by it: {wrong}")

    def __repr__(self) -> str:
        return f"<Study {self.name}: {self.title} Scales: {', '.join(self.scales)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the claim, and the parameters at each scale."""
        facts = {f"scale {name}": params for name, params in self.scales.items()}
        return card(f"{self.name}: {self.title}", self.claim, facts)

    def params(self, scale: str) -> P:
        """Return the parameters of a scale.

        Raises:
            UserError: there is no such scale.
        """
        if scale not in self.scales:
            raise UserError(f"study {self.name} has no scale {scale!r}: expected one of {', '.join(self.scales)}")
        return self.scales[scale]


def study(name: str, *, scales: Mapping[str, P]) -> Callable[[Callable[[P], Design]], Study[P]]:
    """Make a study of a function (decorator); its docstring is the title and the claim.

    Raises:
        UserError: the study has no name or no scale, a scale is no StudyParams, or what is decorated is no function.
    """
    if not str(name).strip():
        raise UserError('a study has no name: write @study("my-study", …)')
    if not scales:
        raise UserError(f'study {name} has no scales: write scales={{"quick": Params()}}')
    for scale, params in scales.items():
        if not isinstance(params, StudyParams):
            raise UserError(
                f"scale {scale!r} of study {name} is {params!r}: expected the parameters, such as Params(), of a class "
                "that extends StudyParams"
            )

    def decorate(build: Callable[[P], Design]) -> Study[P]:
        if isinstance(build, type) or not callable(build):
            raise UserError(f"study {name} is made of {build!r}: write @study above a function that returns a Design")
        title, _, claim = (getdoc(build) or str(name)).partition("\n")
        return Study(name=name, title=title.strip(), claim=claim.strip(), scales=scales, build=build)

    return decorate

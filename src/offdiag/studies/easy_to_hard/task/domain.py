"""Domains of the task easy_to_hard: data set, measure, level, split, form and prompt."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, ValidationInfo, field_validator, model_validator

from offdiag.identity import Json, fingerprint, kept
from offdiag.studies.easy_to_hard.task import library
from offdiag.studies.easy_to_hard.task.items import BUILT_IN, NAMES, SPECS, DatasetSpec, Form
from offdiag.studies.easy_to_hard.task.measures import NO_MEASURE, checked_name, split_name
from offdiag.studies.easy_to_hard.task.prompts import Template
from offdiag.studies.easy_to_hard.task.splits import Request, Scheme
from offdiag.studies.easy_to_hard.task.strata import Pool, Stratum
from offdiag.tasks.data import once
from offdiag.tasks.domain import Domain, Scalar

DEFAULT_PROMPT = "default"
Labels: TypeAlias = Literal["texts", "letters"]


class HardnessDomain(Domain):
    """Items of a data set on one level of a hardness measure.

    Attributes:
        dataset: ``synthetic``, ``chains`` and ``varied_chains`` (built in), ``arc``, ``mmlu``, ``strategyqa``,
            ``gsm8k``, ``arc_all``, ``mmlu_physics`` and other subjects, or the test items of half of ARC, ``arc_easy``
            or ``arc_challenge``; published names work too.
        form: ``choices`` or ``free``; by default the data set's first.
        hardness: a measure of the data set, or ``none``. level: the level to test, or to train on.
        train_on: the level that the training set is drawn from; by default ``level``. An evaluation names it to leave
            the training items out.
        bootstrap: number of the draw. n_train: the largest training set of the run; smaller ones are its beginnings,
            and evaluations leave all of it out, so that all methods and sizes are tested on the same items.
        n_test: items to test, balanced over the levels; 0 for all that are left. scheme: see
            :mod:`offdiag.studies.easy_to_hard.task.splits`.
        pool: all items (``whole``), those that are ``held_out`` to estimate hardness, or the others (``main``).
        easy_max, hard_min: cut-offs instead of the table's.
        prompt: four digits, see :mod:`offdiag.studies.easy_to_hard.task.prompts`; by default the data set's own.
        labels: whether the answer is the text of a choice or its letter, which the prompt must show then.
    """

    tag: ClassVar[str] = "easy_to_hard"
    task: ClassVar[str] = "easy_to_hard"
    added: ClassVar[frozenset[str]] = frozenset({"labels"})
    dataset: str = "synthetic"
    form: Form = "choices"
    hardness: str = NO_MEASURE
    level: Stratum = "all"
    train_on: Stratum = "all"
    bootstrap: int = Field(default=0, ge=0)
    n_train: int = Field(default=160, ge=0)
    n_test: int = Field(default=0, ge=0)
    scheme: Scheme = "rest"
    pool: Pool = "whole"
    easy_max: float | None = None
    hard_min: float | None = None
    prompt: str = DEFAULT_PROMPT
    labels: Labels = "texts"

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, values: Any) -> Any:
        """Add the form and training level that are not given: the data set's first form, and ``level``."""
        if not isinstance(values, dict):
            return values
        spec = SPECS.get(NAMES.get(str(values.get("dataset", "synthetic")), ""))
        form = {} if spec is None else {"form": spec.forms[0]}
        return {**form, "train_on": values.get("level", "all"), **values}

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, value: str) -> str:
        if value not in NAMES:
            raise ValueError(f"is no data set; expected one of {', '.join(SPECS)}")
        return NAMES[value]

    @field_validator("hardness")
    @classmethod
    def _known_measure(cls, value: str, info: ValidationInfo) -> str:
        return checked_name(SPECS[info.data["dataset"]], value) if "dataset" in info.data else value

    @field_validator("prompt")
    @classmethod
    def _known_prompt(cls, value: str) -> str:
        return value if value == DEFAULT_PROMPT else Template(value).id

    @model_validator(mode="after")
    def _consistent(self) -> "HardnessDomain":
        if self.form not in self.spec.forms:
            raise ValueError(f"{self.dataset} has no form {self.form!r}; it has {', '.join(self.spec.forms)}")
        leveled = self.scheme in ("equal", "equal_extra") or (self.level, self.train_on) != ("all", "all")
        if self.hardness == NO_MEASURE and (leveled or self.easy_max is not None or self.hard_min is not None):
            names = ", ".join([*self.spec.human, *self.spec.surface])
            raise ValueError(f"levels need a measure; set hardness to one of {names}")
        if self.pool != "whole" and not self.spec.held_out:
            raise ValueError(f"{self.dataset} holds nothing out; leave pool at whole")
        shown = self.form == "choices" and self.template(reasoned=False).lettered
        if self.labels == "letters" and not shown:
            raise ValueError("labels=letters needs a prompt that shows letters, whose third digit is 4, such as 0040")
        return self

    @property
    def spec(self) -> DatasetSpec:
        """The specification of the data set."""
        return SPECS[self.dataset]

    @property
    def request(self) -> Request:
        """The settings of the split of the pool."""
        return Request(
            scheme=self.scheme, train_on=self.train_on, test_on=self.level, n_train=self.n_train, n_test=self.n_test
        )

    def template(self, *, reasoned: bool) -> Template:
        """Return the prompt template, with or without reasoning before the answer."""
        return Template(self.spec.prompts[self.form][int(reasoned)] if self.prompt == DEFAULT_PROMPT else self.prompt)

    def canonical(self) -> dict[str, Json]:
        """Return the parameters with hashes of the data they refer to, wherever the data lie.

        Raises:
            UserError: the data are not there.
        """
        return {**super().canonical(), **self.contents()}

    def contents(self) -> dict[str, Json]:
        """Return hashes of the data and of a model-based measure; nothing where all data are built in.

        Raises:
            UserError: the data are not there.
        """
        if self.dataset in BUILT_IN and split_name(self.hardness)[1] is None:
            return {}
        return dict(once(self._contents, "contents", self.dataset, self.hardness))

    def _contents(self) -> dict[str, Json]:
        data = library.dataset(self.dataset)
        if split_name(self.hardness)[1] is None:
            return {"content": data.content}
        return {"content": data.content, "hardness_content": fingerprint(library.table(data, self.hardness))}

    @property
    def tested_on(self) -> str:
        """Label of the domain as a test, whichever training set it leaves out."""
        untaught = {"train_on": self.level, "n_train": type(self).model_fields["n_train"].default}
        return str(self.without_replicate.model_copy(update=untaught))

    @property
    def without_replicate(self) -> Self:
        """The domain with the first draw."""
        return self.model_copy(update={"bootstrap": 0})

    def __str__(self) -> str:
        """Return the data set and all parameters that are not at their defaults."""
        return self._text

    @kept
    def _text(self) -> str:
        shown: dict[str, Scalar] = {"dataset": self.dataset}
        plain = _plain(self.dataset, self.level, self.hardness)
        for name, value in self.factors().items():
            if name in ("level", "hardness"):
                if value not in ("all", NO_MEASURE):
                    shown[name] = value
            elif value != plain[name]:
                shown[name] = value
        return ",".join(f"{name}={value}" for name, value in shown.items())


@lru_cache(maxsize=256)
def _plain(dataset: str, level: Stratum, hardness: str) -> Mapping[str, Scalar]:
    """Return the parameters of a domain that has the others at their defaults."""
    return HardnessDomain(dataset=dataset, level=level, hardness=hardness).factors()

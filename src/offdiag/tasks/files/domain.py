"""Domains of the task ``files``: a data set of a person's own, what its columns mean, and how answers are graded."""

import re
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, model_validator

from offdiag.identity import Json
from offdiag.tasks.domain import Domain, Scalar
from offdiag.tasks.files.columns import Columns
from offdiag.tasks.files.sources import Role, RowSource

AUTO = "auto"
_ROLE_WORDS = re.compile(
    r"(?i)(?:^|[-_. ]+)(?:train(?:ing)?|tests?|eval(?:uation)?|dev|valid(?:ation)?|data)(?=$|[-_. ])"
)


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split("|") if part.strip()) if isinstance(value, str) else value


Texts: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split)]


class FilesDomain(Domain):
    """A data set of your own: where its rows are, which columns say what, and how answers are graded.

    Its identity is what is read (rows, wording, grades), never where it lies or what the files are called.

    Attributes:
        name: label in tables; by default the file's name without ``train``, ``test`` and the like.
        train, eval: sources of the two splits, see :mod:`offdiag.tasks.files.sources`. With ``train`` alone a share
            ``holdout`` of its rows is held out as the split ``eval``; with ``eval`` alone there is nothing to learn.
        prompt, target, rationale, id: a column, or a template such as ``"{premise} So: {hypothesis}?"``; guessed from
            common names where empty. A column ``messages`` has conversations, whose last turn is the target.
        choices: a column with lists of choices, or columns with ``|`` between.
        labels: the fixed set of answers, with ``|`` between; ``auto`` is all targets of the data set.
        strata: columns to split results by, with ``|`` between.
        grader: see :mod:`offdiag.tasks.files.named_graders`; ``auto`` is ``choice`` where there are choices, or else
            ``exact``.
        answer: whether an answer by choice is its text or its letter.
        options: how the prompt shows choices: ``lettered``, ``listed`` in a line, or ``hidden``; ``auto`` letters those
            of a row, and hides a fixed set.
        lead: what stands on the last line of a prompt, before the reply; ``auto`` is ``Answer:`` behind a bare column.
        system: a system turn before each prompt.
        holdout, holdout_seed: of the split of a single file, which has as much of each label in both parts; with 0 all
            of it is trained on.
        order: of the training rows: ``shuffled`` by the seed, or ``balanced``, each label in turn.
        without: sources whose prompts are left out of the evaluation, up to case, space and punctuation.
        empty: what to do with rows without a target.
    """

    tag: ClassVar[str] = "files"
    task: ClassVar[str] = "files"
    free_text: ClassVar[bool] = True
    bare: ClassVar[str] = "eval"
    name: str = ""
    train: str = ""
    eval: str = ""
    prompt: str = ""
    target: str = ""
    choices: str = ""
    labels: Texts = ()
    rationale: str = ""
    id: str = ""
    strata: Texts = ()
    grader: str = AUTO
    answer: Literal["text", "letter"] = "text"
    options: Literal["auto", "lettered", "listed", "hidden"] = "auto"
    lead: str = AUTO
    system: str = ""
    holdout: float = Field(default=0.2, ge=0, lt=1)
    holdout_seed: int = 0
    order: Literal["shuffled", "balanced"] = "shuffled"
    without: Texts = ()
    empty: Literal["refuse", "skip"] = "refuse"

    @model_validator(mode="after")
    def _has_rows(self) -> Self:
        if not (self.train or self.eval):
            raise ValueError("a data set needs rows: set train=FILE, eval=FILE, or both")
        if self.labels and self.labels != (AUTO,) and len(self.labels) < 2:
            raise ValueError(
                f"labels={self.labels[0]}: a set of one label decides nothing; give two or more (--labels a b, "
                "labels=a|b), or auto"
            )
        if twice := [label for label in self.labels if self.labels.count(label) > 1]:
            raise ValueError(f"labels: {twice[0]!r} is there twice: give each once")
        if self.labels and self.choices:
            raise ValueError("labels are a set for all rows and choices one for each: set one of the two")
        return self

    @property
    def sources(self) -> dict[Role, RowSource]:
        """The sources that are read, by what for."""
        given: dict[Role, str] = {"train": self.train, "eval": self.eval}
        return {role: RowSource.of(text) for role, text in given.items() if text}

    @property
    def columns(self) -> Columns:
        """Which columns are read, and how."""
        return Columns(
            prompt=self.prompt, target=self.target, choices=self.choices, rationale=self.rationale, id=self.id,
            strata=self.strata, answer=self.answer, empty=self.empty,
        )  # fmt: skip

    @property
    def label(self) -> str:
        """The name, or what is left of the file's name without the words for splits."""
        if self.name:
            return self.name
        stems = [one.stem for one in next(iter(self.sources.values())).each]
        return "+".join(_ROLE_WORDS.sub("", stem).strip("-_. ") or stem for stem in stems)

    def canonical(self) -> dict[str, Json]:
        """Return nothing of the place: rows, prompts and grader are hashed by the steps that use them."""
        order: dict[str, Json] = {} if self.order == "shuffled" else {"order": self.order}
        return {"@": self.tag, **order}

    @property
    def seed_name(self) -> str:
        return self.tag

    def balanced(self) -> Self:
        return self.model_copy(update={"order": "balanced"})

    @property
    def drawn_name(self) -> str:
        return "" if self.order == "shuffled" else f".{self.order}"

    def factors(self) -> dict[str, Scalar]:
        """Return the label alone, since paths would fill every table."""
        return {"name": self.label}

    def __str__(self) -> str:
        """Return the label, by which tables and folders call it."""
        return self.label

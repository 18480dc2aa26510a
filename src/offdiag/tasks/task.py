"""The contract of a task: a family of examples with prompts and a grader; never torch.

A task says what its domains are, draws examples of a named split, words a prompt and the ideal response, and grades a
completion. Everything else (how a model meets the examples) is a method's business.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

from offdiag.errors import UserError, some
from offdiag.identity import Json
from offdiag.registry import Registry
from offdiag.tasks.domain import Domain, Scalar
from offdiag.tasks.stream import Loss, Stream, StreamPart

PromptStyle: TypeAlias = Literal["direct", "step-by-step"]
Status: TypeAlias = Literal["parsed", "unparsed", "ungraded", "not-finite"]
UNRATED: frozenset[Status] = frozenset({"ungraded", "not-finite"})  # in no rate


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """One item of a domain.

    Attributes:
        id: unique within (task, domain, split).
        problem: the bare item, e.g. ``"76+76"``.
        target: the right answer as the grader compares it.
        rationale: worked solution that ends in the answer, where the task has one.
        choices: answer options, where the task has them.
        strata: properties to split results by, e.g. ``{"carries": 2}``.
        references: other answers that are as right as the target, where the task has them.
    """

    id: str
    problem: str
    target: str
    rationale: str | None = None
    choices: tuple[str, ...] = ()
    strata: Mapping[str, Scalar] = field(default_factory=dict)
    references: tuple[str, ...] = ()

    def fields(self) -> dict[str, Any]:
        """Return the fields as JSON has them; other right answers only where there are any."""
        return {name: getattr(self, name) for name in self.__slots__ if name != "references" or self.references}


@dataclass(frozen=True, kw_only=True, slots=True)
class Grade:
    """The grader's verdict on one completion.

    Attributes:
        parsed: the answer that was found, or None.
        status: ``"unparsed"`` where no answer was found; always scored wrong and counted in a column of its own.
            ``"ungraded"`` where the grader failed, with its error as a flag, and ``"not-finite"``, which no task
            gives, where the model has no answer: errors that no rate counts.
        correct: whether ``parsed`` is the target.
        flags: remarks that do not change the verdict, e.g. ``("unterminated",)``.
        error: how far a parsed answer is off, at least 0 in the task's unit; None where right or wrong is all there is.
        score: what the answer is worth, from 0 to 1, where it is more than right or wrong; ``correct`` then says
            whether it is 1, and no table counts it.
    """

    parsed: str | None
    status: Status
    correct: bool
    flags: tuple[str, ...] = ()
    error: float | None = None
    score: float | None = None


D = TypeVar("D", bound=Domain)


class Task(ABC, Generic[D]):
    """A family of examples with a grader.

    Subclass it and name the class in the entry points ``offdiag.tasks`` of your package, or decorate it with
    ``@register`` in a study file or in a module beside it.

    ``graded_by_error`` says that grades have an ``error``, so that the mean and the median of it are worth a column.
    ``preamble`` stands before demonstrations, ``separator`` between them and before the query. ``response_prefix``
    stands between a question and its reply where a model has no chat template: a blank, as in demonstrations.
    ``reads_data`` says that some data are
    not built in, but read from where :mod:`offdiag.tasks.data` says; a hash of what they are belongs to the domain's
    identity then. ``hashes_rows`` says that identities hold a hash of the examples and prompts that a step uses, as
    they do for the tasks of other packages. ``overlap_advice`` says what to do where training and test share items.

    The three versions are part of every identity that uses what they version: raise ``data_version`` when the drawn
    examples change, ``prompt_version`` when the wording changes, ``extractor_version`` when grading changes. A task of
    another package is also hashed by content (:mod:`offdiag.tasks.content`), so an edit is seen without that; only what
    no code shows, such as a file that ``grade`` reads when it is called, needs a higher version.
    """

    name: ClassVar[str]
    domain_type: ClassVar[type[Domain]]
    splits: ClassVar[tuple[str, ...]] = ("train", "eval")
    data_version: ClassVar[int] = 1
    prompt_version: ClassVar[int] = 1
    extractor_version: ClassVar[int] = 1
    graded_by_error: ClassVar[bool] = False
    preamble: ClassVar[str] = "Examples: "
    separator: ClassVar[str] = "\n"
    response_prefix: ClassVar[str] = " "
    reads_data: ClassVar[bool] = False
    hashes_rows: ClassVar[bool] = False
    overlap_advice: ClassVar[str] = "ask items that are not taught, of another split or domain"

    @abstractmethod
    def domains(self) -> Sequence[D]:
        """Return the domains that the published study uses; other valid parameters work, too."""

    @abstractmethod
    def examples(self, domain: D, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` examples of a split; a longer request starts with the same ones.

        Raises:
            UserError: the split is unknown, or the domain has fewer than ``n`` examples for it.
        """

    def size(self, domain: D, split: str) -> int | None:
        """Return how many examples the split has; None where it does not run out.

        Raises:
            UserError: the split is unknown.
        """
        self.check_split(split)
        return None

    def check_available(self, domain: D, split: str, n: int, otherwise: str = "") -> None:
        """Refuse to ask for more examples than a split has.

        Raises:
            UserError: the split is unknown or has fewer than ``n``; ``otherwise`` ends the advice.
        """
        available = self.size(domain, split)
        if n < 0 or (available is not None and n > available):
            advice = ", ".join(filter(None, [f"ask for {available} or fewer", otherwise]))
            raise UserError(
                f"{self.name} {domain}: {some(n, 'example')} of split {split!r} asked for, but it has {available}; "
                f"{advice}"
            )

    def redrawn(self, domain: D, split: str, seed: int) -> dict[str, Json]:
        """Return what the identity of a split says beside its data version, where only some draws have changed since.

        Results of all other draws stay valid, which a higher version would make stale.
        """
        return {}

    def stops(self, domain: D, style: PromptStyle) -> tuple[str, ...]:
        """Return texts from which on a completion says nothing that is graded, such as a further question.

        A model stops there, instead of writing on to ``max_new_tokens``; a server is sent the first four.
        """
        return ()

    def vets_choices(self, domain: D) -> bool:
        """Whether reading the data refuses items that lack two choices, have an empty one, or not the right one once.

        A plan then does not draw the examples to see to it.
        """
        return False

    @abstractmethod
    def demonstrations(self, domain: D, query: Example, k: int, seed: int) -> list[Example]:
        """Return ``k`` training examples drawn for one query, never the query itself."""

    @abstractmethod
    def prompt(self, domain: D, example: Example, style: PromptStyle) -> str:
        """Return the user's turn that asks for this example."""

    @abstractmethod
    def response(self, domain: D, example: Example, *, rationale: bool) -> str:
        """Return the ideal reply, which fine-tuning teaches and a demonstration shows."""

    def chosen_reply(self, domain: D, example: Example, choice: str) -> str:
        """Return the reply that gives a choice, by which it is compared with the others; mostly the choice itself."""
        return choice

    @abstractmethod
    def grade(self, domain: D, example: Example, completion: str) -> Grade:
        """Grade one completion (the generated text alone, never the prompt)."""

    @abstractmethod
    def parse_problem(self, domain: D, problem: str) -> Example:
        """Parse a bare problem to an example, for grading completions that were made elsewhere.

        Raises:
            UserError: the text is not a problem of this domain.
        """

    def row(self, domain: D, example: Example) -> dict[str, Json]:
        """Return the example as a line of training data, in the layout that chat trainers read."""
        return {
            "messages": [
                {"role": "user", "content": self.prompt(domain, example, "direct")},
                {"role": "assistant", "content": self.response(domain, example, rationale=False)},
            ]
        }

    def files(self, domain: D, seed: int) -> dict[str, list[dict[str, Json]]]:
        """Return the files of the published study with this data, by name without ``.jsonl``."""
        return {}

    def stream(self, parts: Sequence[StreamPart], *, loss: Loss, data_seed: int) -> Stream:
        """Return the parts as one stream of token sequences, for a model trained from scratch.

        Args:
            parts: what is learnt. loss: whether it is on the answers only or on the whole text.
            data_seed: of the parts' own rows; which rows make a batch depends on the training's seed.

        Raises:
            UserError: the task has no tokens of its own.
        """
        raise UserError(f"{self.name} is worded for pretrained models: nothing can learn it from scratch")

    def key(self, domain: D, example: Example) -> str:
        """Return a key that is equal for the same item up to symmetries, such as swapped operands.

        Keys are compared across the task's domains too, so whatever makes the same text another item (the base of an
        addition) belongs to the key.
        """
        return example.problem

    def keys(self, domain: D, split: str, n: int, seed: int) -> frozenset[str]:
        """Return the keys of the first ``n`` examples; override it where that needs no examples.

        Raises:
            UserError: as :meth:`examples` does.
        """
        return frozenset(self.key(domain, example) for example in self.examples(domain, split, n, seed))

    def reply_prefix(self, domain: D) -> str:
        """Return what stands between a question and its reply where a model has no chat template."""
        return self.response_prefix

    def grader_identity(self, domain: D) -> Json:
        """Return what grades depend on besides ``extractor_version``; None where that is all."""
        return None

    def metric(self, domain: D) -> str:
        """Return the name of the score from 0 to 1 that grades have; empty where answers are right or wrong."""
        return ""

    def place(self, domain: D, split: str, example: Example) -> str:
        """Return where an example stands, for messages: its id, or file and line."""
        return example.id

    def check_data(self, domain: D, split: str) -> None:
        """Check a split, once its rows are read, for what would make results wrong; plans call it.

        Raises:
            UserError: something is wrong; the message says where.
        """
        return

    def remarks(self, domain: D) -> list[str]:
        """Return lines that a plan says of the data of a domain; mostly nothing."""
        return []

    def overlaps(self, taught: Sequence[D], asked: Sequence[D]) -> list[str]:
        """Return lines that a plan says of what is both taught and asked, nearly or in part; mostly nothing.

        The same item in training and test is refused, see :meth:`key`.
        """
        return []

    def longest(self, domain: D) -> list[str]:
        """Return the longest exchanges of a domain, whose tokens a plan compares with the context; mostly none."""
        return []

    def summary(self, domain: D) -> dict[str, Json]:
        """Return what a person should know of the data behind a domain; mostly nothing."""
        return {}

    def check_split(self, split: str) -> None:
        """Refuse a split that the task does not have.

        Raises:
            UserError: the split is unknown; the message lists those there are.
        """
        if split not in self.splits:
            raise UserError(f"{self.name} has no split {split!r}: expected one of {', '.join(self.splits)}")


TASKS = Registry[type[Task[Any]]]("task", "offdiag.tasks", Task, named_by="name", decorator="@register")
T = TypeVar("T", bound=type[Task[Any]])


def register(cls: T) -> T:
    """Register the task of a study file, or of a module beside it (class decorator).

    Raises:
        UserError: another task has this name.
    """
    TASKS.add(cls.name, cls)
    return cls


def task_names() -> list[str]:
    """Return the names of all known tasks, sorted; nothing is imported."""
    return TASKS.names()


def get_task(name: str) -> Task[Any]:
    """Return the task ``name``, always the same object.

    Raises:
        UserError: no such task, or it cannot be loaded; the message lists those there are, or says why.
    """
    return _only(TASKS.get(name))


@cache
def _only(cls: type[Task[Any]]) -> Task[Any]:
    return cls()

"""In-context learning: k demonstrations in the prompt.

One user turn has all demonstrations, each on a line of its own, and the query last:

    Examples: <question 1> <answer 1>
    <question 2> <answer 2>
    <query>

A task may have another preamble than ``Examples:`` and another separator than a line break. With ``turns=True`` each
demonstration is a turn of the user and a reply of the assistant in the model's chat template instead.

Fixed demonstrations have one order, so the prompt for k is the beginning of the prompt for k + 1, and a model that
shares prefixes encodes the prompts for all k once.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

from pydantic import Field

from offdiag.conversation import Spoken, after_system, last_of, with_last, without_system
from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.methods.method import Method, Predictor, default_style
from offdiag.steps import Context, Examples, Weights, Work, load_examples
from offdiag.steps.label_noise import noise_stream, with_label_noise
from offdiag.tasks import Domain, Example, PromptStyle, Scalar, get_task
from offdiag.tasks.content import per_query_identity

FORMAT_VERSION = 1


def few_shot_prompt(
    demonstrations: Sequence[str], query: str, preamble: str = "Examples: ", separator: str = "\n"
) -> str:
    r"""Return the user turn: demonstrations as texts, then the query.

    >>> few_shot_prompt(["1+1? 2", "1+2? 3"], "2+2?")
    'Examples: 1+1? 2\n1+2? 3\n2+2?'
    """
    return preamble + separator.join([*demonstrations, query])


class Shown(NamedTuple):
    """One demonstration in words: the question and its answer."""

    question: str
    answer: str


class Demonstrations(Context):
    """``k`` demonstrations of a training domain before each query.

    Attributes:
        domain, k, seed: of the examples. fixed: the step that draws the same ones for every query, or None if each
            query has its own draw.
        rationale: whether the answers give worked solutions. style: wording of the demonstrated questions.
        noise: share of them that get a random answer, see :mod:`offdiag.steps.label_noise`.
        turns: whether they are turns of the chat template instead of lines in the question.
    """

    tag: ClassVar[str] = "demonstrations"
    added: ClassVar[frozenset[str]] = frozenset({"noise", "turns"})
    domain: Domain
    k: int
    seed: int
    fixed: Examples | None
    rationale: bool
    style: PromptStyle
    noise: float = 0.0
    turns: bool = False

    def canonical(self) -> dict[str, Json]:
        task = get_task(self.domain.task)
        if self.fixed is None:
            shown = per_query_identity(self.domain, self.seed, self.style, rationale=self.rationale)
        else:
            shown = {"data_version": task.data_version, **self.fixed.worded(self.style, self.rationale)}
        return {**super().canonical(), "task": task.name, "format_version": FORMAT_VERSION, **shown}

    @property
    def label(self) -> str:
        answers = "rationale" if self.rationale else "answer-only"
        drawn = "" if self.fixed is not None else ".per-query"
        asked = "" if self.style == default_style(rationale=self.rationale) else f".{self.style}"
        noise = f".noise{self.noise:g}" if self.noise else ""
        turns = ".turns" if self.turns else ""
        return f"k{self.k}.{answers}{turns}{self.domain.drawn_name}{drawn}{asked}{noise}.{self.domain}.s{self.seed}"

    @property
    def replies(self) -> bool:
        return self.turns

    def prompts(self, work: Work, domain: Domain, queries: Sequence[Example], bare: Sequence[str]) -> list[str]:
        task = get_task(self.domain.task)
        if self.fixed is not None:
            shown = self._rendered(load_examples(work.output(self.fixed)))
            return [self._before(shown, prompt) for prompt in bare]
        draws = [task.demonstrations(self.domain, query, self.k, self.seed) for query in queries]
        return [
            self._before(self._rendered(draw, query.id), prompt)
            for draw, query, prompt in zip(draws, queries, bare, strict=True)
        ]

    def shortened(self, work: Work, domain: Domain, query: Example, bare: str, dropped: int) -> str | None:
        if dropped > self.k:
            return None
        task = get_task(self.domain.task)
        drawn = (
            self._rendered(load_examples(work.output(self.fixed)))
            if self.fixed is not None
            else self._rendered(task.demonstrations(self.domain, query, self.k, self.seed), query.id)
        )
        return self._before(drawn[: self.k - dropped], bare)

    def _before(self, shown: Sequence[Shown], prompt: str) -> str:
        """Return the prompt with the demonstrations: turns before its own, or text at the beginning of its last one."""
        if self.turns:
            return after_system(prompt, [Spoken(*turn) for one in shown for turn in
                                         (("user", one.question), ("assistant", one.answer))])  # fmt: skip
        task = get_task(self.domain.task)
        lines = [f"{one.question} {one.answer}" for one in shown]
        return with_last(prompt, few_shot_prompt(lines, last_of(prompt), task.preamble, task.separator))

    def _rendered(self, demonstrations: Sequence[Example], *of: str) -> list[Shown]:
        task = get_task(self.domain.task)
        taught = with_label_noise(demonstrations, self.noise, noise_stream(self.seed, self.domain, *of))
        return [
            Shown(
                without_system(task.prompt(self.domain, shown, self.style)),
                task.response(self.domain, shown, rationale=self.rationale),
            )
            for shown in taught
        ]


class InContext(Method):
    """``k`` demonstrations, with or without a rationale, the same for all queries or drawn for each.

    Attributes:
        k: number of demonstrations.
        rationale: whether their answers give worked solutions; by default bare answers, as in fine-tuning.
        demonstrations: ``"fixed"``: the first k training examples; ``"per-query"``: one draw per query.
        style: wording of the demonstrated questions; by default step-by-step with a rationale and direct without,
            so that the question asks for what its answer gives.
        noise: probability that a demonstration gets a random label, or the answer and rationale of another one.
        balanced: each label in turn, where the task knows labels.
        turns: each demonstration is a turn of the user and one of the assistant in the model's chat template.
    """

    tag: ClassVar[str] = "in-context"
    added: ClassVar[frozenset[str]] = frozenset({"noise", "balanced", "turns"})
    method: ClassVar[str] = "in-context"
    k: int = Field(ge=1)
    rationale: bool = False
    demonstrations: Literal["fixed", "per-query"] = "fixed"
    style: PromptStyle | None = None
    noise: float = Field(default=0.0, ge=0, le=1)
    balanced: bool = False
    turns: bool = False

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is None:
            raise UserError("in-context learning needs a training domain to take demonstrations from: set train=")
        fixed, train = None, train.balanced() if self.balanced else train
        if self.demonstrations == "fixed":
            fixed = Examples(domain=train, split="train", n=self.k, seed=seed)
        context = Demonstrations(
            domain=train,
            k=self.k,
            seed=seed,
            fixed=fixed,
            rationale=self.rationale,
            style=self.taught_style,
            noise=self.noise,
            turns=self.turns,
        )
        return Predictor(model, context)

    @property
    def taught_style(self) -> PromptStyle:
        return self.style or default_style(rationale=self.rationale)

    def factors(self) -> dict[str, Scalar]:
        shown = {"rationale": self.rationale, "demonstrations": self.demonstrations}
        balanced = {"balanced": True} if self.balanced else {}
        turns = {"turns": True} if self.turns else {}
        return {"k": self.k, **shown, **balanced, **turns, "noise": self.noise}

"""What every model can be asked, whether its weights are loaded here or it answers over a network; never torch."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

from offdiag.models.chat_settings import ChatSettings
from offdiag.models.sampling import Draws

Finish: TypeAlias = Literal["stop", "length", "filtered", "not-finite"]


@dataclass(frozen=True)
class Completion:
    """The answer of a model to one prompt.

    Attributes:
        index: of the answer among those of the call: that of its prompt, times the answers to each, plus its sample.
        text: the generated text, without special tokens.
        n_prompt: number of tokens of the rendered prompt. n_tokens: generated tokens, with the end token if it came;
            both are None where a server does not count them.
        finish: ``"stop"`` at an end token or a stop string, ``"length"`` at ``max_new_tokens``, ``"filtered"`` where a
            server held an answer back, ``"not-finite"`` where the model gave no finite numbers: then there is no text.
        ids: the generated ids, with the end token if it came; empty where a server answered.
        fingerprint: what a server says of the system that answered; empty where nothing is known.
    """

    index: int
    text: str
    n_prompt: int | None
    n_tokens: int | None
    finish: Finish
    ids: tuple[int, ...] = ()
    fingerprint: str = ""


class Score(NamedTuple):
    """The log-probability of a continuation after its prompt.

    Attributes:
        logprob: sum of the natural-log probabilities of its tokens; at most 0.
        n_tokens: number of its tokens, at least 1; the end token is not scored.
        exact: False where a server lists the likeliest tokens only, and ``logprob`` is the most that it can be.
    """

    logprob: float
    n_tokens: int
    exact: bool = True


class TrialQuestion(NamedTuple):
    """A question of a kind that a step will ask, by which a server is tried out before a run.

    Attributes:
        prompt: a user turn. choices: those to compare; empty where an answer is written.
        response_prefix, settings: as for :meth:`AnsweringModel.generate`.
    """

    prompt: str
    choices: tuple[str, ...]
    response_prefix: str
    settings: ChatSettings

    @property
    def kind(self) -> tuple[bool, ChatSettings]:
        """What one trial shows for all questions: whether choices can be compared, and at which settings."""
        return bool(self.choices), self.settings


class AnsweringModel(Protocol):
    """A model that writes answers and compares choices: all that evaluations need of one."""

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        skip: Container[int] = (),
        response_prefix: str,
        settings: ChatSettings,
        draws: Draws | None = None,
    ) -> Iterator[list[Completion]]:
        """Answer user turns, some at a time in any order; see :meth:`offdiag.models.lm.LM.generate`."""

    def score(
        self,
        prompts: Sequence[str],
        continuations: Sequence[Sequence[str]],
        response_prefix: str,
        settings: ChatSettings,
    ) -> list[list[Score]]:
        """Return the log-probability of each continuation after its prompt; see :meth:`offdiag.models.lm.LM.score`."""

    def score_unasked(
        self, continuations: Sequence[Sequence[str]], response_prefix: str, settings: ChatSettings
    ) -> list[list[Score]]:
        """Return the log-probability of each continuation as the reply to no question."""


class ScoresEach(Protocol):
    """A model that compares the choices of each question by themselves, so that each result can be kept as it comes."""

    def score_each(
        self,
        prompts: Sequence[str],
        continuations: Sequence[Sequence[str]],
        response_prefix: str,
        settings: ChatSettings,
    ) -> Iterator[tuple[int, list[Score]]]:
        """Yield the place of each prompt, in any order, with the log-probabilities of its continuations."""

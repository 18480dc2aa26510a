"""Pairs of prompts of equally many tokens that call for different continuations, for activation patching."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from offdiag.errors import UserError
from offdiag.models.chat import chat_of
from offdiag.models.inference.scoring import Question, question


@dataclass(frozen=True)
class Contrast:
    """A clean and a corrupted prompt, with two continuations that are the same after both.

    Attributes:
        clean, corrupted: the prompts with their continuations, of which the clean one calls for the first.

    Raises:
        ValueError: the prompts are not aligned, or are the same, or their continuations are.
    """

    clean: Question
    corrupted: Question

    def __post_init__(self) -> None:
        if not _aligned(self.clean, self.corrupted) or self.clean.stem == self.corrupted.stem:
            raise ValueError("expected two prompts of as many tokens, not the same, with the same two continuations")

    @property
    def fork(self) -> int:
        """Index of the first token that differs; what stands before it is the same in both runs."""
        return next(i for i, (a, b) in enumerate(zip(self.clean.stem, self.corrupted.stem, strict=True)) if a != b)

    @property
    def length(self) -> int:
        """Number of tokens of each prompt; the last one is that after which the continuations are compared."""
        return len(self.clean.stem)


def contrast(
    tokenizer: PreTrainedTokenizerBase, clean: str, corrupted: str, continuations: tuple[str, str]
) -> Contrast | None:
    """Return the contrast of two user turns, or None where their tokens or those of the continuations do not match.

    Args:
        continuations: the replies that the clean and the corrupted prompt call for, of any number of tokens.
    """
    chat = chat_of(tokenizer)
    first, second = (question(chat, prompt, continuations) for prompt in (clean, corrupted))
    return Contrast(first, second) if _aligned(first, second) else None


def token_spans(
    tokenizer: PreTrainedTokenizerBase, prompt: str, characters: Sequence[tuple[int, int]]
) -> list[tuple[int, ...]]:
    """Return the indices of the tokens that hold a character of each span, in the prompt as the model sees it.

    Args:
        tokenizer: a fast one, which knows where its tokens stand in the text.
        prompt: user turn; the chat template is applied here. characters: spans of it, from and up to.

    Raises:
        UserError: the tokenizer is a slow one, or its chat template changes the prompt.
    """
    chat = chat_of(tokenizer)
    start = chat.turn.opened(prompt).rfind(prompt)
    if not tokenizer.is_fast or start < 0:
        found = "the chat template changes the prompt" if tokenizer.is_fast else "this tokenizer is a slow one"
        raise UserError(f"{found}: its tokens cannot be found in the text; patching needs another model")
    places = [(low - start, high - start) for low, high in chat.spans(prompt)]
    return [tuple(i for i, (low, high) in enumerate(places) if low < end and high > begin) for begin, end in characters]


def _aligned(first: Question, second: Question) -> bool:
    return first.endings == second.endings and len(set(first.endings)) == 2 and len(first.stem) == len(second.stem)

"""Log-probabilities of given continuations; each prompt is prefilled once for all of its continuations."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from offdiag.errors import UserError
from offdiag.models.chat import RESPONSE_PREFIX, begun_ids, tokenise
from offdiag.models.inference.forward import Rows


class Score(NamedTuple):
    """The log-probability of a continuation after its prompt.

    Attributes:
        logprob: sum of the natural-log probabilities of its tokens; at most 0.
        n_tokens: number of its tokens, at least 1; the end token is not scored.
    """

    logprob: float
    n_tokens: int


@dataclass(frozen=True)
class Question:
    """A prompt with its continuations as tokens; ``starts`` says how many tokens of each ending belong to the prompt.

    Boundary tokens may differ between continuations, so that all of them may share fewer tokens than the prompt has:

        prompt     a b c           continuations   [d e], [cd e] (c and d merge)
        stem       a b             endings         [c d e], [cd e]    starts  1, 0
    """

    stem: tuple[int, ...]
    endings: tuple[tuple[int, ...], ...]
    starts: tuple[int, ...]

    @property
    def longest(self) -> int:
        """Number of tokens of the longest ending."""
        return max(len(ending) for ending in self.endings)

    @property
    def cost(self) -> int:
        """Tokens that the row adds to its own: it becomes a row per ending of several tokens."""
        longer = sum(len(ending) > 1 for ending in self.endings)
        return max(0, longer - 1) * (len(self.stem) + self.longest) + self.longest


def question(
    tokenizer: PreTrainedTokenizerBase,
    prompt: str,
    continuations: Sequence[str],
    response_prefix: str = RESPONSE_PREFIX,
) -> Question:
    """Tokenise a prompt together with each of its continuations; ``response_prefix`` as for ``render``.

    Raises:
        UserError: there is no continuation, one adds no token, or the prompt has no token of its own.
    """
    if not continuations:
        raise UserError(f"the prompt {prompt[:60]!r} has no continuations to score; give at least one")
    both = [tokenise(tokenizer, prompt, continuation, response_prefix) for continuation in continuations]
    all_ids = [b.ids[:-1] if b.ids[-1] == tokenizer.eos_token_id else b.ids for b in both]
    stem = min(b.n_prompt for b in both)
    if stem == 0:
        raise UserError(f"the prompt {prompt[:60]!r} has no token before its continuation; write a longer prompt")
    if any(len(ids) <= b.n_prompt for ids, b in zip(all_ids, both, strict=True)):
        raise UserError(f"the prompt {prompt[:60]!r} has an empty continuation; every continuation needs a token")
    return Question(all_ids[0][:stem], tuple(ids[stem:] for ids in all_ids), tuple(b.n_prompt - stem for b in both))


def whole(tokenizer: PreTrainedTokenizerBase, text: str) -> Question:
    """Return a bare text as the one continuation of its begin token."""
    begin, *ids = begun_ids(tokenizer, text)
    return Question((begin,), (tuple(ids),), (0,))


def score_rows(rows: Rows, questions: Sequence[Question], device: torch.device) -> list[list[Score]]:
    """Return the scores of all continuations of a batch whose ``rows`` were prefilled with the questions' stems.

    The first token of every ending is scored by what the prefill left; only endings of several tokens go on.
    """
    first = torch.log_softmax(rows.logits.float(), -1)
    # Labels and choices are mostly single tokens: for these the prefill has all that is needed.
    at = [(row, ending) for row, q in enumerate(questions) for ending in q.endings]
    origin, begins = torch.tensor([(row, ending[0]) for row, ending in at], device=device).T
    chosen = [[value] for value in first[origin, begins].double().tolist()]
    longer = [i for i, (_, ending) in enumerate(at) if len(ending) > 1]
    if longer:
        rows.keep([at[i][0] for i in longer])
        ids = _right_padded([at[i][1] for i in longer], device)
        logprobs = torch.log_softmax(rows.extend(ids[:, :-1]).float(), -1)
        later = logprobs.gather(2, ids[:, 1:, None]).squeeze(2).double().tolist()
        for i, values in zip(longer, later, strict=True):
            chosen[i] += values
    scored = iter(chosen)
    return [
        [_sum(next(scored), start, len(ending)) for ending, start in zip(q.endings, q.starts, strict=True)]
        for q in questions
    ]


def _sum(values: list[float], start: int, end: int) -> Score:
    return Score(sum(values[start:end]), end - start)


def _right_padded(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([list(row) + [0] * (width - len(row)) for row in rows], device=device)

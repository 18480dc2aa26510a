"""Log-probabilities of given continuations; each prompt is prefilled once for all of its continuations."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.models.answers import Score
from offdiag.models.chat import Chat, Tokenised, begun_ids
from offdiag.models.inference.forward import Rows, alone


@dataclass(frozen=True)
class Question:
    """A prompt with its continuations as tokens: what all of them begin with, and what each has of its own.

    Boundary tokens may differ between continuations, so that the stem may have fewer tokens than the prompt, see
    :meth:`offdiag.models.chat.Chat.compared`.
    """

    stem: tuple[int, ...]
    endings: tuple[tuple[int, ...], ...]

    @property
    def longest(self) -> int:
        """Number of tokens of the longest ending."""
        return max(len(ending) for ending in self.endings)

    @property
    def cost(self) -> int:
        """Tokens that the row adds to its own: it becomes a row per ending of several tokens."""
        longer = sum(len(ending) > 1 for ending in self.endings)
        return max(0, longer - 1) * (len(self.stem) + self.longest) + self.longest


def question(chat: Chat, prompt: str, continuations: Sequence[str]) -> Question:
    """Tokenise a prompt together with each of its continuations, which are scored over one span.

    Raises:
        UserError: as for :meth:`offdiag.models.chat.Chat.compared`.
    """
    return _of_rows(chat.compared(prompt, continuations))


def unasked(chat: Chat, continuations: Sequence[str]) -> Question:
    """Tokenise continuations as replies to no question.

    Raises:
        UserError: as for :func:`question`, or there is no token to begin with.
    """
    return _of_rows(chat.compared_unasked(continuations))


def _of_rows(rows: Sequence[Tokenised]) -> Question:
    stem = rows[0].ids[: rows[0].n_prompt]
    return Question(stem, tuple(row.ids[len(stem) :] for row in rows))


def whole(tokenizer: PreTrainedTokenizerBase, text: str) -> Question:
    """Return a bare text as the one continuation of its begin token."""
    begin, *ids = begun_ids(tokenizer, text)
    return Question((begin,), (tuple(ids),))


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
            chosen[i] += values[: len(at[i][1]) - 1]  # without padding
    scored = iter(chosen)
    return [[Score(sum(values), len(values)) for values in islice(scored, len(q.endings))] for q in questions]


@torch.inference_mode()
def score_alone(model: PreTrainedModel, asked: Question) -> list[Score]:
    """Return the scores of all continuations, each read whole with its prompt in one pass: ``model(ids)``."""
    scores = []
    for ending in asked.endings:
        text = torch.tensor([asked.stem + ending], device=model.device)
        logits = alone(model, text).logits[0, len(asked.stem) - 1 : -1]
        chosen = torch.tensor(ending, device=model.device)[:, None]
        values = torch.log_softmax(logits.float(), -1).gather(1, chosen)[:, 0].double().tolist()
        scores.append(Score(sum(values), len(values)))
    return scores


def _right_padded(rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    width = max(len(row) for row in rows)
    return torch.tensor([list(row) + [0] * (width - len(row)) for row in rows], device=device)

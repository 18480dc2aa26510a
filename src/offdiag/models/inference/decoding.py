"""Decoding of one batch of rows, greedy or sampled; rows that are finished leave the batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedTokenizerBase

from offdiag.models.answers import Finish
from offdiag.models.finite import NOT_FINITE
from offdiag.models.inference.drawing import Chooser, likeliest
from offdiag.models.inference.forward import Rows


@dataclass
class DecodedRow:
    """The tokens that one row has generated so far, and why it ended, if it did."""

    ids: list[int] = field(default_factory=list)
    finish: Finish | None = None


@dataclass(frozen=True)
class Stops:
    """The conditions under which a row is finished.

    Attributes:
        tokenizer: turns ids into text.
        ends: ids of end tokens.
        strings: texts that end a row.
        longest: the most tokens of one row.
    """

    tokenizer: PreTrainedTokenizerBase
    ends: frozenset[int]
    strings: tuple[str, ...]
    longest: int

    def text(self, ids: Sequence[int]) -> str:
        """Return the text of generated ids, without special and end tokens, cut after the first stop string."""
        text = self._decode(ids[:-1] if ids and ids[-1] in self.ends else ids)
        cuts = [text.index(stop) + len(stop) for stop in self.strings if stop in text]
        return text[: min(cuts)] if cuts else text

    def finish(self, ids: Sequence[int]) -> Finish | None:
        """Return why the row is finished after its latest token, or None."""
        if ids[-1] in self.ends or self._meets_string(ids):
            return "stop"
        return "length" if len(ids) >= self.longest else None

    def _meets_string(self, ids: Sequence[int]) -> bool:
        if not self.strings:
            return False
        # A token holds at least one byte, so a stop string that ends now began within this many tokens.
        reach = max(len(stop.encode()) for stop in self.strings) + 4
        tail = self._decode(ids[-reach:])
        return any(stop in tail for stop in self.strings)

    def _decode(self, ids: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        assert isinstance(text, str)
        return text


def decode(rows: Rows, sources: Sequence[int], stops: Stops, choose: Chooser = likeliest) -> list[DecodedRow]:
    """Continue rows token by token until each answer is finished.

    An answer whose logits have a NaN or an infinity has no next token: it ends as ``not-finite``, without any token.
    Logits of minus infinity are those of words that a model rules out.

    Args:
        rows: a prefilled batch. sources: for each answer the row that it continues; a row may have several answers.
        stops: when an answer is finished. choose: chooses tokens.
    """
    decoded = [DecodedRow() for _ in sources]
    at = list(range(len(sources)))  # index of the answer that each row of the batch belongs to
    logits, step = rows.logits, 0
    if list(sources) != list(range(len(logits))):
        rows.keep(sources)
        logits = logits[torch.tensor(sources, device=logits.device)]
    while True:
        tokens = choose(logits, at, step)
        finite = logits.amax(-1).isfinite()
        for answer, token, is_finite in zip([decoded[i] for i in at], tokens.tolist(), finite.tolist(), strict=True):
            if answer.finish is None and not is_finite:
                answer.ids, answer.finish = [], NOT_FINITE
            elif answer.finish is None:
                answer.ids.append(token)
                answer.finish = stops.finish(answer.ids)
        active = [row for row, i in enumerate(at) if decoded[i].finish is None]
        if not active:
            return decoded
        # Moving the cache costs some steps of one row, so a few rows should be gone before the others move up.
        if 16 * (len(at) - len(active)) >= len(at):
            rows.keep(active)
            at, tokens = [at[row] for row in active], tokens[torch.tensor(active, device=tokens.device)]
        logits, step = rows.extend(tokens.unsqueeze(1))[:, -1], step + 1

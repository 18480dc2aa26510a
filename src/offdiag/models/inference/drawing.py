"""Choose the next token of each row: the likeliest, or one that is drawn by a number of the row's own stream."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from offdiag.models.sampling import Draws, Sampling


class Chooser(Protocol):
    """Chooses the next token of each row of a batch."""

    def __call__(self, logits: Tensor, answers: Sequence[int], step: int) -> Tensor:
        """Return tokens [R], given logits [R, V], the answer that each row belongs to, and how many tokens it has."""


def likeliest(logits: Tensor, answers: Sequence[int], step: int) -> Tensor:
    """Return the likeliest token of each row; greedy decoding."""
    return logits.argmax(-1)


class Drawer:
    """Draws tokens by the streams of answers.

    Args:
        draws: the streams. answers: prompt and sample of each answer of the batch. longest: the most tokens of one.
    """

    def __init__(self, draws: Draws, answers: Sequence[tuple[int, int]], longest: int) -> None:
        self._sampling = draws.sampling
        self._uniforms = np.stack([draws.uniforms(prompt, sample, longest) for prompt, sample in answers])

    def __call__(self, logits: Tensor, answers: Sequence[int], step: int) -> Tensor:
        """Return tokens [R]."""
        return draw(logits, torch.from_numpy(self._uniforms[list(answers), step]), self._sampling)


def draw(logits: Tensor, uniforms: Tensor, how: Sampling) -> Tensor:
    """Return for each row the token in whose part of the distribution function its number falls.

    Tokens are in the order of the vocabulary, and all is computed in float64, so that two computations of the same
    logits that differ by a rounding draw different tokens about as often as the rounding is large.

    Args:
        logits: [R, V]; minus infinity for a token that is never drawn. uniforms: float64 [R], from 0 to 1.
    """
    device = torch.device("cpu") if logits.device.type == "mps" else logits.device  # which has no float64
    chances = probabilities(logits.to(device, torch.float64), how)
    reached = chances.cumsum(-1)
    total = reached[:, -1:]
    wanted = (uniforms.to(device)[:, None] * total).clamp(max=total.nextafter(torch.zeros_like(total)))
    tokens = torch.searchsorted(reached, wanted, right=True).squeeze(1)
    return tokens.clamp(max=logits.shape[1] - 1).to(logits.device)  # rows of NaN, which decoding ends


def probabilities(logits: Tensor, how: Sampling) -> Tensor:
    """Return the probabilities [R, V] from which tokens are drawn: of the likeliest ``top_k``, and of these ``top_p``.

    Tokens as likely as the last one that ``top_k`` keeps are kept, too; among those as likely as the last one that
    ``top_p`` needs, the first in the vocabulary are. What is kept is normalised again.
    """
    scaled = logits / how.temperature
    if 0 < how.top_k < scaled.shape[1]:
        least = scaled.topk(how.top_k).values[:, -1:]
        scaled = scaled.masked_fill(scaled < least, float("-inf"))
    chances = scaled.softmax(-1)
    if how.top_p < 1:
        ordered, places = chances.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered  # of all likelier tokens
        kept = torch.zeros_like(chances, dtype=torch.bool).scatter_(1, places, before < how.top_p)
        chances = chances.masked_fill(~kept, 0.0)
    return chances / chances.sum(-1, keepdim=True)

"""What a model that is trained from scratch depends on besides its stream and its seed; nothing here loads torch."""

import math
from typing import ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity

Architecture: TypeAlias = Literal["llama", "gpt2"]
PretrainingSchedule: TypeAlias = Literal["one-cycle", "constant"]

WARM_UP, START, END = 0.3, 1 / 25, 1e-4


class Decoder(Identity):
    """A small decoder.

    Attributes:
        architecture: ``llama`` (Touvron et al. 2023) has RMS norms, rotary positions and a gated feed-forward layer;
            ``gpt2`` (Radford et al. 2019) has layer norms, learnt positions and a plain one, and learns sooner where
            every place of a sequence has its own role.
        width: of the residual stream. depth: layers. heads: of attention, each of an even ``width / heads``.
        expansion: width of the feed-forward layer over ``width``.
        initial_std: standard deviation of the first weights; small widths want more than the usual 0.02.
    """

    tag: ClassVar[str] = "decoder"
    architecture: Architecture = "llama"
    width: int = Field(default=64, ge=2)
    depth: int = Field(default=3, ge=1)
    heads: int = Field(default=4, ge=1)
    expansion: int = Field(default=3, ge=1)
    initial_std: float = Field(default=0.08, gt=0)

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.width % (2 * self.heads):
            raise UserError(f"width {self.width} with {self.heads} heads: expected a multiple of {2 * self.heads}")
        return self

    @property
    def label(self) -> str:
        """``gpt2-w64d3``, for folders and tables."""
        return f"{self.architecture}-w{self.width}d{self.depth}"

    def parameters(self, vocabulary: int, columns: int) -> int:
        """Number of weights, embeddings and head included, for sequences of ``columns`` tokens."""
        width, inner = self.width, self.expansion * self.width
        if self.architecture == "llama":
            layer = 4 * width**2 + 3 * width * inner + 2 * width
            return self.depth * layer + (2 * vocabulary + 1) * width
        layer = 4 * (width**2 + width) + (2 * width * inner + inner + width) + 4 * width
        return self.depth * layer + (2 * vocabulary + columns + 2) * width


class PretrainingRecipe(Identity):
    """How a decoder is trained from scratch, with AdamW in float32.

    Attributes:
        updates: of the optimiser. batch_size: sequences an update.
        learning_rate: the highest rate of the schedule.
        schedule: ``one-cycle`` rises over the first 30 % of the updates from 1/25 of the rate and falls to 1e-4 of that
            beginning, both along half a cosine (Smith and Topin 2019, with the defaults of torch); or ``constant``.
        beta2: decay of AdamW's mean of squared gradients; 0.98 follows a gradient that changes as fast as here.
        weight_decay: decoupled decay (Loshchilov and Hutter 2019) of matrices, not of norms.
        max_grad_norm: gradients are scaled down to this norm.
    """

    tag: ClassVar[str] = "pretraining"
    updates: int = Field(default=1200, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    schedule: PretrainingSchedule = "one-cycle"
    beta2: float = Field(default=0.98, gt=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)

    def rate(self, update: int) -> float:
        """The learning rate of an update, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        last, peak = self.updates - 1, WARM_UP * self.updates - 1
        start = self.learning_rate * START
        if update < peak:
            return _half_cosine(start, self.learning_rate, update / peak)
        return _half_cosine(self.learning_rate, start * END, (update - max(peak, 0)) / max(last - max(peak, 0), 1))


def _half_cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2

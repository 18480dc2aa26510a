"""Architecture and recipe of decoders that are trained from scratch; nothing here loads torch."""

import math
from typing import ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity
from offdiag.training.snapshots import SnapshotUpdates

Architecture: TypeAlias = Literal["llama", "qwen2", "gpt2"]
PretrainingSchedule: TypeAlias = Literal["one-cycle", "linear", "constant"]

WARM_UP, START, END = 0.3, 1 / 25, 1e-4


class Decoder(Identity):
    """A small decoder, its embedding and its head two matrices.

    Attributes:
        architecture: ``llama`` (Touvron et al. 2023) has RMS norms, rotary positions and a gated feed-forward layer;
            ``qwen2`` (Yang et al. 2024, arXiv 2407.10671) is the same with biases on queries, keys and values;
            ``gpt2`` (Radford et al. 2019) has layer norms, learnt positions and a plain feed-forward layer, and learns
            sooner where every place of a sequence has its own role.
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

    @property
    def matrices(self) -> int:
        """Weights of the layers' matrices: what a token is multiplied by between embedding and head."""
        inner = 2 if self.architecture == "gpt2" else 3
        return self.depth * (4 + inner * self.expansion) * self.width**2

    def parameters(self, vocabulary: int, columns: int) -> int:
        """Return the number of weights, embeddings and head included, for sequences of ``columns`` tokens."""
        width = self.width
        if self.architecture == "gpt2":
            biases = (5 + self.expansion) * width
            return self.matrices + self.depth * (biases + 4 * width) + (2 * vocabulary + columns + 2) * width
        biases = 3 * width if self.architecture == "qwen2" else 0
        return self.matrices + self.depth * (biases + 2 * width) + (2 * vocabulary + 1) * width

    def updates_as_costly_as(self, base: "Decoder", updates: int) -> int:
        """Return how many updates cost as many operations as ``updates`` of ``base``, on batches of the same size.

        Operations are those of the layers' matrices, 6 per weight and token (Kaplan et al. 2020, section 2.1).

        >>> Decoder(width=128, heads=4).updates_as_costly_as(Decoder(width=64), 6000)
        1500
        """
        return max(1, round(updates * base.matrices / self.matrices))


class PretrainingRecipe(Identity):
    """Recipe of a training from scratch, with AdamW in float32.

    Attributes:
        updates: of the optimiser. batch_size: sequences per update.
        learning_rate: the highest rate of the schedule.
        schedule: ``one-cycle`` rises over the first 30 % of the updates from 1/25 of the rate and falls to 1e-4 of that
            beginning, both along half a cosine (Smith and Topin 2019, with the defaults of torch); ``linear`` rises
            from 0 and falls to 0, so that with a warm-up the first update has rate 0; or ``constant``.
        beta2: decay of AdamW's mean of squared gradients; 0.98 follows a gradient that changes as fast as here.
        weight_decay: decoupled decay (Loshchilov and Hutter 2019) of matrices, not of norms and biases.
        max_grad_norm: gradients are scaled down to this norm.
        warmup_updates: in which the rate of schedule ``linear`` rises.
        base_width: where a decoder has another width than this, its first weights and learning rates are scaled, so
            that what suits the base width suits all (:mod:`offdiag.training.decoders`); None scales nothing.
        snapshots: the model is kept after these numbers of updates too (0: before the first), see
            :func:`offdiag.training.snapshots.log_spaced`.
    """

    tag: ClassVar[str] = "pretraining"
    added: ClassVar[frozenset[str]] = frozenset({"warmup_updates", "base_width", "snapshots"})
    updates: int = Field(default=1200, ge=1)
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=3e-3, gt=0)
    schedule: PretrainingSchedule = "one-cycle"
    beta2: float = Field(default=0.98, gt=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    warmup_updates: int = Field(default=0, ge=0)
    base_width: int | None = Field(default=None, ge=1)
    snapshots: SnapshotUpdates = ()

    @model_validator(mode="after")
    def _fits_its_updates(self) -> Self:
        if self.warmup_updates and self.schedule != "linear":
            raise UserError(f"warmup_updates={self.warmup_updates} with schedule {self.schedule}: expected linear")
        if self.warmup_updates >= self.updates:
            raise UserError(
                f"warmup_updates={self.warmup_updates} leaves nothing of {self.updates} updates: give a smaller one"
            )
        if max(self.snapshots, default=0) > self.updates:
            raise UserError(f"snapshots={self.snapshots}: expected none above {self.updates}")
        return self

    def ratio(self, width: int) -> float:
        """Return the base width over ``width``."""
        return 1.0 if self.base_width is None else self.base_width / width

    def rate(self, update: int) -> float:
        """Return the learning rate of an update, counted from 0."""
        match self.schedule:
            case "constant":
                return self.learning_rate
            case "linear":
                warm_up = self.warmup_updates
                if update < warm_up:
                    return self.learning_rate * update / warm_up
                return self.learning_rate * (self.updates - update) / (self.updates - warm_up)
        last, peak = self.updates - 1, WARM_UP * self.updates - 1
        start = self.learning_rate * START
        if update < peak:
            return _half_cosine(start, self.learning_rate, update / peak)
        return _half_cosine(self.learning_rate, start * END, (update - max(peak, 0)) / max(last - max(peak, 0), 1))


def _half_cosine(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2

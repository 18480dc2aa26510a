"""The step that trains a small model from scratch, or goes on from an earlier training."""

import time
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Self

from pydantic import model_validator

from offdiag.errors import UserError
from offdiag.identity import Json, differences
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.step import Work
from offdiag.steps.weights import FROM_SCRATCH, Snapshot, Trained, Weights
from offdiag.tasks.stream import Stream
from offdiag.training import Decoder, PretrainingRecipe


class Pretrained(Trained):
    """The weights that training on a stream gives, from random weights or from an earlier training.

    Attributes:
        stream: the training data. decoder: the architecture. recipe: hyper-parameters.
        seed: of the first weights and of the batches.
        start: the model to go on from: a whole one with the same decoder and tokens. The optimiser begins anew.
    """

    tag: ClassVar[str] = "pretrained"
    version: ClassVar[int] = 2  # gradients are summed in shards
    added: ClassVar[frozenset[str]] = frozenset({"start"})
    stream: Stream
    decoder: Decoder = Decoder()
    recipe: PretrainingRecipe = PretrainingRecipe()
    seed: int = 0
    start: Weights | None = None

    @model_validator(mode="after")
    def _fits_its_start(self) -> Self:
        if self.start is None:
            return self
        if self.start.base is not self.start:
            raise UserError(f"training from {self.start.label}: it is an adapter; merge it into its model first")
        before = self.start.trained.training if isinstance(self.start.trained, Snapshot) else self.start.trained
        if not isinstance(before, Pretrained):
            return self  # checked when the weights are loaded
        if before.decoder != self.decoder:
            changed = differences(before.decoder.canonical(), self.decoder.canonical())
            found = ", ".join(map(str, changed))
            raise UserError(f"training from {self.start.label}: the decoder differs ({found}); give the same decoder")
        self.stream.check_after(before.stream)
        return self

    @cached_property
    def name(self) -> str:
        if self.start is None:
            return f"scratch.{self.decoder.label}.{self.training_label}"
        return f"{self.start.label}+{self.training_label}"

    @property
    def training_label(self) -> str:
        return f"{self.stream.label}.s{self.seed}"

    @property
    def snapshots(self) -> tuple[int, ...]:
        return self.recipe.snapshots

    @property
    def group(self) -> str:
        return FROM_SCRATCH

    @property
    def parameters(self) -> int:
        return self.decoder.parameters(self.stream.vocabulary, self.stream.columns)

    def cost(self, probe: CostProbe) -> CostLine:
        """Count the tokens of the stream without padding; a backward pass costs twice the forward one."""
        rows = self.recipe.updates * self.recipe.batch_size
        alike = self.stream.without_replicate
        tokens = round(rows * probe.once(("row length", alike), alike.mean_length))
        flops = probe.operations(self.parameters, 6, tokens)
        return CostLine(kind=self.kind, trained_tokens=tokens, flops_expected=flops, flops_most=flops)

    def run(self, work: Work) -> dict[str, Json]:
        from offdiag.training.pretraining import pretrain

        started = time.monotonic()
        summary = pretrain(
            lambda index: self.stream.batch(self.seed, index, self.recipe.batch_size),
            self.decoder,
            self.recipe,
            vocabulary=self.stream.vocabulary,
            columns=self.stream.columns,
            seed=self.seed,
            folder=work.folder,
            runtime=work.runtime,
            start=None if self.start is None else Path(self.start.location(work)),
            tokens=self.stream.tokens,
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}

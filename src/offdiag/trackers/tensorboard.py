"""Tracker ``tensorboard``: event files, a folder per training or cell, for ``tensorboard --logdir``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from offdiag.strict_json import dumps
from offdiag.trackers.tracker import TrackedRun, Tracker

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard(Tracker):
    """Scalars by update, the identity as text, and a cell's result beside its settings under *HParams*."""

    name: ClassVar[str] = "tensorboard"
    needs: ClassVar[str] = "tensorboard"
    shown_by: ClassVar[str] = "tensorboard --logdir {root}"
    _writers: "dict[str, SummaryWriter]"

    def load(self) -> None:
        import torch.utils.tensorboard  # noqa: F401  (with torch, which the run is about to import)

    def begin(self, run: TrackedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        if not hasattr(self, "_writers"):
            self._writers = {}
        writer = self._writers[run.fingerprint] = SummaryWriter(str(run.folder))
        text = "".join(f"    {line}\n" for line in dumps(run.identity, indent=1).splitlines())  # Markdown, verbatim
        writer.add_text("identity", text)

    def log(self, run: TrackedRun, values: Mapping[str, float], update: int) -> None:
        writer = self._writers[run.fingerprint]
        if run.kind == "cells":
            settings = {"study": run.study, "step": run.name, **run.settings()}
            writer.add_hparams(settings, dict(values), run_name=".")
        else:
            for name, value in values.items():
                writer.add_scalar(name, value, update)
        writer.flush()

    def end(self, run: TrackedRun) -> None:
        self._writers.pop(run.fingerprint).close()

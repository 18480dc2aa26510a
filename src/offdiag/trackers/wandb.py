"""Tracker ``wandb``: runs of Weights & Biases, kept offline until ``wandb sync`` is typed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from offdiag.trackers.tracker import TrackedRun, Tracker


class WandB(Tracker):
    """One offline run per training or cell, in the project of the study, with the identity as its config."""

    name: ClassVar[str] = "wandb"
    needs: ClassVar[str] = "wandb"
    shown_by: ClassVar[str] = "wandb sync {root}/*/*/wandb/offline-run-*"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._runs: dict[str, Any] = {}

    def begin(self, run: TrackedRun) -> None:
        import wandb

        self._runs[run.fingerprint] = wandb.init(
            project=run.study,
            name=run.name,
            group=run.name.partition("--")[0],
            job_type=run.kind,
            id=run.fingerprint[:16],
            dir=str(run.folder),
            config=dict(run.identity),
            mode="offline",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", disable_git=True, x_disable_stats=True),
        )

    def log(self, run: TrackedRun, values: Mapping[str, float], update: int) -> None:
        self._runs[run.fingerprint].log(dict(values), step=update)

    def end(self, run: TrackedRun) -> None:
        self._runs.pop(run.fingerprint).finish()

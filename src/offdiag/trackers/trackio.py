"""Tracker ``trackio``: one SQLite file per study, for ``trackio show``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from offdiag.trackers.tracker import TrackedRun, Tracker


class TrackIO(Tracker):
    """One run per training or cell, in the project of the study, with the identity as its config.

    Its place is that of the tracker unless ``TRACKIO_DIR`` names another one.
    """

    name: ClassVar[str] = "trackio"
    needs: ClassVar[str] = "trackio"
    shown_by: ClassVar[str] = "TRACKIO_DIR={root} trackio show"

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        os.environ.setdefault("TRACKIO_DIR", str(root))  # it is read when the package is imported
        self._runs: dict[str, Any] = {}

    def begin(self, run: TrackedRun) -> None:
        import trackio
        from trackio import run as of_runs
        from trackio import utils
        from trackio.sqlite_storage import SQLiteStorage

        for module in (trackio, of_runs, utils):  # they print of each run, with no switch, in the middle of our bars
            vars(module)["print"] = _say_nothing

        name = f"{run.name} {run.fingerprint[:8]}"
        SQLiteStorage.delete_run(run.study, name)
        self._runs[run.fingerprint] = trackio.init(
            project=run.study,
            name=name,
            group=run.name.partition("--")[0],
            config={"kind": run.kind, **run.identity},
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def log(self, run: TrackedRun, values: Mapping[str, float], update: int) -> None:
        self._runs[run.fingerprint].log(dict(values), step=update)

    def end(self, run: TrackedRun) -> None:
        self._runs.pop(run.fingerprint).finish()


def _say_nothing(*words: object, **how: object) -> None:
    """Stand in for ``print``."""

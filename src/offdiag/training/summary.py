"""The summary of a training, written last: with the weights it says that nothing is left to do."""

import json
import shutil
from pathlib import Path

from offdiag.identity import Json


def is_finished(folder: Path) -> bool:
    """Whether a training in ``folder`` has its weights and its summary."""
    return _file(folder).exists() and (folder / "weights").exists()


def write_summary(folder: Path, summary: dict[str, Json]) -> None:
    """Write the summary whole or not at all."""
    part = _file(folder).with_suffix(".part")
    part.write_text(json.dumps(summary), encoding="utf-8")
    part.replace(_file(folder))


def finish(folder: Path) -> dict[str, Json]:
    """The summary of a training whose weights are in place; its checkpoints are no longer needed."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    summary: dict[str, Json] = json.loads(_file(folder).read_text(encoding="utf-8"))
    return summary


def _file(folder: Path) -> Path:
    return folder / "summary.json"

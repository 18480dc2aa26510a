"""The export: the surprise of each word as a file that others read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from offdiag.analyses import Frames
from offdiag.exports import Exported, Finished, StudyExport


class SurpriseFile(StudyExport):
    """``FOLDER/surprise.csv`` with the columns ``model``, ``word`` and ``nats``."""

    tag: ClassVar[str] = "letters-surprise-file"

    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        measured = frames.measured("word_surprise")
        done = measured[measured["state"] == "done"]
        if done.empty:
            yield Exported(None, "surprise.csv: no word is measured yet")
            return
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "surprise.csv.part"
        done[["model", "word", "nats"]].to_csv(part, index=False)
        os.replace(part, folder / "surprise.csv")  # a reader never sees half a file
        yield Exported(folder / "surprise.csv", f"{len(done)} words")

"""Results as the lines that the released code of Chang et al. (2025) writes and ``offdiag analyse`` reads."""

from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from offdiag.analyses import Frames
from offdiag.analyses.selection import DONE, IN_CONTEXT, ZERO_SHOT
from offdiag.durable import write_text
from offdiag.exports import Exported, Finished, StudyExport, file_in

NAME = "results.txt"


class ResultLines(StudyExport):
    """The file ``FOLDER/results.txt``: one line per finished cell of sums, see :class:`BaseAdditionLines`.

    A line is ``{model} {base} {cot} {n_digits} {n_shots} {icl_cot}: {accuracy}``. The model of a trained arm is its
    name, seed included; without demonstrations ``icl_cot`` says nothing and is False, as in the original.
    Accuracies are written to the last digit. Cells with demonstrations of their own for each query are left out and
    told: the lines have no word that would tell them from the others.
    """

    tag: ClassVar[str] = "result-lines"

    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        sums = frames.cells[frames.cells["task"] == "base_addition"]
        rows = sums.to_dict(orient="records")
        told = [row for row in rows if row["state"] == DONE and not _per_query(row)]
        if told:
            path = file_in(folder, NAME)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join(f"{_line(row)}\n" for row in told))
            yield Exported(path, f"{len(told)} cells")
        if drawn := sum(map(_per_query, rows)):
            yield Exported(None, f"{drawn} cells whose demonstrations are drawn for each query: no line can say so")
        if lacking := sum(row["state"] != DONE and not _per_query(row) for row in rows):
            yield Exported(None, f"{lacking} cells that are not done")


def _per_query(row: Mapping[Hashable, object]) -> bool:
    return str(row.get("demonstrations")) == "per-query"


def _line(row: Mapping[Hashable, object]) -> str:
    trained = row["method"] not in (ZERO_SHOT, IN_CONTEXT)
    model = row["arm"] if trained else row["model"]
    shots = 0 if row["method"] != IN_CONTEXT else row["k"]
    worked = row["method"] == IN_CONTEXT and row["rationale"] is True
    asked = row["prompt"] == "step-by-step"
    return f"{model} {row['eval_base']} {asked} {row['eval_digits']} {shots} {worked}: {row['accuracy']!r}"

"""Measured hardness as the CSV tables that the task ``easy_to_hard`` reads beside its data."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from offdiag.analyses import Frames
from offdiag.exports import Exported, Finished, StudyExport
from offdiag.studies.easy_to_hard.analyses.item_hardness import TABLE
from offdiag.studies.easy_to_hard.task import library
from offdiag.studies.easy_to_hard.task.measures import AVERAGE, split_name
from offdiag.studies.easy_to_hard.task.tables import table_path, write_table


class HardnessTables(StudyExport):
    """Files ``FOLDER/hardness/DATASET/MEASURE.csv``, see :mod:`offdiag.studies.easy_to_hard.task.tables`.

    A measure that a model has not finished is not written. Rows of other models stay as they are; the items are never
    touched. Averages are not written: the task computes them from the tables that are there.
    """

    tag: ClassVar[str] = "hardness-tables"

    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        for (dataset, name), rows in frames.measured(TABLE).groupby(["dataset", "measure"], sort=False):
            measure, model = split_name(str(name))
            if model is None or model == AVERAGE:
                continue
            if (state := rows["state"].iloc[0]) != "done":
                yield Exported(None, f"{dataset}, {name} is {state}")
                continue
            path = table_path(folder, str(dataset), measure)
            values = dict(zip(rows["item"], rows["value"].astype(float), strict=True))
            write_table(path, {model: values}, library.dataset(str(dataset)).by_id)
            yield Exported(path, f"{len(values)} items of {dataset} by {model}")

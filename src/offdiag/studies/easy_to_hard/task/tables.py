"""Tables of model-based hardness: one row per item and model, in a CSV file or from a measurement.

    FOLDER/hardness/arc/zero_shot_mdl.csv
        item,model,value
        ARCEZ_Mercury_7220990,SmolLM2-135M,0.731
        ARCEZ_Mercury_7220990,llama-7b,0.402

One table holds one measure of one data set; raw items are never touched.
"""

import csv
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict

from offdiag.errors import UserError
from offdiag.files import Located, TextFile, checked, table_rows, text_lines
from offdiag.studies.easy_to_hard.task.measures import AVERAGE, NORMED_AVERAGE

Table: TypeAlias = Mapping[str, float]
ByModel: TypeAlias = Mapping[str, Table]

_COLUMNS = ("item", "model", "value")


class TableRow(BaseModel):
    """One value of a model-based measure."""

    model_config = ConfigDict(allow_inf_nan=False)
    item: str
    model: str
    value: float


def table_from_rows(rows: Iterable[Located], known: Iterable[str]) -> ByModel:
    """Return the rows as one table per model.

    Args:
        rows: mappings with ``item``, ``model`` and ``value`` (a finite number; larger is harder), and their places.
        known: ids of the data set's items.

    Raises:
        UserError: a column is missing, a value is no number, an item is unknown or occurs twice for a model.
    """
    ids = frozenset(known)
    found: dict[str, dict[str, float]] = {}
    for located in rows:
        place, row = located.where, checked(TableRow, located)
        if row.item not in ids:
            raise UserError(f"{place}: no item {row.item!r} in the data set; measure the same data again")
        table = found.setdefault(row.model, {})
        if row.item in table:
            raise UserError(f"{place}: item {row.item!r} comes twice for model {row.model!r}; keep one of the rows")
        table[row.item] = row.value
    return found


def read_table(path: Path, known: Iterable[str]) -> ByModel:
    """Read a CSV file with a header.

    Raises:
        UserError: there is no such file, it is no table, or :func:`table_from_rows` refuses a row.
    """
    absent = (
        "measure what a model finds hard with offdiag run item-hardness, and write it there with offdiag export "
        f"item-hardness (columns {', '.join(_COLUMNS)}); or choose another measure"
    )
    return table_from_rows(table_rows(text_lines(TextFile.at(path, absent)), str(path)), known)


def write_table(path: Path, found: ByModel, known: Iterable[str]) -> None:
    """Write the values of some models into a file; rows of other models stay, older rows of these models go.

    The file is replaced at once, so that a reader never sees half of it.

    Raises:
        UserError: the file that is there is no table of this data set.
    """
    tables = {**(read_table(path, known) if path.exists() else {}), **found}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_COLUMNS)
        rows.writerows((item, model, repr(value)) for model, table in tables.items() for item, value in table.items())
    os.replace(part, path)


def table_path(folder: Path, dataset: str, measure: str) -> Path:
    """Return the path of a measure's table below the folder of the data."""
    return folder / "hardness" / dataset / f"{measure}.csv"


def of_model(tables: ByModel, model: str, where: str) -> Table:
    """Return the values of one model, or their mean over all models.

    ``average`` is the mean of the raw values, ``normed_average`` that of each model's values scaled to 0 .. 1.

    Raises:
        UserError: the model is unknown, or the mean is asked for and an item lacks the value of some model (the
            mean would silently be over other models).
    """
    if model in tables:
        return tables[model]
    if model not in (AVERAGE, NORMED_AVERAGE) or not tables:
        raise UserError(f"{where} has no model {model!r}: it has {', '.join(sorted(tables)) or 'none'}")
    for item in sorted({item for table in tables.values() for item in table}):
        for name, table in tables.items():
            if item not in table:
                raise UserError(
                    f"{where}: item {item!r} has no value of model {name!r}, so there is no {model}; measure it, or "
                    "take one model out of the file"
                )
    shared = list(next(iter(tables.values())))
    values = np.array([[table[item] for item in shared] for table in tables.values()])  # [models, items]
    if model == NORMED_AVERAGE:
        low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
        values = (values - low) / np.where(high > low, high - low, math.inf)
    return dict(zip(shared, values.mean(axis=0).tolist(), strict=True))

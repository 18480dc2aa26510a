"""The command ``offdiag analyse transfer-matrix``: statistics of a transfer matrix made elsewhere."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from offdiag.analyses.columns import numbers
from offdiag.analyses.selection import require
from offdiag.analyses.table_analysis import TableAnalysis
from offdiag.analyses.transfer_matrix import transfer_matrices
from offdiag.analyses.transfer_spread import statistics
from offdiag.errors import UserError
from offdiag.identity import Json

if TYPE_CHECKING:
    import pandas as pd


class TransferMatrixOfTable(TableAnalysis):
    """Means over the trained and the other cells of single tasks, of pairs, and of pairs minus the best specialist.

    The table has ``trained`` (a task, or two joined by ``+``), ``evaluated`` and ``value`` (empty where there is none;
    higher is better), and optionally ``seed``.

    Attributes:
        split_by: a task; pairs are also given for those with it and for those without it.
        level: coverage of the intervals over seeds.
    """

    name: ClassVar[str] = "transfer-matrix"
    about: ClassVar[str] = "columns trained,evaluated,value and optionally seed"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "matrix",
        "rows",
        "cells",
        "mean",
        "std",
        "n_cells",
        "n_missing",
        "n_seeds",
    )
    split_by: str = ""
    level: float = Field(default=0.95, gt=0, lt=1)

    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Return the rows of :func:`offdiag.analyses.transfer_spread.statistics`; without pairs nothing is split."""
        found = transfer_matrices(self._cells(table))
        known = {task for taught in found.pair.rows for task in taught}
        if known and self.split_by and self.split_by not in known:
            raise UserError(f"no pair was trained on {self.split_by!r}: expected one of {', '.join(sorted(known))}")
        return statistics(found, self.split_by if known else "", self.level)

    def document(self, found: "pd.DataFrame") -> Json:
        """Return ``{"single": {"trained": {"mean": …, "std": …}, "transfer": …, "overall": …, "gap": …}, …}``.

        With ``split_by``, ``pair`` and ``difference`` have ``with`` and ``without`` too. What is not known is null.
        """
        nested: dict[str, Any] = {}
        for row in found.to_dict(orient="records"):
            part = nested.setdefault(row["matrix"], {})
            if row["rows"] != "all":
                part = part.setdefault(row["rows"], {})
            values = {"mean": row["mean"], "std": row["std"], "low": row["mean_low"], "high": row["mean_high"]}
            known = {name: None if np.isnan(value) else value for name, value in values.items()}
            part[row["cells"]] = known | {name: row[name] for name in ("n_cells", "n_missing", "n_seeds")}
        return nested

    def _cells(self, table: "pd.DataFrame") -> "pd.DataFrame":
        for column in ("trained", "evaluated"):
            require(table, column)
            if (empty := table[column].isna()).any():
                raise UserError(f"line {table.index[empty][0]}: {column} is empty, expected the name of a task")
        if "seed" in table and (empty := table["seed"].isna()).any():
            if not empty.all():
                raise UserError(f"line {table.index[empty][0]}: seed is empty, expected one as on the other lines")
            table = table.drop(columns="seed")
        return table.assign(value=numbers(table, "value", gaps=True))

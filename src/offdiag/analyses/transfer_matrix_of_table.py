"""The statistics of a transfer matrix, from a table that was made elsewhere."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from offdiag.analyses.columns import numbers
from offdiag.analyses.selection import require
from offdiag.analyses.table_analysis import TableAnalysis, register_table_analysis
from offdiag.analyses.transfer_matrix import Matrix, spread, transfer_matrices
from offdiag.errors import UserError
from offdiag.identity import Json

if TYPE_CHECKING:
    import pandas as pd


@register_table_analysis
class TransferMatrixOfTable(TableAnalysis):
    """Means over the trained and the other cells of single tasks, of pairs, and of pairs minus the best specialist.

    The table has ``trained`` (a task, or two joined by ``+``), ``evaluated`` and ``value`` (empty where there is none;
    higher is better), and optionally ``seed``.

    Attributes:
        split_by: a task; the difference is also given for the pairs with it and for those without it.
        level: coverage of the intervals over seeds.
    """

    name: ClassVar[str] = "transfer-matrix"
    about: ClassVar[str] = "columns trained,evaluated,value and optionally seed"
    shown: ClassVar[tuple[str, ...]] = ("matrix", "rows", "cells", "mean", "std", "n_cells", "n_missing", "n_seeds")
    split_by: str = ""
    level: float = Field(default=0.95, gt=0, lt=1)

    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """One row a statistic: ``matrix`` (single, pair, difference), ``rows`` (all, with, without), ``cells``.

        ``cells`` is trained, transfer or overall; ``mean`` has the ends ``mean_low`` and ``mean_high``, ``std`` is that
        of the cells (population). See :class:`offdiag.analyses.transfer_matrix.Spread`.
        """
        import pandas as pd

        found = transfer_matrices(self._cells(table))
        rows = [row for name, matrix in found._asdict().items() for row in self._statistics(name, "all", matrix)]
        if self.split_by:
            if self.split_by not in (known := {task for taught in found.pair.rows for task in taught}):
                raise UserError(f"no pair was trained on {self.split_by!r}: expected one of {', '.join(sorted(known))}")
            having = found.difference.having(self.split_by)
            rows += self._statistics("difference", "with", found.difference, having)
            rows += self._statistics("difference", "without", found.difference, ~having)
        return pd.DataFrame(rows)

    def document(self, found: "pd.DataFrame") -> Json:
        """``{"single": {"trained": {"mean": …, "std": …}, "transfer": …, "overall": …}, "pair": …, "difference": …}``.

        With ``split_by``, ``difference`` has ``with`` and ``without`` too. What the data do not tell is null.
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

    def _statistics(
        self, name: str, which: str, matrix: Matrix, rows: NDArray[np.bool_] | None = None
    ) -> list[dict[str, object]]:
        chosen = np.broadcast_to(True if rows is None else rows, matrix.trained.shape)
        parts = {"trained": matrix.trained & chosen, "transfer": ~matrix.trained & chosen, "overall": chosen}
        statistics = []
        for cells, mask in parts.items():
            of = spread(matrix, mask, self.level)
            statistics.append(
                {"matrix": name, "rows": which, "cells": cells, "mean": of.mean, "mean_low": of.low,
                 "mean_high": of.high, "std": of.std, "n_cells": of.n_cells, "n_missing": of.n_missing,
                 "n_seeds": of.n_seeds}
            )  # fmt: skip
        return statistics

"""The command ``offdiag analyse transition``: transitions in a table made elsewhere."""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from offdiag.analyses.columns import numbers, truths
from offdiag.analyses.seed_variance import CLUSTER
from offdiag.analyses.series import curves_only, factors, series_columns, with_series
from offdiag.analyses.table_analysis import TableAnalysis
from offdiag.analyses.transition import transition, transition_from_accuracies
from offdiag.errors import UserError
from offdiag.stats.bootstrap import MOST_RESAMPLES

if TYPE_CHECKING:
    import pandas as pd

ITEMS = ("item", "example")


class TransitionOfTable(TableAnalysis):
    """The transition of accuracy over k: one logistic fit per series, with intervals.

    The table has ``series``, ``k`` and ``accuracy`` (from 0 to 1; an empty one was not measured) and optionally ``n``,
    the items behind it: then the intervals come from binomial draws. Or it has one row per answer, with ``series``,
    ``k``, ``correct`` and ``item`` (or ``example``): then they come from a bootstrap over the items, or over the
    clusters that they belong to.

    Attributes:
        series: columns that together name a curve; empty for ``series`` itself, or for what varies in a report's table.
        cluster_by: column of a table of answers, such as ``passage``: items of one value are not independent. Without
            it, ``cluster`` if the table has that.
        n: items behind each accuracy where the table does not say; 0 if that is unknown, which leaves no intervals.
        resamples: of the bootstrap. level: coverage of the intervals. seed: of the bootstrap.
    """

    name: ClassVar[str] = "transition"
    about: ClassVar[str] = "columns series,k,accuracy and optionally n; or series,k,correct,item"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        "series", "plateau", "slope", "midpoint", "midpoint_upper", "width_10_90", "fwhm", "k50", "k50_from", "k50_to",
        "r_squared",
        "saturated", "aic3", "aic4", "floor_4p", "midpoint_4p", "n_items", "note",
    )  # fmt: skip
    series: tuple[str, ...] = ()
    cluster_by: str = ""
    n: int = Field(default=0, ge=0)
    resamples: int = Field(default=2000, ge=0, le=MOST_RESAMPLES)
    level: float = Field(default=0.95, gt=0, lt=1)
    seed: int = 0

    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Return one row per series, see :func:`offdiag.analyses.transition`."""
        chosen = curves_only(table)
        named = with_series(chosen.assign(k=numbers(chosen, "k", low=0)), self.series or series_columns(chosen))
        if "correct" in named and "accuracy" not in named:
            return self._from_answers(named)
        if self.cluster_by:
            raise UserError(
                "--cluster-by: of a table of answers, with columns series,k,correct,item; here are accuracies"
            )
        return self._from_accuracies(named)

    def _from_answers(self, table: "pd.DataFrame") -> "pd.DataFrame":
        item = next((name for name in ITEMS if name in table), None)
        if item is None:
            raise UserError(f"no column 'item': the table has {', '.join(table.columns)}; which item was answered?")
        return transition(
            table.assign(correct=truths(table, "correct")), "series", item=item,
            cluster=self.cluster_by or (CLUSTER if CLUSTER in table else None),
            n_resamples=self.resamples, level=self.level, seed=self.seed,
        )  # fmt: skip

    def _from_accuracies(self, table: "pd.DataFrame") -> "pd.DataFrame":
        measured = table.assign(accuracy=numbers(table, "accuracy", 0, 1, gaps=True))
        if "n" in measured:
            # a cell of a report that is not done has no accuracy, and 0 items
            counted = numbers(measured, "n", low=0, gaps=True, whole=True)
            measured = measured.assign(n=counted.mask(counted == 0))
        if self.n:
            measured = measured.assign(n=measured["n"].fillna(self.n) if "n" in measured else self.n)
        _refuse_repeats(measured[measured["accuracy"].notna()])
        if measured["accuracy"].isna().all():
            raise UserError("no row has an accuracy: there is nothing to fit")
        found = transition_from_accuracies(
            measured, "series", n_resamples=self.resamples, level=self.level, seed=self.seed
        )
        in_order = found.set_index("series").reindex(measured["series"].drop_duplicates()).reset_index()
        flags = {name: in_order[name].eq(other=True) for name in ("saturated", "saturated_4p")}
        counts = {name: in_order[name].astype("Int64") for name in ("n_failed_refits", "n_failed_refits_4p")}
        return in_order.assign(**flags, **counts, note=in_order["note"].fillna("no accuracy is given"))


def _refuse_repeats(table: "pd.DataFrame") -> None:
    """Raise a UserError if a k comes twice in a series; it names the columns that would tell the two apart."""
    keys = ["series", "k", *(["seed"] if "seed" in table else [])]
    twice = table[table.duplicated(keys, keep=False)]
    if twice.empty:
        return
    series, k = twice[["series", "k"]].iloc[0]
    same = twice[(twice["series"] == series) & (twice["k"] == k)]
    others = [name for name in factors(same) if name != "series" and same[name].nunique(dropna=False) > 1]
    hint = f"they differ in {', '.join(others)}: narrow with --where, or name them in --set series=" \
        if others else "keep one of them"  # fmt: skip
    lines = ", ".join(str(line) for line in dict.fromkeys(same.index))
    raise UserError(f"series {series}: k = {k:g} is there more than once (lines {lines}); {hint}")

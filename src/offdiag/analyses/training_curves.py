"""Curves of trainings: losses over updates, and accuracy and loss on the test sets of snapshots after some of them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from offdiag.analyses.estimates import MEAN_LOSS, CellEstimate, estimate, loss_estimate
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, filled, require, select
from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.training.snapshots import log_spaced

if TYPE_CHECKING:
    import pandas as pd

TABLE = "training"
UPDATE = "update"
WINDOWS = 20  # of a mean curve; so many points on a logarithmic axis are still read one by one

# What is drawn, in this order: name of the curve -> the columns that hold it, the first that an arm has.
LOSSES = {
    "answers": ("task_loss", "response_loss", "loss"),
    "proxy's answers": ("proxy_loss",),
    "divergence from the start model": ("proxy_kl",),
    "full text": ("text_loss",),
}


class LossCurve(NamedTuple):
    """Losses of one training, in nats per token; ``updates`` count from 1, and some may be missing."""

    updates: FloatArray
    values: FloatArray


@dataclass(frozen=True, kw_only=True)
class LossCurves:
    """One kind of loss of the trainings of one arm.

    Attributes:
        key: values of the arm's columns, None where it has none. loss: a key of ``LOSSES``.
        by_seed: the finished trainings. n_planned: all of them.
    """

    key: tuple[Any, ...]
    loss: str
    by_seed: tuple[LossCurve, ...]
    n_planned: int

    @property
    def mean(self) -> LossCurve:
        """The mean over seeds, and over windows of updates of equal width on a logarithmic axis."""
        updates = np.unique(np.concatenate([curve.updates for curve in self.by_seed]))
        together = np.full((len(self.by_seed), len(updates)), np.nan)
        for row, curve in zip(together, self.by_seed, strict=True):
            row[np.searchsorted(updates, curve.updates)] = curve.values
        over_seeds = np.nanmean(together, axis=0)
        window = np.searchsorted(log_spaced(round(updates[-1]), WINDOWS), updates)
        found = np.unique(window)
        centre = [np.exp(np.log(updates[window == w]).mean()) for w in found]
        return LossCurve(np.array(centre), np.array([over_seeds[window == w].mean() for w in found]))


@dataclass(frozen=True, kw_only=True)
class SnapshotCurve:
    """The accuracy, or the loss, of one arm on one evaluation after some of its updates.

    Attributes:
        key: as of :class:`LossCurves`. panel: value of the panels' column.
        points: update -> the estimate over its seeds. by_seed: seed -> update -> the number, of finished cells.
    """

    key: tuple[Any, ...]
    panel: Any
    points: dict[int, CellEstimate]
    by_seed: dict[Any, dict[int, float]]


def loss_curves(frames: Frames, arms: Sequence[str] = (), where: Where | None = None) -> list[LossCurves]:
    """Return all losses of all arms, by arm; a loss that no training of an arm has is left out.

    Raises:
        UserError: the study measures no history, a column is missing, or two trainings have one arm and seed.
    """
    table = _selected(frames.measured(TABLE), frames, where or {})
    found = []
    for key, rows in _by(table, arms):
        trainings = [group for _, group in rows.groupby("measurement", sort=False)]
        done = [group for group in trainings if group["state"].iloc[0] == "done"]
        _check_seeds(trainings)
        for loss, columns in LOSSES.items():
            curves = [curve for group in done if (curve := _curve(group, columns)) is not None]
            if curves or (not done and loss == "answers"):
                found.append(LossCurves(key=key, loss=loss, by_seed=tuple(curves), n_planned=len(trainings)))
    return found


def accuracy_curves(
    frames: Frames, arms: Sequence[str] = (), panels: str | None = None, where: Where | None = None
) -> list[SnapshotCurve]:
    """Return the accuracy of snapshots and of the end of training; empty without snapshots.

    The end of a training is known from its history; where that is not measured, the end is left out.

    Raises:
        UserError: a column is missing, or two cells of one seed are alike.
    """
    return _snapshot_curves(frames, arms, panels, where or {}, "accuracy")


def losses_on_tests(
    frames: Frames, arms: Sequence[str] = (), panels: str | None = None, where: Where | None = None
) -> list[SnapshotCurve]:
    """Return the loss of snapshots and of the end of training on the test sets, in nats per answer.

    Only evaluations whose answers were chosen by their log-probabilities have one; empty without such snapshots.

    Raises:
        UserError: as :func:`accuracy_curves`.
    """
    if MEAN_LOSS not in frames.cells or frames.cells[MEAN_LOSS].isna().all():
        return []
    return _snapshot_curves(frames, arms, panels, where or {}, MEAN_LOSS)


def _snapshot_curves(
    frames: Frames, arms: Sequence[str], panels: str | None, where: Where, quantity: str
) -> list[SnapshotCurve]:
    """Return a number of snapshots and of the end of training, by arm and panel.

    Raises:
        UserError: a column is missing, or two cells of one seed are alike.
    """
    if UPDATE not in frames.cells or frames.cells[UPDATE].isna().all():
        return []
    cells = _selected(frames.cells, frames, where)
    if quantity != "accuracy":
        cells = cells[cells["answering"] == "choice"] if "answering" in cells else cells
    ends = _ends(frames, arms, where)
    curves = []
    for key, of_arm in _by(cells, arms):
        if of_arm[UPDATE].isna().all():
            continue
        for (panel,), rows in _by(of_arm, [panels] if panels else []) if panels else [((None,), of_arm)]:
            curves.append(_snapshot_curve(key, panel, _with_end(rows, ends.get(key)), frames.records, quantity))
    return curves


def _snapshot_curve(
    key: tuple[Any, ...], panel: Any, cells: "pd.DataFrame", records: "pd.DataFrame", quantity: str
) -> SnapshotCurve:
    updates = [int(update) for update in sorted(cells[UPDATE].unique())]
    measured = estimate if quantity == "accuracy" else loss_estimate
    points = {update: measured(cells[cells[UPDATE] == update], records) for update in updates}
    done = cells[cells["state"] == "done"]
    by_seed: dict[Any, dict[int, float]] = {
        seed: {int(u): float(a) for u, a in zip(rows[UPDATE], rows[quantity], strict=True)}
        for seed, rows in done[done[quantity].notna()].sort_values(UPDATE).groupby("seed")
    }
    return SnapshotCurve(key=key, panel=panel, points=points, by_seed=by_seed)


def _with_end(cells: "pd.DataFrame", end: int | None) -> "pd.DataFrame":
    """Return the cells with the trained weights at the last update, unless it is unknown or has a snapshot."""
    known = cells[cells[UPDATE].notna()]
    if end is None or (known[UPDATE] == end).any():
        return known
    return cells.assign(**{UPDATE: cells[UPDATE].fillna(end)})


def _ends(frames: Frames, arms: Sequence[str], where: Where) -> dict[tuple[Any, ...], int]:
    if TABLE not in frames.measurements or UPDATE not in frames.measurements[TABLE]:
        return {}
    table = _selected(frames.measurements[TABLE], frames, where)
    return {key: int(rows[UPDATE].max()) for key, rows in _by(table, arms) if rows[UPDATE].notna().any()}


def _check_seeds(trainings: "Sequence[pd.DataFrame]") -> None:
    seeds = [str(training["seed"].iloc[0]) for training in trainings]
    if len(set(seeds)) < len(seeds):
        names = ", ".join(str(training["measurement"].iloc[0]) for training in trainings)
        raise UserError(
            f"{len(seeds)} trainings belong to one curve ({names}): expected one for each seed; "
            "tell them apart with arms= or where="
        )


def _curve(rows: "pd.DataFrame", columns: Sequence[str]) -> LossCurve | None:
    """Return the curve of the first of the columns in which a training has values."""
    for column in columns:
        if column in rows and (there := rows[rows[column].notna()].sort_values(UPDATE)).shape[0]:
            return LossCurve(there[UPDATE].to_numpy(np.float64), there[column].to_numpy(np.float64))
    return None


def _selected(frame: "pd.DataFrame", frames: Frames, where: Where) -> "pd.DataFrame":
    """Return the chosen rows of a frame; each training has a seed of its own in them.

    A column that only the other frame has (that of an evaluation, say) does not choose here.
    """
    others = [frames.cells, *(frames.measurements[name] for name in (TABLE,) if name in frames.measurements)]
    own = {}
    for column, value in where.items():
        if column in frame:
            own[column] = value
        elif not any(column in other for other in others):
            require(frame, column)
    chosen = select(filled(frame, tuple(own)), own) if own else frame
    if "data_seed" not in chosen:
        return chosen
    return chosen.assign(seed=chosen["seed"].astype(str) + ", data " + chosen["data_seed"].astype(str))


def _by(frame: "pd.DataFrame", columns: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], "pd.DataFrame"]]:
    """Yield groups of rows by the columns' values, in their order; NA is None."""
    for column in columns:
        require(frame, column)
    if not columns:
        yield (), frame
        return
    for key, rows in frame.groupby(list(columns), sort=False, dropna=False):
        yield tuple(None if _absent(value) else value for value in key), rows


def _absent(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))

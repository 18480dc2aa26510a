"""Transfer matrices: values by training tasks and evaluated task, and pairs minus the better of their specialists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.stats.means import mean_interval

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = "+"
MOST_TASKS = 2


@dataclass(frozen=True, eq=False)
class Matrix:
    """Values of models by what they were trained on (rows) and what they were evaluated on (columns).

    Attributes:
        rows: task names of each row. columns: task names.
        by_seed: ``[seeds, rows, columns]``; NaN where there is no value.
    """

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    by_seed: FloatArray

    @property
    def mean(self) -> FloatArray:
        """``[rows, columns]``, averaged over the seeds that have a value; NaN where none has."""
        return mean_interval(np.moveaxis(self.by_seed, 0, -1)).mean

    @property
    def trained(self) -> NDArray[np.bool_]:
        """``[rows, columns]``: whether the model was trained on what it is evaluated on."""
        marks = [[column in row for column in self.columns] for row in self.rows]
        return np.array(marks, np.bool_).reshape(len(self.rows), len(self.columns))

    def having(self, task: str) -> NDArray[np.bool_]:
        """``[rows, 1]``: whether ``task`` is among the tasks of a row."""
        return np.array([[task in row] for row in self.rows], np.bool_).reshape(-1, 1)


class TransferMatrices(NamedTuple):
    """The three matrices: one task, two tasks, and two tasks minus the best of their specialists."""

    single: Matrix
    pair: Matrix
    difference: Matrix


def transfer_matrices(cells: "pd.DataFrame") -> TransferMatrices:
    """Return the matrices of a table of cells.

    Args:
        cells: ``trained`` (task names joined by ``+``), ``evaluated``, ``value`` (float, NaN where it is missing) and
            optionally ``seed``. A pair is compared with the specialists of its own seed. Tasks stand in the order of
            their first appearance.

    Raises:
        UserError: a row was trained on more than two tasks or on one twice, or two rows are the same cell.
    """
    taught = [_tasks(text, line) for line, text in cells["trained"].items()]
    seed_names = [str(seed) for seed in cells["seed"]] if "seed" in cells else ["only"] * len(cells)
    seeds = _distinct(seed_names)
    columns = _distinct(cells["evaluated"])
    found: dict[tuple[int, frozenset[str], str], float] = {}
    for line, seed, tasks, evaluated, value in zip(
        cells.index, map(seeds.index, seed_names), taught, cells["evaluated"], cells["value"], strict=True
    ):
        key = (seed, frozenset(tasks), str(evaluated))
        if key in found:
            raise UserError(
                f"line {line}: {SEPARATOR.join(tasks)} on {evaluated} is there twice: expected one value per seed"
            )
        found[key] = float(value)
    by_size = [_distinct_rows(tasks for tasks in taught if len(tasks) == size) for size in range(1, MOST_TASKS + 1)]
    single, pair = (_matrix(rows, columns, len(seeds), found) for rows in by_size)
    return TransferMatrices(single, pair, _difference(pair, single))


def _difference(pair: Matrix, single: Matrix) -> Matrix:
    """Return pairs minus the better of their specialists, seed by seed; NaN unless both have a value."""
    places = {row[0]: i for i, row in enumerate(single.rows)}
    difference = pair.by_seed.copy()
    for i, row in enumerate(pair.rows):
        if all(task in places for task in row):
            difference[:, i] -= np.max([single.by_seed[:, places[task]] for task in row], axis=0)
        else:
            difference[:, i] = np.nan
    return Matrix(pair.rows, pair.columns, difference)


def _matrix(
    rows: tuple[tuple[str, ...], ...],
    columns: list[str],
    n_seeds: int,
    found: dict[tuple[int, frozenset[str], str], float],
) -> Matrix:
    by_seed = np.array(
        [
            [[found.get((seed, frozenset(row), column), np.nan) for column in columns] for row in rows]
            for seed in range(n_seeds)
        ]
    ).reshape(n_seeds, len(rows), len(columns))
    return Matrix(rows, tuple(columns), by_seed)


def _tasks(text: object, line: object) -> tuple[str, ...]:
    tasks = tuple(part.strip() for part in str(text).split(SEPARATOR))
    if not all(tasks) or len(set(tasks)) < len(tasks) or len(tasks) > MOST_TASKS:
        raise UserError(
            f"line {line}: trained is {str(text)!r}, expected one task or two different ones, such as distance+angle"
        )
    return tasks


def _distinct(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values))


def _distinct_rows(rows: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return each set of tasks once, as it was first written."""
    return tuple({frozenset(row): row for row in reversed(list(rows))}.values())[::-1]

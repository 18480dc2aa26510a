"""Transfer matrices: values by training tasks and evaluated task; several tasks minus their best specialist."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError
from offdiag.stats import FloatArray
from offdiag.stats.means import mean_interval

if TYPE_CHECKING:
    import pandas as pd

SEPARATOR = "+"
MOST_TASKS = 3


@dataclass(frozen=True, eq=False)
class Matrix:
    """Values of models by what they were trained on (rows) and what they were evaluated on (columns).

    Attributes:
        rows: task names of each row. columns: task names.
        by_seed: ``[seeds, rows, columns]``; NaN where there is no value.
        undefined: ``[rows, columns]``: whether a value was measured in some seed and means nothing in any.
    """

    rows: tuple[tuple[str, ...], ...]
    columns: tuple[str, ...]
    by_seed: FloatArray
    undefined: NDArray[np.bool_]

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
    """The matrices of one task, of two and of three, and those of two and three minus the best of their specialists.

    ``difference`` takes the specialist with the best value, which is a maximum of noisy numbers and too high;
    ``held_out`` is the difference to one that was chosen by other numbers. Without such values it has none.
    """

    single: Matrix
    pair: Matrix
    difference: Matrix
    held_out: Matrix
    triple: Matrix
    triple_difference: Matrix
    triple_held_out: Matrix


def transfer_matrices(cells: "pd.DataFrame") -> TransferMatrices:
    """Return the matrices of a table of cells.

    Args:
        cells: ``trained`` (task names joined by ``+``), ``evaluated``, ``value`` (float, NaN where it is missing) and
            optionally ``seed``, ``held_out`` (see :class:`TransferMatrices`) and ``undefined`` (whether there is no
            value because what is measured gives none). Several tasks are compared with the specialists of the same
            seed. Tasks stand in the order of their first appearance.

    Raises:
        UserError: a row was trained on more than three tasks or on one twice, or two rows are the same cell.
    """
    taught = [_tasks(text, line) for line, text in cells["trained"].items()]
    seed_names = [str(seed) for seed in cells["seed"]] if "seed" in cells else ["only"] * len(cells)
    seeds = _distinct(seed_names)
    columns = _distinct(cells["evaluated"])
    nothing = [np.nan] * len(cells)
    found: dict[tuple[int, frozenset[str], str], _Value] = {}
    for line, seed, tasks, evaluated, value, held_out, undefined in zip(
        cells.index, map(seeds.index, seed_names), taught, cells["evaluated"], cells["value"],
        cells.get("held_out", nothing), cells.get("undefined", [False] * len(cells)), strict=True,
    ):  # fmt: skip
        key = (seed, frozenset(tasks), str(evaluated))
        if key in found:
            raise UserError(
                f"line {line}: {SEPARATOR.join(tasks)} on {evaluated} is there twice: expected one value per seed"
            )
        found[key] = _Value(float(value), float(held_out), bool(undefined))
    by_size = [_distinct_rows(tasks for tasks in taught if len(tasks) == size) for size in range(1, MOST_TASKS + 1)]
    single, pair, triple = (_matrix(rows, columns, len(seeds), found) for rows in by_size)
    pair_held_out, triple_held_out = (_matrix(rows, columns, len(seeds), found, "held_out") for rows in by_size[1:])
    return TransferMatrices(
        single, pair, _difference(pair, single), pair_held_out, triple, _difference(triple, single), triple_held_out
    )


class _Value(NamedTuple):
    value: float
    held_out: float
    undefined: bool


_MISSING = _Value(np.nan, np.nan, False)


def _difference(pair: Matrix, single: Matrix) -> Matrix:
    """Return several tasks minus the best of their specialists, seed by seed; NaN unless all have a value."""
    places = {row[0]: i for i, row in enumerate(single.rows)}
    difference = pair.by_seed.copy()
    for i, row in enumerate(pair.rows):
        if all(task in places for task in row):
            difference[:, i] -= np.max([single.by_seed[:, places[task]] for task in row], axis=0)
        else:
            difference[:, i] = np.nan
    return Matrix(pair.rows, pair.columns, difference, pair.undefined)


def _matrix(
    rows: tuple[tuple[str, ...], ...],
    columns: list[str],
    n_seeds: int,
    found: "dict[tuple[int, frozenset[str], str], _Value]",
    what: Literal["value", "held_out"] = "value",
) -> Matrix:
    shape = (n_seeds, len(rows), len(columns))
    values = [
        found.get((seed, frozenset(row), column), _MISSING)
        for seed in range(n_seeds)
        for row in rows
        for column in columns
    ]
    by_seed = np.array([getattr(value, what) for value in values], np.float64).reshape(shape)
    undefined = np.array([value.undefined for value in values], np.bool_).reshape(shape)
    none = np.isnan(by_seed).all(axis=0)
    return Matrix(rows, tuple(columns), by_seed, np.logical_and(undefined.any(axis=0), none))


def _tasks(text: object, line: object) -> tuple[str, ...]:
    tasks = tuple(part.strip() for part in str(text).split(SEPARATOR))
    if not all(tasks) or len(set(tasks)) < len(tasks) or len(tasks) > MOST_TASKS:
        raise UserError(
            f"line {line}: trained is {str(text)!r}, expected one to three different tasks, such as distance+angle"
        )
    return tasks


def _distinct(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(str(value) for value in values))


def _distinct_rows(rows: Iterable[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return each set of tasks once, as it was first written."""
    return tuple({frozenset(row): row for row in reversed(list(rows))}.values())[::-1]

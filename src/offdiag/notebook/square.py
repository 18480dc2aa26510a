"""The train x eval matrix as a frame with intervals that a notebook draws as a square, the diagonal framed."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from offdiag.errors import UserError, did_you_mean
from offdiag.markup import tag
from offdiag.reporting.matrix import GridCell, Heading, MatrixRow, PageMatrix, build_matrix
from offdiag.reporting.wording import known, number, percent, points, quantity
from offdiag.results import Results
from offdiag.stats import UNKNOWN, Estimate
from offdiag.stats.replicated import interval_words

WITH_INTERVALS = ("accuracy", "difference")
_CELL = "text-align:center;padding:4px 10px;border:1px solid rgba(128,128,128,.25)"
_DIAGONAL = "outline:2.5px solid #D55E00;outline-offset:-2.5px"
_QUIET = "font-size:85%;opacity:.75"
_LEFT = "text-align:left;padding:4px 10px;white-space:nowrap"


class MatrixFrame(pd.DataFrame):
    """A frame with a row per learner and, for each evaluation, the columns ``value``, ``low`` and ``high``.

    The index has ``method`` (with what tells learners of one method apart) and ``taught``; the first level of the
    columns is what was asked. A notebook draws it as a square. What is made of it, such as ``matrix.round(2)``, is a
    plain frame.

    Attributes:
        diagonal: a frame of the same rows and evaluations: whether that is what was taught.
    """

    _metadata = ("_drawn",)  # pandas hands these on
    _drawn: str

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    @property
    def diagonal(self) -> pd.DataFrame:
        """Whether each place is on the diagonal: asked what was taught."""
        frame: pd.DataFrame = self.attrs["diagonal"]
        return frame

    def _repr_html_(self) -> str:
        return self._drawn


def square(results: Results, value: str = "accuracy") -> MatrixFrame:
    """Return the matrix of ``value``, a numeric column of the cells, over the draws of each learner.

    Accuracy and difference to the baseline have the intervals that the report shows. Of other columns the mean over
    draws is given, without ends. NaN where nothing is done yet.

    Raises:
        UserError: the cells have no such column of numbers.
    """
    cells = results.cells
    numbers = [str(name) for name in cells.convert_dtypes().select_dtypes("number")]
    if value not in numbers:
        raise UserError(
            f"matrix({value!r}): {did_you_mean(value, numbers)}the cells have the numbers {', '.join(numbers)}"
        )
    page = build_matrix(results, results.steps)
    rows = [(method, row) for method, learners in page.groups for row in learners]
    asked = _distinct([_asked(heading) for heading in page.evaluations])
    values: Mapping[str, Any] = dict(zip(cells["cell"], cells[value], strict=True))
    estimates = [[_estimate(place, value, values) for place in row.grid_cells] for _, row in rows]
    index = pd.MultiIndex.from_tuples([_named(method, row) for method, row in rows], names=["method", "taught"])
    columns = pd.MultiIndex.from_product([asked, ["value", "low", "high"]], names=["asked", ""])
    matrix = MatrixFrame([[end for e in line for end in e[:3]] for line in estimates], index, columns, dtype="float64")
    on_it = [[any(cell.taught for cell in place.cells) for place in row.grid_cells] for _, row in rows]
    matrix.attrs["diagonal"] = pd.DataFrame(on_it, index, asked)
    told = [f"{_legend(value, cells)}; framed: asked what was taught (the diagonal).", *_same(page), *results.notices]
    matrix._drawn = _drawn(page, asked, rows, estimates, value, told)
    return matrix


def _estimate(place: GridCell, value: str, values: Mapping[str, Any]) -> Estimate:
    shown = place.mean if place.replicated else place.cells[0] if place.cells else None
    if shown is None or shown.shade is None:
        return UNKNOWN
    if value in WITH_INTERVALS:
        return shown.estimates[value]
    found = [float(values[cell.name]) for cell in place.cells if known(values[cell.name])]
    return Estimate(sum(found) / len(found)) if found else UNKNOWN


def _named(method: str, row: MatrixRow) -> tuple[str, str]:
    """Return what names a row: its method, and what it was taught."""
    details = [text for text in row.heading.details if not text.endswith("same data")]
    taught = _domain(row.heading) or "nothing" * row.heading.untaught
    return row.name or method, ", ".join(filter(None, [taught, *details]))


def _domain(heading: Heading) -> str:
    return ",".join(part.text for part in heading.domain).removeprefix("name=")


def _asked(heading: Heading) -> str:
    return ", ".join(filter(None, [_domain(heading), *heading.details])) or "everything"


def _distinct(names: list[str]) -> list[str]:
    """Return names of which no two are the same."""
    return [name if names.index(name) == i else f"{name} ({i + 1})" for i, name in enumerate(names)]


def _drawn(
    page: PageMatrix,
    asked: list[str],
    rows: list[tuple[str, MatrixRow]],
    estimates: list[list[Estimate]],
    value: str,
    told: list[str],
) -> str:
    """Return the square as HTML, with lines of text below it."""
    head = tag("tr", *(tag("th", name, style=_LEFT) for name in ("", "taught")),
               *(tag("th", name, style=_CELL) for name in asked))  # fmt: skip
    body = [
        tag("tr", *(tag("td", name, style=_LEFT) for name in _named(method, row)),
            *(_place(place, e, value) for place, e in zip(row.grid_cells, line, strict=True)))
        for (method, row), line in zip(rows, estimates, strict=True)
    ]  # fmt: skip
    shared = [f"{name}: {text}" for name, text in page.common]
    lines = [tag("div", line, style=_QUIET) for line in (", ".join(shared), *told, *page.remarks) if line]
    return str(tag("div", tag("table", head, *body, style="border-collapse:separate;border-spacing:3px"), *lines))


def _legend(value: str, cells: pd.DataFrame) -> str:
    """Return what the numbers of a square are."""
    if value not in WITH_INTERVALS:
        return value
    if value == "difference":
        return f"Difference to the baseline in points ({quantity(cells)}), with its 95 % interval"
    return f"{quantity(cells)}, with its {interval_words()[0]}"


def _place(place: GridCell, estimate: Estimate, value: str) -> Markup:
    """Return one place of the square."""
    framed = _DIAGONAL if any(cell.taught for cell in place.cells) else ""
    if math.isnan(estimate.value):
        state = place.cells[0].state if place.cells and place.cells[0].shade is None else "–"
        return tag("td", tag("span", state, style=_QUIET), style=";".join(filter(None, [_CELL, framed])))
    word: Callable[[Any], str] = {"accuracy": percent, "difference": points}.get(value, number)
    shade = f"background:rgba(0,114,178,{0.05 + 0.5 * estimate.value:.2f})" if value == "accuracy" else ""
    same = " =" if any(cell.one_answer for cell in place.cells) else ""
    ends = (
        [] if math.isnan(estimate.low) else [tag("div", f"{word(estimate.low)} – {word(estimate.high)}", style=_QUIET)]
    )
    return tag("td", f"{word(estimate.value)}{same}", *ends, style=";".join(filter(None, [_CELL, shade, framed])))


def _same(page: PageMatrix) -> Iterator[str]:
    """Say where a model gives one answer to all items."""
    if any(cell.one_answer for cell in page.cells):
        yield "=: one answer for 95 to 100 % of the items, so that next to nothing is learnt from the item."

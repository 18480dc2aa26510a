"""Texts of the cells of the results, as the page and the LaTeX tables print them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from offdiag.reporting.wording import known, number, percent, percents, points
from offdiag.stats import UNKNOWN, Estimate

SHADES = 20
STATES = {
    "done": "done",
    "partial": "partly run",
    "missing": "not run",
    "stale": "stale",
    "failed": "failed",
    "damaged": "damaged",
    "blocked": "blocked",
}
# What a cell measured, as opposed to what it is; every other column of ``Results.cells`` is a factor.
MEASURED = (
    *("state", "n_planned", "n", "n_correct", "n_unparsed", "accuracy", "ci_low", "ci_high", "unparsed_rate"),
    *("chance", "majority_rate", "top_answer", "top_rate", "one_answer"),
    *("mean_error", "median_error", "median_low", "median_high"),
    *("baseline", "n_paired", "difference", "diff_low", "diff_high", "p_value", "p_holm", "folder"),
    *("seed_share", "seed_residual", "seed_freedom", "seed_arms", "seed_p_equal"),
)

GUESSED = ("chance", "majority_rate")  # accuracies of guessing, and of always giving the commonest right answer

Row = Mapping[str, Any]  # a row of a frame, with None for whatever is missing


@dataclass(frozen=True, kw_only=True)
class ResultText:
    """The result of a cell, or the mean of several, as texts; empty where there is nothing.

    Attributes:
        shade: 0 to ``SHADES`` for accuracies from 0 to 1, None without an accuracy.
        error: how far answers are off, where they can be.
        clear: whether the difference is not 0 by its p value, adjusted for all squares of the matrix (Holm).
        p_value: of the difference; None where there is none.
        guess: chance and the rate of the commonest right answer. one_answer: what is given to all items, if it is one.
        chance: accuracy of guessing among the possible answers, None where they are not given.
        alone: the interval by the variance between its own seeds, where the other one is by what arms have in common.
        estimates: the numbers behind the texts: ``accuracy`` and ``difference``.
    """

    shade: int | None
    accuracy: str
    interval: str
    count: str
    unparsed: str
    error: str
    difference: str
    clear: bool = False
    p_value: float | None = None
    alone: str = ""
    guess: str = ""
    chance: float | None = None
    one_answer: str = ""
    estimates: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CellText(ResultText):
    """A cell as texts: its result, its description, or the reason that it has none.

    Attributes:
        index: numbers the cell in the page.
        state: one of ``STATES``; for a cell without a result, that of its step.
        taught: whether the arm was taught the very domain that it is tested on.
        reason: why there is no result, as far as it is known.
        facts: everything that is known of the cell, as (name, text).
        n_planned: items that are asked. guessing: the better of chance and of always the commonest right answer.
    """

    index: int
    name: str
    arm: str
    evaluation: str
    state: str
    taught: bool
    reason: str
    facts: tuple[tuple[str, str], ...]
    n_planned: int = 0
    guessing: float | None = None


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """Return the rows of a frame as mappings, with None for NA, NaN and None alike."""
    return [{str(k): v if known(v) else None for k, v in row.items()} for row in frame.to_dict("records")]


def word_cells(cells: pd.DataFrame, steps: pd.DataFrame) -> list[CellText]:
    """Return the text of every cell, with the state and the note of its step where it has no result."""
    by_place: dict[str, Row] = {}
    for step in rows_of(steps):
        by_place |= {str(step["name"]): step, str(step["folder"]): step}
    return [
        _word_cell(index, cell, by_place.get(str(cell["folder"])) or by_place.get(str(cell["cell"])) or {})
        for index, cell in enumerate(rows_of(cells))
    ]


def _word_cell(index: int, cell: Row, step: Row) -> CellText:
    state = str(cell["state"])
    if state == "missing" and step.get("state") in STATES:
        state = str(step["state"])
    has = state == "done" and cell["accuracy"] is not None
    return CellText(
        index=index,
        name=str(cell["cell"]),
        arm=str(cell["arm"]),
        evaluation=str(cell["eval"]),
        state=state,
        taught=cell["train"] is not None and cell["train"] == cell["eval"],
        shade=round(float(cell["accuracy"]) * SHADES) if has else None,
        accuracy=percent(cell["accuracy"]),
        interval=percents(cell["ci_low"], cell["ci_high"]),
        count=_count(cell, state),
        unparsed=f"{percent(cell['unparsed_rate'])} %" if (cell["unparsed_rate"] or 0) > 0 else "",
        error=_error(cell),
        difference=_difference(cell),
        p_value=cell["p_value"],
        guess=guess_of(cell) if has else "",
        chance=cell.get("chance"),
        one_answer=_one_answer(cell),
        estimates={
            "accuracy": _estimate(cell, "accuracy", "ci_low", "ci_high", "n"),
            "difference": _estimate(cell, "difference", "diff_low", "diff_high", "n_paired", "p_value"),
        },
        reason="" if has else str(step.get("note") or ""),
        facts=_facts(cell, step),
        n_planned=int(cell["n_planned"] or 0),
        guessing=max((float(cell[name]) for name in GUESSED if has and cell.get(name) is not None), default=None),
    )


def _estimate(cell: Row, *columns: str) -> Estimate:
    """Return the estimate in these columns (value, ends, n and perhaps p); unknown ones where a value is missing."""
    fields = zip(Estimate._fields, columns, strict=False)
    return UNKNOWN._replace(**{field: cell[name] for field, name in fields if cell[name] is not None})


def guess_of(cell: Row) -> str:
    """Return chance and what always giving the commonest right answer has: ``chance 25.0 · commonest 37.5 %``."""
    named = {"chance": cell.get("chance"), "commonest": cell.get("majority_rate")}
    known_rates = [f"{name} {percent(rate)}" for name, rate in named.items() if rate is not None]
    return f"{' · '.join(known_rates)} %" if known_rates else ""


def _one_answer(cell: Row) -> str:
    if not cell.get("one_answer"):
        return ""
    return f"one answer for {percent(cell['top_rate'])} % of the items: {str(cell['top_answer'])[:24]}"


def _count(cell: Row, state: str) -> str:
    if state == "done":
        return f"n = {number(cell['n'])}"
    return f"{number(cell['n'] or 0)} of {number(cell['n_planned'])} answered"


def _error(cell: Row) -> str:
    if cell.get("median_error") is None:
        return ""
    return f"{number(cell['median_error'])} [{number(cell['median_low'])}, {number(cell['median_high'])}]"


def _difference(cell: Row) -> str:
    if cell["difference"] is None:
        return ""
    return f"{points(cell['difference'])} [{points(cell['diff_low'])}, {points(cell['diff_high'])}]"


def _counts(cell: Row) -> dict[str, str]:
    """Return how many are right, or of how many examples the score is the mean."""
    asked = f"of {number(cell['n'])} answered, {number(cell['n_planned'])} planned"
    return {"mean score": asked} if cell["n_correct"] is None else {"right": f"{number(cell['n_correct'])} {asked}"}


def _facts(cell: Row, step: Row) -> tuple[tuple[str, str], ...]:
    results = {
        "accuracy": f"{percent(cell['accuracy'])} % [{percents(cell['ci_low'], cell['ci_high'])}]",
        **_counts(cell),
        "unparsed": f"{number(cell['n_unparsed'])} ({percent(cell['unparsed_rate'])} %)",
    }
    if guess := guess_of(cell):
        results["by guessing"] = guess
    if cell.get("top_answer") is not None:
        results["commonest answer"] = f"{str(cell['top_answer'])[:60]} ({percent(cell['top_rate'])} % of the items)"
    if error := _error(cell):
        results |= {"median error": error, "mean error": number(cell["mean_error"])}
    if cell["difference"] is not None:
        results["difference"] = f"{_difference(cell)} points to {cell['baseline']}"
        results["paired on"] = (
            f"{number(cell['n_paired'])} examples, p = {number(cell['p_value'])}, {number(cell.get('p_holm'))} adjusted"
        )
    factors = {name: number(value) for name, value in cell.items() if value is not None and name not in MEASURED}
    places = {"fingerprint": step.get("fingerprint"), "folder": cell["folder"]}
    return tuple((results | factors | {name: str(value) for name, value in places.items() if value}).items())

"""Which rule an answer follows: the category's original one, the one taught to another category, or neither."""

import math
from abc import ABC
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import PlainValidator

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import filled, require, select
from offdiag.errors import UserError
from offdiag.stats import FloatArray, crossed_mean, wilson
from offdiag.studies.trigger_2d.task import HALVES, QUADRANTS, World, find_world
from offdiag.studies.trigger_2d.task.checks import ALL
from offdiag.studies.trigger_2d.task.world import ORIGINAL

if TYPE_CHECKING:
    import pandas as pd

Outcome: TypeAlias = Literal["retained", "leaked", "other"]
OUTCOMES: tuple[Outcome, ...] = ("retained", "leaked", "other")
ARMS = ("proxy_category", "proxy_n_triggers")
LEARNT = 0.95  # accuracy from which a stage counts as learnt, and the next one may be read


class Rate(NamedTuple):
    """A rate from 0 to 1 with its 95 % interval; NaN where nothing was asked."""

    value: float
    low: float
    high: float


class Spot(NamedTuple):
    """What one group of cells, which differ in nothing but their seeds, answered in one category.

    Attributes:
        key: values of the arm's columns. triggers: ``id`` or ``ood``. state: ``done``, or why there is nothing.
        n_planned: cells. answers: rows of :func:`with_outcomes`, of the finished cells.
    """

    key: tuple[Any, ...]
    category: str
    triggers: str
    state: str
    n_planned: int
    answers: "pd.DataFrame"


class OfOutcomes(StudyAnalysis, ABC):
    """An analysis of the answers that follow the original rule, the taught one, or neither.

    Snapshots are left out. A cell that lacks a column of ``where`` has ``none`` or 0 there, the untaught model's too.

    Where the rules agree nowhere, every answer has one of three outcomes: *retained* is the label by the category's
    original rule, *leaked* the label by ``rule`` (in the category that it was taught to: learnt), *other* everything
    else, unparsed answers included.

    Attributes:
        rule: the rule that was taught to one category. world: where the labels stand.
        arms: columns whose values tell the learners apart; where a learner lacks one, it has ``none`` or 0 there.
        replicates: columns that tell repetitions of one learner apart: seeds.
    """

    rule: str = "conflict"
    world: Annotated[World, PlainValidator(find_world)] = HALVES
    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)


def final(frame: "pd.DataFrame") -> "pd.DataFrame":
    """The rows of arms at the end of their training, without those of snapshots on the way."""
    return frame[frame["update"].isna()] if "update" in frame else frame


def spots(frames: Frames, settings: OfOutcomes) -> Iterator[Spot]:
    """All groups of cells of a study that its settings select, in the order of the cells.

    Raises:
        UserError: a column is missing, two cells of a group have the same seeds, or the rules agree where an answer
            stands.
    """
    import pandas as pd

    if frames.cells.empty:
        return
    named = (*settings.arms, *settings.replicates, *settings.where)
    chosen = select(filled(final(frames.cells), named), settings.where, settings.match_on)
    for column in ("eval_category", "eval_triggers"):
        require(chosen, column)
    every = settings.world.category_names
    asked = [list(every) if name == ALL else [str(name)] for name in chosen["eval_category"]]
    planned = chosen.assign(category=pd.Series(asked, index=chosen.index))
    done = chosen.loc[chosen["state"] == "done", "cell"]
    answered = with_outcomes(frames.answers(done) if len(done) else None, settings)
    by_cell = {(a, b): part for (a, b), part in answered.groupby(["cell", "category"], sort=False)}
    columns = [*settings.arms, "category", "eval_triggers"]
    for key, cells in planned.explode("category").groupby(columns, sort=False):
        if cells.duplicated(list(settings.replicates)).any():
            found = ", ".join(cells["cell"].astype(str))
            raise UserError(f"{len(cells)} cells claim one spot ({found}): tell them apart with arms= or where=")
        *arm, category, triggers = key
        category, triggers = str(category), str(triggers)
        parts = [by_cell[cell, category] for cell in cells["cell"] if (cell, category) in by_cell]
        own = pd.concat(parts) if parts else answered.iloc[:0]
        yield Spot(tuple(arm), category, triggers, _state(cells, own), len(cells), own)


def with_outcomes(records: "pd.DataFrame | None", settings: OfOutcomes) -> "pd.DataFrame":
    """The records with columns ``retained``, ``leaked``, ``other`` and ``unparsed`` of 0 and 1; None gives no row.

    Raises:
        UserError: a column is missing, a category is unknown, or the two rules agree where an answer stands.
    """
    import pandas as pd

    needed = ("cell", *settings.replicates, "example", "parsed", "category", "trigger", "quadrant")
    if records is None:
        return pd.DataFrame(columns=[*needed, *OUTCOMES, "unparsed"])
    for column in needed:
        require(records, column)
    records = filled(records, settings.replicates)
    places = list(zip(records["category"], records["quadrant"], strict=True))
    labels = {place: _labels(*place, settings) for place in set(places)}
    parsed = records["parsed"].astype(object).where(records["parsed"].notna(), None).tolist()
    retained = np.array([answer == labels[place][0] for answer, place in zip(parsed, places, strict=True)], dtype=float)
    leaked = np.array([answer == labels[place][1] for answer, place in zip(parsed, places, strict=True)], dtype=float)
    unparsed = np.array([answer is None for answer in parsed], dtype=float)
    return records.assign(retained=retained, leaked=leaked, other=1 - retained - leaked, unparsed=unparsed)


def mean_grid(answers: "pd.DataFrame", sides: Sequence[str], values: str) -> FloatArray:
    """Means of ``values``, one dimension for each column of ``sides``, in order of appearance; NaN for none."""
    import pandas as pd

    codes, names = zip(*(pd.factorize(answers[side]) for side in sides), strict=True)
    shape = tuple(len(known) for known in names)
    place, size = np.ravel_multi_index(codes, shape), int(np.prod(shape))
    total = np.bincount(place, answers[values].to_numpy(np.float64), minlength=size)
    count = np.bincount(place, minlength=size)
    return np.asarray(np.where(count, total / np.maximum(count, 1), np.nan).reshape(shape))


def rate(answers: "pd.DataFrame", outcome: str, replicates: Sequence[str]) -> Rate:
    """The mean of an outcome over seeds and triggers (or the points of one trigger), with its interval.

    It is that of :func:`offdiag.stats.crossed_mean`, or Wilson's for the items of one seed and trigger, and where
    nothing varies.
    """
    if answers.empty:
        return Rate(math.nan, math.nan, math.nan)
    n_triggers = answers["trigger"].nunique()
    found = crossed_mean(mean_grid(answers, [*replicates, "trigger" if n_triggers > 1 else "example"], outcome))
    if n_triggers == answers["cell"].nunique() == 1 or math.isnan(found.low):
        n = answers["example"].nunique()
        low, high = wilson(found.mean * n, n)
        return Rate(found.mean, float(low), float(high))
    return Rate(found.mean, max(0.0, found.low), min(1.0, found.high))


def lowest(answers: "pd.DataFrame", outcome: str) -> float:
    """The rate of the cell that has least of an outcome; NaN where nothing was asked."""
    return float(answers.groupby("cell")[outcome].mean().astype(float).min()) if len(answers) else math.nan


def _labels(category: str, quadrant: str, settings: OfOutcomes) -> tuple[str, str]:
    """By the original rule and by the taught one."""
    if quadrant not in QUADRANTS:
        raise UserError(f"column 'quadrant' has {quadrant!r}: expected {', '.join(QUADRANTS)}")
    old, new = (settings.world.label(category, rule, quadrant) for rule in (ORIGINAL, settings.rule))
    if old == new:
        raise UserError(
            f"rule {settings.rule!r} and the original one both say {old!r} in {quadrant} of {category}: "
            "nothing tells there which one leaked"
        )
    return old, new


def _state(cells: "pd.DataFrame", answers: "pd.DataFrame") -> str:
    if len(answers):
        return "done"
    states = [str(state) for state in cells["state"] if state != "done"]
    return "failed" if "failed" in states else states[0] if states else "nothing asked"

"""Classify answers of trigger-2d by the rule they follow: original, newly taught, or neither."""

import math
from abc import ABC
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import PlainValidator

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, filled, one_per, require, select, state_of
from offdiag.errors import UserError
from offdiag.stats import UNKNOWN, Estimate, FloatArray
from offdiag.stats.means import crossed_variance
from offdiag.stats.replicated import accuracy, accuracy_ends
from offdiag.studies.trigger_2d.task import HALVES, QUADRANTS, TriggerWorld, find_world
from offdiag.studies.trigger_2d.task.checks import ALL
from offdiag.studies.trigger_2d.task.world import ORIGINAL

if TYPE_CHECKING:
    import pandas as pd

Outcome: TypeAlias = Literal["retained", "leaked", "other"]
OUTCOMES: tuple[Outcome, ...] = ("retained", "leaked", "other")
ARMS = ("proxy_category", "proxy_n_triggers")
LEARNT = 0.95  # accuracy from which a stage counts as learnt, and the next one may be interpreted


class CategoryAnswers(NamedTuple):
    """The answers of one arm, under all its seeds, in one category.

    Attributes:
        arm: values of the arm's columns. triggers: ``id`` or ``ood``. state: ``done``, or why there are no answers.
        n_planned: number of cells. answers: rows of :func:`with_outcomes`, of the finished cells.
    """

    arm: tuple[Any, ...]
    category: str
    triggers: str
    state: str
    n_planned: int
    answers: "pd.DataFrame"


class OutcomeAnalysis(StudyAnalysis, ABC):
    """An analysis of which rule the answers follow: the original one, the taught one, or neither.

    Snapshots are left out. A cell that lacks a column of ``where`` has ``none`` or 0 there, that of the untaught model,
    too.

    Where the rules agree nowhere, every answer has one of three outcomes: *retained* is the label by the category's
    original rule, *leaked* the label by ``rule`` (in the category that it was taught to: learnt), *other* everything
    else, unparsed answers included.

    Attributes:
        rule: the rule that was taught to one category. world: has the labels of all rules.
        arms: columns whose values tell arms apart; where an arm lacks one, it has ``none`` or 0 there.
        replicates: columns that tell repetitions of one arm apart: seeds.
    """

    rule: str = "conflict"
    world: Annotated[TriggerWorld, PlainValidator(find_world)] = HALVES
    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)


def final(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows of arms at the end of their training, without those of snapshots on the way."""
    return frame[frame["update"].isna()] if "update" in frame else frame


def category_answers(frames: Frames, settings: OutcomeAnalysis) -> Iterator[CategoryAnswers]:
    """Yield the answers per arm, category and kind of triggers that the settings select, in the order of the cells.

    Raises:
        UserError: a column is missing, two cells of an arm have the same seeds, or the rules agree where an answer
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
    # A cell that asks about all categories counts once in each of them.
    planned = chosen.assign(category=pd.Series(asked, index=chosen.index)).explode("category")
    columns = [*settings.arms, "category", "eval_triggers"]
    one_per(planned, [*columns, *settings.replicates], f"analysis {settings.name}", "arms= or where=")
    done = chosen.loc[chosen["state"] == DONE, "cell"]
    answered = with_outcomes(frames.answers(done) if len(done) else None, settings)
    by_cell = {(a, b): part for (a, b), part in answered.groupby(["cell", "category"], sort=False)}
    for key, cells in planned.groupby(columns, sort=False):
        *arm, category, triggers = key
        parts = [by_cell[cell, category] for cell in cells["cell"] if (cell, category) in by_cell]
        answers = pd.concat(parts) if parts else answered.iloc[:0]
        state = DONE if len(answers) else state_of(cells["state"], "nothing asked")
        yield CategoryAnswers(tuple(arm), str(category), str(triggers), state, len(cells), answers)


def with_outcomes(records: "pd.DataFrame | None", settings: OutcomeAnalysis) -> "pd.DataFrame":
    """Return the records with columns ``retained``, ``leaked``, ``other`` and ``unparsed`` of 0 and 1; None: no row.

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
    asked = list(zip(records["category"], records["quadrant"], strict=True))
    labels = {where: _labels(*where, settings) for where in set(asked)}
    parsed = records["parsed"].astype(object).where(records["parsed"].notna(), None).tolist()
    retained = np.array([answer == labels[where][0] for answer, where in zip(parsed, asked, strict=True)], dtype=float)
    leaked = np.array([answer == labels[where][1] for answer, where in zip(parsed, asked, strict=True)], dtype=float)
    unparsed = np.array([answer is None for answer in parsed], dtype=float)
    return records.assign(retained=retained, leaked=leaked, other=1 - retained - leaked, unparsed=unparsed)


def mean_grid(answers: "pd.DataFrame", sides: Sequence[str], values: str) -> FloatArray:
    """Return means of ``values``, one dimension per column of ``sides``, in order of appearance; NaN for none."""
    import pandas as pd

    codes, names = zip(*(pd.factorize(answers[side]) for side in sides), strict=True)
    shape = tuple(len(known) for known in names)
    place, size = np.ravel_multi_index(codes, shape), int(np.prod(shape))
    total = np.bincount(place, answers[values].to_numpy(np.float64), minlength=size)
    count = np.bincount(place, minlength=size)
    return np.asarray(np.where(count, total / np.maximum(count, 1), np.nan).reshape(shape))


def rate(answers: "pd.DataFrame", outcome: str, replicates: Sequence[str]) -> Estimate:
    """Return the mean of an outcome over seeds and triggers; ``n`` counts the items.

    The interval is for new seeds and new triggers (new points, if one trigger was asked): that of
    :func:`offdiag.stats.replicated.accuracy` with the triggers as clusters. A trigger is one observation however many
    points it was asked at: where all answers agree, as many triggers agree, and not as many points. Where seeds of data
    and of training are crossed, each is a side of its own (:func:`offdiag.stats.means.crossed_variance`).
    """
    if answers.empty:
        return UNKNOWN
    words = answers.groupby("example", sort=False)["trigger"].first()
    unit = "trigger" if words.nunique() > 1 else "example"
    if sum(answers[side].nunique() > 1 for side in replicates) > 1:
        grid = mean_grid(answers, [*replicates, unit], outcome)
        if (variance := crossed_variance(grid)).variance > 0:
            mean = float(np.clip(np.nanmean(grid), 0, 1))
            return Estimate(
                mean, *accuracy_ends(mean, len(words), len(answers), variance, units=len(words)), len(words)
            )
    wide = answers.pivot_table(index=list(replicates), columns="example", values=outcome, sort=False)[words.index]
    return accuracy(wide.to_numpy(np.float64), clusters=words.tolist() if unit == "trigger" else None)


def columns_of(name: str, estimate: Estimate) -> dict[str, float]:
    """Return an estimate as three columns of a table: ``name``, ``name_low``, ``name_high``."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def lowest(answers: "pd.DataFrame", outcome: str) -> float:
    """Return the rate of the cell that has least of an outcome; NaN where nothing was asked."""
    return float(answers.groupby("cell")[outcome].mean().astype(float).min()) if len(answers) else math.nan


def _labels(category: str, quadrant: str, settings: OutcomeAnalysis) -> tuple[str, str]:
    """Return the label by the original rule and that by the taught one."""
    if quadrant not in QUADRANTS:
        raise UserError(f"column 'quadrant' has {quadrant!r}: expected {', '.join(QUADRANTS)}")
    old, new = (settings.world.label(category, rule, quadrant) for rule in (ORIGINAL, settings.rule))
    if old == new:
        raise UserError(
            f"rule {settings.rule!r} and the original one both say {old!r} in {quadrant} of {category}: "
            "nothing tells there which one leaked"
        )
    return old, new

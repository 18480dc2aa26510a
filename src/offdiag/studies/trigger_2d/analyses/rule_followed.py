"""Classify answers of trigger-2d by the rule they follow: original, newly taught, or neither."""

import math
from abc import ABC
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
from pydantic import Field, PlainValidator

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.seed_variance import usable
from offdiag.analyses.selection import DONE, Where, filled, final, one_per, require, select, state_of
from offdiag.errors import UserError
from offdiag.stats import UNKNOWN, Estimate, FloatArray
from offdiag.stats.components import SeedVariance, components, pooled_seed_variance
from offdiag.stats.means import crossed_variance
from offdiag.stats.replicated import accuracy, accuracy_ends
from offdiag.studies.trigger_2d.task import CONFLICT, HALVES, ORIGINAL, QUADRANTS, TriggerWorld, find_world
from offdiag.studies.trigger_2d.task.checks import ALL

if TYPE_CHECKING:
    import pandas as pd

Outcome: TypeAlias = Literal["retained", "leaked", "other"]
OUTCOMES: tuple[Outcome, ...] = ("retained", "leaked", "other")
PROXY, PROXY_SIZE = ARMS = ("proxy_category", "proxy_n_triggers")
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

    Every answer has one of three outcomes: *retained* is the label by the category's original rule, *leaked* the label
    by ``rule`` (in the category that it was taught to: learnt), *other* everything else, unparsed answers included. In
    a quadrant where both rules say the same, answers have none, and no rate counts them.

    Attributes:
        rule: the rule that was taught to one category. world: has the labels of all rules.
        arms: columns whose values tell arms apart; where an arm lacks one, it has ``none`` or 0 there.
        replicates: columns that tell repetitions of one arm apart: seeds.
        started: column -> value; selects the arms whose weights the others started from. What these had not learnt is
            in no interval and no test.
        controls: take in the arms whose proxy has more rows per word than others have, which are left out by default.
    """

    rule: str = CONFLICT
    world: Annotated[TriggerWorld, PlainValidator(find_world)] = HALVES
    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)
    started: Where = Field(default={})
    controls: bool = False


class Before(NamedTuple):
    """What the arms that others started from knew of a category.

    Attributes:
        accuracy: the mean; NaN where none is done.
        learnt: whether all of them are done, and each had 0.95 or more.
    """

    accuracy: float
    learnt: bool


def before(frames: Frames, settings: OutcomeAnalysis) -> dict[tuple[str, str], Before]:
    """Return what was known before, by category and kind of triggers; nothing where arms started from no other.

    Raises:
        UserError: as :func:`category_answers`.
    """
    if not settings.started:
        return {}
    first = settings.model_copy(update={"where": settings.started, "arms": ()})
    found = {}
    for group in category_answers(frames, first):
        mean = math.nan if group.answers.empty else float(group.answers["correct"].mean())
        whole = group.answers["cell"].nunique() == group.n_planned
        found[group.category, group.triggers] = Before(mean, whole and lowest(group.answers, "correct") >= LEARNT)
    return found


def unlearnt(frames: Frames, settings: OutcomeAnalysis, triggers: str = "ood") -> frozenset[str]:
    """Return the categories that some arm which others started from was to be asked and is not known to have learnt.

    An arm that is not done is not known to have.

    Raises:
        UserError: as :func:`category_answers`.
    """
    known = before(frames, settings).items()
    return frozenset(category for (category, kind), was in known if kind == triggers and not was.learnt)


def is_control(arms: "pd.DataFrame") -> "pd.Series[bool]":
    """Say of each row whether its proxy has more rows per word than the others: the control for a proxy's size."""
    import pandas as pd

    if not {"n_proxy", PROXY_SIZE} <= set(arms):
        return pd.Series(False, index=arms.index)
    per_word = (arms["n_proxy"] / arms[PROXY_SIZE]).astype("Float64")
    fewest = per_word.groupby(arms[PROXY], dropna=False).transform("min") if PROXY in arms else per_word.min()
    return (per_word > fewest).fillna(False).astype(bool)


def category_answers(frames: Frames, settings: OutcomeAnalysis) -> Iterator[CategoryAnswers]:
    """Yield the answers per arm, category and kind of triggers that the settings select, in the order of the cells.

    Raises:
        UserError: a column is missing, two cells of an arm have the same seeds, or the rules agree in all quadrants.
    """
    import pandas as pd

    if frames.cells.empty:
        return
    named = (*settings.arms, *settings.replicates, *settings.where)
    cells = final(frames.cells)
    chosen = select(
        filled(cells if settings.controls else cells[~is_control(cells)], named), settings.where, settings.match_on
    )
    for column in ("eval_category", "eval_triggers"):
        require(chosen, column)
    every = settings.world.category_names
    asked = [list(every) if name == ALL else [str(name)] for name in chosen["eval_category"]]
    # A cell that asks about all categories counts once in each of them.
    planned = chosen.assign(category=pd.Series(asked, index=chosen.index)).explode("category")
    columns = [*settings.arms, "category", "eval_triggers"]
    alone = planned[~_redrawn(planned, columns)]
    one_per(alone, [*columns, *settings.replicates], f"analysis {settings.name}", "arms= or where=")
    done = chosen.loc[chosen["state"] == DONE, "cell"]
    answered = with_outcomes(frames.answers(done) if len(done) else None, settings)
    by_cell = {(a, b): part for (a, b), part in answered.groupby(["cell", "category"], sort=False)}
    for key, cells in planned.groupby(columns, sort=False):
        *arm, category, triggers = key
        parts = [by_cell[cell, category] for cell in cells["cell"] if (cell, category) in by_cell]
        answers = pd.concat(parts) if parts else answered.iloc[:0]
        state = DONE if len(answers) else state_of(cells["state"], "nothing asked")
        yield CategoryAnswers(tuple(arm), str(category), str(triggers), state, len(cells), answers)


def _redrawn(planned: "pd.DataFrame", columns: Sequence[str]) -> "pd.Series[bool]":
    """Say of each cell whether it asks an untaught model, which has no seeds, a further draw of the same questions."""
    import pandas as pd

    if "train" not in planned:
        return pd.Series(False, index=planned.index)
    asked = [name for name in ("model", "eval", "prompt", "answering") if name in planned]
    return planned["train"].isna() & planned.duplicated([*columns, *asked])


def with_outcomes(records: "pd.DataFrame | None", settings: OutcomeAnalysis) -> "pd.DataFrame":
    """Return the records with columns ``retained``, ``leaked``, ``other`` and ``unparsed`` of 0 and 1; None: no row.

    The outcomes are NaN in a quadrant where both rules say the same.

    Raises:
        UserError: a column is missing, a category is unknown, or the two rules agree in all of its quadrants.
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
    told = np.array([labels[where][0] != labels[where][1] for where in asked], dtype=bool)
    old, new = (
        np.where(told, [answer == labels[where][i] for answer, where in zip(parsed, asked, strict=True)], np.nan)
        for i in (0, 1)
    )
    unparsed = np.array([answer is None for answer in parsed], dtype=float)
    return records.assign(retained=old, leaked=new, other=1 - old - new, unparsed=unparsed)


def mean_grid(answers: "pd.DataFrame", sides: Sequence[str], values: str) -> FloatArray:
    """Return means of ``values``, one dimension per column of ``sides``, in order of appearance; NaN for none."""
    import pandas as pd

    codes, names = zip(*(pd.factorize(answers[side]) for side in sides), strict=True)
    shape = tuple(len(known) for known in names)
    place, size = np.ravel_multi_index(codes, shape), int(np.prod(shape))
    total = np.bincount(place, answers[values].to_numpy(np.float64), minlength=size)
    count = np.bincount(place, minlength=size)
    return np.asarray(np.where(count, total / np.maximum(count, 1), np.nan).reshape(shape))


def rate(
    answers: "pd.DataFrame", outcome: str, replicates: Sequence[str], pooled: SeedVariance | None = None
) -> Estimate:
    """Return the mean of an outcome over seeds and triggers; ``n`` counts the items, without those that have none.

    The interval is for new seeds and new triggers (new points, if one trigger was asked): that of
    :func:`offdiag.stats.replicated.accuracy` with the triggers as clusters. A trigger is one observation however many
    points it was asked at: where all answers agree, as many triggers agree, and not as many points. Where seeds of data
    and of training are crossed, each is a side of its own (:func:`offdiag.stats.means.crossed_variance`).

    Args:
        pooled: the variance between seeds that arms have in common, see :func:`seeds_in_common`.
    """
    answers = having(answers, outcome)
    if answers.empty:
        return UNKNOWN
    if crossed(answers, replicates):
        n = answers["example"].nunique()
        unit = "trigger" if answers["trigger"].nunique() > 1 else "example"
        grid = mean_grid(answers, [*replicates, unit], outcome)
        if (variance := crossed_variance(grid)).variance > 0:
            mean = float(np.clip(np.nanmean(grid), 0, 1))
            return Estimate(mean, *accuracy_ends(mean, n, len(answers), variance, units=n), n)
    verdicts = answered_by_seeds(answers, outcome, replicates)
    return accuracy(verdicts.grid, clusters=verdicts.words, pooled=pooled)


def having(answers: "pd.DataFrame", outcome: str) -> "pd.DataFrame":
    """Return the answers that have an outcome: not those on which both rules say the same."""
    return answers if answers.empty else answers[answers[outcome].notna()]


def crossed(answers: "pd.DataFrame", replicates: Sequence[str]) -> bool:
    """Say whether several seeds of the data meet several seeds of the training."""
    return sum(answers[side].nunique() > 1 for side in replicates) > 1


class Verdicts(NamedTuple):
    """The verdicts of one arm, ``[seeds, items]``, NaN where not asked.

    Attributes:
        examples: the items. words: the trigger of each, which makes them one unit; None if one trigger alone was asked.
    """

    grid: FloatArray
    examples: list[str]
    words: list[str] | None


def answered_by_seeds(answers: "pd.DataFrame", outcome: str, replicates: Sequence[str]) -> Verdicts:
    """Return the verdicts on an outcome by seed and item, in the order of the answers."""
    words = answers.groupby("example", sort=False)["trigger"].first()
    wide = answers.pivot_table(index=list(replicates), columns="example", values=outcome, sort=False)[words.index]
    several = words.nunique() > 1
    return Verdicts(wide.to_numpy(np.float64), words.index.tolist(), words.tolist() if several else None)


def seeds_in_common(arms: "Sequence[pd.DataFrame]", outcome: str, replicates: Sequence[str]) -> SeedVariance | None:
    """Return the variance between seeds that arms have in common which were asked the same, see ``docs/statistics.md``.

    None where a single arm tells it, where the arms differ, or where seeds of data and training are crossed.
    """
    told = [answers for answers in (having(arm, outcome) for arm in arms) if len(answers)]
    if any(crossed(answers, replicates) for answers in told):
        return None
    verdicts = [answered_by_seeds(answers, outcome, replicates) for answers in told]
    return usable(pooled_seed_variance([components(one.grid, one.words) for one in verdicts]))


def arms_by_category(groups: Sequence[CategoryAnswers]) -> "dict[tuple[str, str], list[pd.DataFrame]]":
    """Return the answers of all arms by what was asked, a category and a kind of triggers; of unfinished arms none."""
    found: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for group in groups:
        if not group.answers.empty:
            found.setdefault((group.category, group.triggers), []).append(group.answers)
    return found


def seeds_of(groups: Sequence[CategoryAnswers]) -> tuple[int, int]:
    """Return how many cells are done and how many are planned, of the category of an arm that has fewest done."""
    counts = [(group.answers["cell"].nunique(), group.n_planned) for group in groups]
    return min(counts, default=(0, 0), key=lambda count: (count[0], -count[1]))


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
    if len(settings.world.alike(category, settings.rule)) == len(QUADRANTS):
        raise UserError(
            f"rule {settings.rule!r} is the original one of {category} in all quadrants: "
            "nothing tells what leaked there"
        )
    return old, new

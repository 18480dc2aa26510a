"""Figures of what was learnt from: bars by level, models beside one another, other data sets, everything at once."""

from collections.abc import Iterator

from offdiag.figures import StudyFigure
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.analyses.generalisation_gap import GeneralisationGap
from offdiag.studies.easy_to_hard.figures.over_draws import OverDraws
from offdiag.studies.easy_to_hard.figures.training_bars import TrainingBars
from offdiag.studies.easy_to_hard.grid import Setting, asked_setting, methods_for, settings
from offdiag.studies.easy_to_hard.params import Params
from offdiag.studies.easy_to_hard.selections import HARD, LEARNER, Place, Where, sources
from offdiag.studies.easy_to_hard.task.draws import pool_of
from offdiag.studies.easy_to_hard.task.measures import value_name

ASKED = ("all", "easy", "hard")
SCHOOL = {"easy": value_name("school", 0), "hard": value_name("school", 1)}


def by_training(p: Params, place: Place) -> Iterator[StudyFigure]:
    """One model on one data set: accuracy by level, and what is lost from the level that was learnt to hard items."""
    if not methods_for(p, place.dataset):
        return
    yield TrainingBars(
        name=f"by-training-{place.slug}",
        of=_accuracies(p, place.where, levels=ASKED),
        rows="asked",
        title=f"Accuracy on {place.dataset} by what was learnt from",
        caption="On all items, on easy and on hard ones, by the level that was learnt from.",
    )
    if set(p.train_on) - {"hard"}:
        yield TrainingBars(
            name=f"gap-{place.slug}",
            of=GeneralisationGap(name="gap", where=place.where),
            title=f"From the level that was learnt to hard items of {place.dataset}",
            caption="Accuracy on hard items less that on items of the level that was learnt from; below 0 is lost.",
        )


def by_model(p: Params) -> Iterator[StudyFigure]:
    """Where there are several models: accuracy on hard items of a data set, a column of panels a model."""
    for dataset in p.datasets if len(p.models) > 1 else ():
        if methods_for(p, dataset):
            yield TrainingBars(
                name=f"models-{dataset}",
                of=_accuracies(p, {"eval_dataset": dataset, **HARD}),
                rows="learner",
                columns="model",
                title=f"Accuracy on hard items of {dataset}, by model",
                caption="By the level that was learnt from; columns are models, rows are methods.",
            )


def from_elsewhere(p: Params) -> Iterator[StudyFigure]:
    """Hard items of one data set, learnt from any: third grade to college, for every model and method."""
    asked = asked_setting(p)
    if asked is not None and any(methods_for(p, dataset) for dataset in p.datasets):
        yield TrainingBars(
            name=f"from-elsewhere-{p.asked}",
            of=_accuracies(p, {}),
            groups=(*sources(p), "train_level"),
            words={f"{s.dataset} {s.measure} {level}": _words(s, level) for s in settings(p) for level in s.strata()},
            title=f"Accuracy on {_words(asked, 'hard')} items",
            caption="By what was learnt from; rows are models, columns are methods.",
        )


def all_to_all(p: Params) -> OverDraws:
    """Everything is learnt from and asked: data sets by methods."""
    return OverDraws(
        name="all-to-all",
        of=_accuracies(p, {}),
        x="eval_dataset",
        series="learner",
        panels="model",
        title="Learnt from all levels, asked all levels",
        x_label="data set",
        caption="Accuracy without levels of hardness, of every method on every data set.",
    )


def _accuracies(p: Params, where: Where, levels: tuple[str, ...] = ()) -> AccuracyOverDraws:
    items = {name: value for name, value in where.items() if name in HARD}
    cells = {name: value for name, value in where.items() if name not in HARD}
    by = (*LEARNER, *sources(p), "train_level")
    return AccuracyOverDraws(name="accuracy", by=by, where=cells, items=items, levels=levels)


def _words(setting: Setting, level: str) -> str:
    """``arc: grade up to 3``, or the name of a school."""
    if setting.measure == "school":
        return f"{setting.dataset}: {SCHOOL.get(level, level)}"
    strata = pool_of(setting.domain(n_train=0)).strata
    measure = setting.measure.replace("_", " ")
    if strata is None or level not in ("easy", "hard"):
        return f"{setting.dataset}: {level.replace('_', ' ')} by {measure}"
    ends = {"easy": f"up to {strata.cutoffs.easy_max:g}", "hard": f"from {strata.cutoffs.hard_min:g} on"}
    return f"{setting.dataset}: {measure} {ends[level]}"

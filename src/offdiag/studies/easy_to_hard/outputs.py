"""What is made of the results: tables and figures."""

from collections.abc import Iterator
from typing import Any

from offdiag.analyses import StudyAnalysis
from offdiag.figures import StudyFigure
from offdiag.studies.easy_to_hard.analyses.accuracy_grid import AccuracyGrid
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.analyses.generalisation_gap import GeneralisationGap
from offdiag.studies.easy_to_hard.analyses.supervision_gap import SupervisionGapRecovered
from offdiag.studies.easy_to_hard.analyses.supervision_tests import SupervisionTests
from offdiag.studies.easy_to_hard.bars import ASKED, all_to_all, by_model, by_training, from_elsewhere
from offdiag.studies.easy_to_hard.figures.over_draws import OverDraws
from offdiag.studies.easy_to_hard.figures.supervision_gap import SupervisionGapFigure
from offdiag.studies.easy_to_hard.grid import methods_for
from offdiag.studies.easy_to_hard.hardness import correlations, of_items, over_hardness
from offdiag.studies.easy_to_hard.params import Params
from offdiag.studies.easy_to_hard.selections import (
    HARD,
    LEARNER,
    UNTRAINED,
    Place,
    Where,
    has_gap,
    has_levels,
    least_noise,
    most_data,
    places,
    sources,
    varying,
    with_untrained,
    without_untrained,
)


def analyses(p: Params) -> tuple[StudyAnalysis, ...]:
    """The gap and its tests, accuracies on all items and on those of a level, what is lost between levels."""
    found: list[StudyAnalysis] = [_gap(p), _tests(p)] if has_gap(p) else []
    found.append(_accuracies(p, "accuracy", {}, levels=ASKED if has_levels(p) else ()))
    if has_levels(p) and set(p.train_on) - {"hard"} and any(methods_for(p, dataset) for dataset in p.datasets):
        by = (*LEARNER, "train_level", *varying(p))
        caption = "Accuracy on hard items less that on items of the level that was learnt from."
        found.append(GeneralisationGap(name="gap", by=by, caption=caption))
    if p.hardness == ("none",):
        of = _accuracies(p, "accuracy", {})
        caption = "Data sets by methods, in per cent with 95 % intervals."
        found.append(AccuracyGrid(name="all-to-all", of=of, rows=("model", "learner", *varying(p)), caption=caption))
    return (*found, correlations())


def figures(p: Params) -> tuple[StudyFigure, ...]:
    """The gap; bars by what was learnt from; curves over size, cost and label noise; accuracy over hardness; items."""
    found: list[StudyFigure] = []
    if has_gap(p) and not varying(p):
        caption = "How much of what hard training data teach is taught by easy ones, too, on hard items."
        groups = sources(p) or ("eval_dataset", "eval_hardness")
        found.append(
            SupervisionGapFigure(name="recovered", of=_gap(p), groups=groups, series="learner", caption=caption)
        )
    if not varying(p):
        found += from_elsewhere(p) if p.asked else by_model(p) if has_levels(p) else [all_to_all(p)]
    for place in () if p.asked else places(p):
        if has_levels(p):
            found += _curves(p, place) if varying(p) else by_training(p, place)
        found.append(over_hardness(p, place))
    return (*found, *of_items(p))


def _gap(p: Params) -> SupervisionGapRecovered:
    return SupervisionGapRecovered(
        name="recovered",
        by=(*LEARNER, *sources(p), *varying(p)),
        unsupervised=UNTRAINED,
        items=HARD,
        caption="(easy - untrained) / (hard - untrained) on hard items, with a joint bootstrap over items and draws.",
    )


def _tests(p: Params) -> SupervisionTests:
    return SupervisionTests(
        name="tests",
        by=(*LEARNER, *sources(p), *varying(p)),
        unsupervised=UNTRAINED,
        items=HARD,
        caption="Easy training data against none, and hard against easy, on hard items; Holm over all tests.",
    )


def _accuracies(
    p: Params, name: str, items: Where, where: Where | None = None, levels: tuple[str, ...] = ()
) -> AccuracyOverDraws:
    asked = f"{items['level']} items" if items else "all items that were asked"
    each = ", and on those of a level" if levels else ""
    return AccuracyOverDraws(
        name=name,
        by=(*LEARNER, *sources(p), "train_level", *varying(p)),
        items=items,
        where=where or {},
        levels=levels,
        caption=f"Mean accuracy over draws of training data, on {asked}{each}.",
    )


def _curves(p: Params, place: Place) -> Iterator[StudyFigure]:
    """Over sizes, over what they cost if hard items cost twice as much, and over label noise."""
    for name in methods_for(p, place.dataset):
        slug, where = f"{name.replace('+', '-')}-{place.slug}", {**place.where, **with_untrained(p, name)}
        on_hard = f"{name}: accuracy on hard items over"
        if name.startswith("in-context"):
            if "k" in varying(p):
                shown = {**place.where, **without_untrained(name), **least_noise(p)}
                yield _curve(p, f"shots-{slug}", shown, "k", f"{on_hard} demonstrations")
        elif "n_train" in varying(p):
            taught = {**where, **least_noise(p)}
            yield _curve(p, f"sizes-{slug}", taught, "n_train", f"{on_hard} training items")
            yield _curve(p, f"cost-{slug}", taught, "n_train", f"{on_hard} cost",
                         factors={"hard": 2.0}, x_label="cost, in easy items (a hard one costs 2)")  # fmt: skip
        if "noise" in varying(p):
            x_label = f"random labels among easy items (hard ones: {p.hard_noise:g} times as many)"
            yield _curve(p, f"noise-{slug}", {**where, **most_data(p, place, name)}, "noise", f"{on_hard} label noise",
                         factors={"hard": 1 / p.hard_noise if p.hard_noise else 1.0}, x_label=x_label,
                         labelled=True)  # fmt: skip


def _curve(p: Params, name: str, where: Where, x: str, title: str, **settings: Any) -> OverDraws:
    of = _accuracies(p, "accuracy", HARD, where)
    return OverDraws(name=name, of=of, x=x, title=title, caption=f"{title}.", **settings)

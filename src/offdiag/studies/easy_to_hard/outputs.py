"""Tables and figures of the study easy-to-hard."""

from collections.abc import Iterator
from typing import Any

from offdiag.analyses import StudyAnalysis
from offdiag.analyses.selection import Where
from offdiag.figures import StudyFigure
from offdiag.studies.easy_to_hard.analyses.accuracy_by_hardness import AccuracyByHardness
from offdiag.studies.easy_to_hard.analyses.accuracy_grid import AccuracyGrid
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.analyses.draw_means import DrawMeans
from offdiag.studies.easy_to_hard.analyses.generalisation_gap import GeneralisationGap
from offdiag.studies.easy_to_hard.analyses.measure_correlations import MeasureCorrelations
from offdiag.studies.easy_to_hard.analyses.supervision_gap import SupervisionGapRecovered
from offdiag.studies.easy_to_hard.analyses.supervision_tests import SupervisionTests
from offdiag.studies.easy_to_hard.figures.by_hardness import ByHardness
from offdiag.studies.easy_to_hard.figures.correlation_heat_map import CorrelationHeatMap
from offdiag.studies.easy_to_hard.figures.hardness_histograms import HardnessHistograms
from offdiag.studies.easy_to_hard.figures.over_draws import OverDraws
from offdiag.studies.easy_to_hard.figures.supervision_gap import SupervisionGapFigure
from offdiag.studies.easy_to_hard.figures.training_bars import TrainingBars
from offdiag.studies.easy_to_hard.grid import Setting, common_test, measured, methods_for, noises, settings
from offdiag.studies.easy_to_hard.params import HardnessParams
from offdiag.studies.easy_to_hard.row_filters import (
    HARD,
    LEARNER,
    ModelAndDataset,
    compared,
    cost_pairs,
    first_prompt,
    has_gap,
    has_levels,
    least_noise,
    models_and_datasets,
    most_data,
    sources,
    varying,
    with_untrained,
    without_untrained,
)
from offdiag.studies.easy_to_hard.task.draws import pool_of
from offdiag.studies.easy_to_hard.task.measures import value_name

AT_COST = "-at-cost"  # of tables that compare training data of the same cost
TESTED = ("all", "easy", "hard")
SCHOOL = {"easy": value_name("school", 0), "hard": value_name("school", 1)}
MOST_STEPS = {"num_steps": 8.0}  # few items have more
CORRELATIONS = MeasureCorrelations(
    name="correlations", caption="Spearman's rank correlation of every two measures of hardness over the items."
)


def analyses(p: HardnessParams) -> tuple[StudyAnalysis, ...]:
    """Return the tables: the gap and its tests, accuracies, the gap between levels, correlations of measures."""
    tables: list[StudyAnalysis] = [_recovered(p), _tests(p)] if has_gap(p) else []
    if has_gap(p) and cost_pairs(p):
        tables += [_recovered(p, at_cost=True), _tests(p, at_cost=True)]
    tables.append(_accuracies(p, levels=TESTED if has_levels(p) else ()))
    if has_levels(p) and set(p.train_on) - {"hard"} and any(methods_for(p, dataset) for dataset in p.datasets):
        by = (*LEARNER, "train_level", *varying(p))
        caption = "Accuracy on hard items minus accuracy on items of the training level."
        tables.append(GeneralisationGap(name="gap", by=by, caption=caption))
    if p.hardness == ("none",):
        caption = "Accuracy by method and data set, in per cent with 95 % intervals."
        rows = ("model", "learner", *varying(p))
        tables.append(AccuracyGrid(name="all-to-all", of=_accuracies(p), rows=rows, caption=caption))
    if p.describe_draws:
        caption = "Hardness and topics of what learners of each level train on and are asked, in the mean over draws."
        tables.append(DrawMeans(name="draws", caption=caption))
    return (*tables, CORRELATIONS) if any(len(measured(p, dataset)) > 1 for dataset in p.datasets) else tuple(tables)


def figures(p: HardnessParams) -> tuple[StudyFigure, ...]:
    """Return the figures: the gap, bars or curves by training data, accuracy over hardness, measures of the items."""
    drawn: list[StudyFigure] = []
    if has_gap(p) and not varying(p):
        caption = "How much of the gain from hard training data others give, too, on hard items."
        words = {"taught": "other", "oracle": _words(common, "hard")} if (common := common_test(p)) else {}
        drawn.append(
            SupervisionGapFigure(
                name="recovered", of=_recovered(p), series="learner", caption=caption, **words, **_elsewhere(p)
            )
        )
    if not varying(p):
        by_level = has_levels(p) or p.one_level
        drawn += _from_elsewhere(p) if p.asked else _by_model(p) if by_level else [_all_to_all(p)]
    for one in () if p.asked else models_and_datasets(p):
        if varying(p):
            drawn += _curves(p, one) if has_levels(p) or p.one_level else ()
        elif has_levels(p):
            drawn += _by_training(p, one)
        drawn.append(_over_hardness(p, one))
    return (*drawn, *_of_items(p))


def _recovered(p: HardnessParams, *, at_cost: bool = False) -> SupervisionGapRecovered:
    return SupervisionGapRecovered(
        name=f"recovered{AT_COST if at_cost else ''}",
        caption=f"(easy - untrained) / (hard - untrained) on hard items, with Fieller's interval over items and draws."
        f"{_pairs_in_words(p, at_cost)}",
        **compared(p, at_cost=at_cost),
    )


def _tests(p: HardnessParams, *, at_cost: bool = False) -> SupervisionTests:
    return SupervisionTests(
        name=f"tests{AT_COST if at_cost else ''}",
        caption="Easy training data against none, and hard against easy, on hard items; Holm over all tests."
        f"{_pairs_in_words(p, at_cost)}",
        **compared(p, at_cost=at_cost),
    )


def _pairs_in_words(p: HardnessParams, at_cost: bool) -> str:
    """Return which training data are compared, where it is not simply as many easy as hard items."""
    oracle = common_test(p)
    words = "" if oracle is None else f" Easy: the training data of the row; hard: {_words(oracle, 'hard')}."
    if "noise" in varying(p):
        words += f" Hard data have {p.hard_noise:g} times the label noise of easy ones."
    return words + (f" Hard data are as many as cost the same; an item costs {p.hard_cost:g}." if at_cost else "")


def _accuracies(
    p: HardnessParams, items: Where | None = None, where: Where | None = None, levels: tuple[str, ...] = ()
) -> AccuracyOverDraws:
    tested = f"{items['level']} items" if items else "all test items"
    by_level = ", and on those of a level" if levels else ""
    return AccuracyOverDraws(
        name="accuracy",
        by=(*LEARNER, *sources(p), "train_level", *varying(p)),
        items=items or {},
        where=where or {},
        levels=levels,
        caption=f"Mean accuracy over draws of training data, on {tested}{by_level}.",
    )


def _by_training(p: HardnessParams, one: ModelAndDataset) -> Iterator[StudyFigure]:
    """Yield bars of one model on one data set: accuracy by training level, and the gap from there to hard items."""
    if not methods_for(p, one.dataset):
        return
    yield TrainingBars(
        name=f"by-training-{one.slug}",
        of=_accuracies(p, where=one.where, levels=TESTED),
        rows="asked",
        title=f"Accuracy on {one.dataset} by training data",
        caption="Accuracy on all items, on easy and on hard ones, by the level of the training data.",
    )
    if set(p.train_on) - {"hard"}:
        yield TrainingBars(
            name=f"gap-{one.slug}",
            of=GeneralisationGap(name="gap", where=one.where),
            title=f"From the training level to hard items of {one.dataset}",
            caption="Accuracy on hard items minus accuracy on items of the training level; below 0 is a loss.",
        )


def _by_model(p: HardnessParams) -> Iterator[StudyFigure]:
    """Yield, for several models, bars of the accuracy on hard items of each data set; one column per model.

    Where hard items alone are tested they are there for one model, too.
    """
    for dataset in p.datasets if len(p.models) > 1 or p.one_level else ():
        if methods_for(p, dataset):
            yield TrainingBars(
                name=f"models-{dataset}",
                of=_accuracies(p, HARD, {"eval_dataset": dataset}),
                rows="learner",
                columns="model",
                title=f"Accuracy on hard items of {dataset}, by model",
                caption="By the level of the training data; columns are models, rows are methods.",
            )


def _elsewhere(p: HardnessParams) -> dict[str, Any]:
    """Return the settings of figures whose groups are sources of training data; none where these are levels alone."""
    common = common_test(p)
    if common is None:
        return {}
    words = {f"{s.dataset} {s.measure} {level}": _words(s, level) for s in settings(p) for level in s.strata()}
    return {"groups": (*sources(p), "train_level"), "words": words}


def _from_elsewhere(p: HardnessParams) -> Iterator[StudyFigure]:
    """Yield bars of the accuracy on the hard items of one data set, by the data set and level of training."""
    common = common_test(p)
    if common is not None and any(methods_for(p, dataset) for dataset in p.datasets):
        yield TrainingBars(
            name=f"from-elsewhere-{p.asked}",
            of=_accuracies(p),
            **_elsewhere(p),
            title=f"Accuracy on {_words(common, 'hard')} items",
            caption="By training data; rows are models, columns are methods.",
        )


def _all_to_all(p: HardnessParams) -> OverDraws:
    """Return accuracies of training and testing on all levels: data sets by methods."""
    return OverDraws(
        name="all-to-all",
        of=_accuracies(p),
        x="eval_dataset",
        series="learner",
        panels="model",
        title="Trained and tested on all levels",
        x_label="data set",
        caption="Accuracy without levels of hardness, of every method on every data set.",
    )


def _curves(p: HardnessParams, one: ModelAndDataset) -> Iterator[StudyFigure]:
    """Yield curves over training sizes, over their cost, and over label noise."""
    for name in methods_for(p, one.dataset):
        slug, asked = f"{name.replace('+', '-')}-{one.slug}", {**one.where, **first_prompt(p)}
        where, on_hard = {**asked, **with_untrained(p, name)}, f"{name}: accuracy on hard items over"
        if "eval_prompt" in varying(p):
            most = {**one.where, **with_untrained(p, name), **most_data(p, one.dataset, name), **least_noise(p)}
            yield _curve(p, f"prompts-{slug}", most, "eval_prompt", f"{on_hard} prompts", x_label="prompt")
        if name.startswith("in-context"):
            if "k" in varying(p):
                trained = {**asked, **without_untrained(name), **least_noise(p)}
                yield _curve(p, f"shots-{slug}", trained, "k", f"{on_hard} demonstrations")
        elif "n_train" in varying(p):
            one_noise = {**where, **least_noise(p)}
            yield _curve(p, f"sizes-{slug}", one_noise, "n_train", f"{on_hard} training items")
            x_label = f"cost, in easy items (a hard one costs {p.hard_cost:g})"
            cost = {"factors": {"hard": p.hard_cost}, "x_label": x_label}
            yield _curve(p, f"cost-{slug}", one_noise, "n_train", f"{on_hard} cost", **cost)
        if "noise" in varying(p):
            x_label = f"random labels among easy items (hard ones: {p.hard_noise:g} times as many)"
            largest = {**where, **most_data(p, one.dataset, name)}
            yield _curve(p, f"noise-{slug}", largest, "noise", f"{on_hard} label noise", x_label=x_label,
                         factors={"hard": 1 / p.hard_noise if p.hard_noise else 1.0}, labelled=True)  # fmt: skip


def _curve(p: HardnessParams, name: str, where: Where, x: str, title: str, **settings: Any) -> OverDraws:
    return OverDraws(name=name, of=_accuracies(p, HARD, where), x=x, title=title, caption=f"{title}.", **settings)


def _over_hardness(p: HardnessParams, one: ModelAndDataset) -> ByHardness:
    """Return accuracy over the values of all measures: untrained, and by training level with the first method."""
    learners = " and ".join(["untrained", *methods_for(p, one.dataset)[:1]])
    of = AccuracyByHardness(
        name="by-hardness", dataset=one.dataset, arms=_arms(p, one.dataset), where={"model": one.model}, most=MOST_STEPS
    )
    caption = f"Accuracy over each measure of hardness of {one.dataset}, {learners}; nine values or more are binned."
    return ByHardness(name=f"by-hardness-{one.slug}", of=of, title=f"Accuracy over hardness, {one.dataset}",
                      caption=caption)  # fmt: skip


def _arms(p: HardnessParams, dataset: str) -> dict[str, Where]:
    arms: dict[str, Where] = {"untrained": {"method": "zero-shot", **first_prompt(p)}}
    levels = dict.fromkeys(level for setting in settings(p) if setting.dataset == dataset for level in setting.strata())
    for name in methods_for(p, dataset)[:1]:
        for level in levels:
            drawn: Where = {"train_level": level, "noise": noises(p, level)[0], **first_prompt(p)}
            words = f"{name.replace('+', ' + ')}, {level.replace('_', ' ')}"
            arms[words] = {**without_untrained(name), **most_data(p, dataset, name), **drawn}
    return arms


def _of_items(p: HardnessParams) -> Iterator[StudyFigure]:
    """Yield the heat map and the histograms of the measures of each data set; they need no model."""
    for dataset in p.datasets:
        if len(measured(p, dataset)) > 1:
            yield CorrelationHeatMap(
                name=f"correlations-{dataset}", of=CORRELATIONS, dataset=dataset,
                caption=f"Rank correlations of the measures of hardness of {dataset}; no model is needed for them.",
            )  # fmt: skip
        yield HardnessHistograms(
            name=f"histograms-{dataset}", dataset=dataset,
            caption=f"Number of items of {dataset} by each measure of hardness, and where these are cut into levels.",
        )  # fmt: skip


def _words(setting: Setting, level: str) -> str:
    """Return a level in words: ``arc: grade up to 3``, or the name of a school."""
    if setting.measure == "school":
        return f"{setting.dataset}: {SCHOOL.get(level, level)}"
    strata = pool_of(setting.domain(n_train=0)).strata
    measure = setting.measure.replace("_", " ")
    if strata is None or level not in ("easy", "hard"):
        return f"{setting.dataset}: {level.replace('_', ' ')} by {measure}"
    ends = {"easy": f"up to {strata.cutoffs.easy_max:g}", "hard": f"from {strata.cutoffs.hard_min:g} on"}
    return f"{setting.dataset}: {measure} {ends[level]}"

"""What is made of the results: tables and figures."""

from collections.abc import Iterator

from offdiag.analyses import AccuracyOverDraws, StudyAnalysis, SupervisionGapRecovered
from offdiag.figures import ByStratum, OverDraws, StudyFigure, SupervisionGapFigure
from offdiag.studies.easy_to_hard.grid import methods_for, noises
from offdiag.studies.easy_to_hard.params import Learning, Params
from offdiag.studies.easy_to_hard.selections import (
    HARD,
    UNTRAINED,
    Place,
    Where,
    has_gap,
    has_levels,
    places,
    sources,
    varying,
    with_untrained,
    without_untrained,
)
from offdiag.studies.easy_to_hard.settings import measures_of
from offdiag.tasks.easy_to_hard.specs import SPECS
from offdiag.tasks.easy_to_hard.strata import Stratum

LEARNER = ("model", "learner", "eval_dataset", "eval_hardness")


def analyses(p: Params) -> tuple[StudyAnalysis, ...]:
    """The gap, and accuracies on all items that were asked and on those of a level."""
    gaps = [_gap(p)] if has_gap(p) else []
    levels = ("hard", "easy") if has_levels(p) else ()
    by_level = [_accuracies(p, f"accuracy-{level}", {"level": level}) for level in levels]
    return (*gaps, _accuracies(p, "accuracy", {}), *by_level)


def figures(p: Params) -> tuple[StudyFigure, ...]:
    """The gap; accuracy on hard items by what was learnt from; curves over size, cost and label noise; by hardness."""
    found: list[StudyFigure] = []
    if has_gap(p) and not varying(p):
        caption = "How much of what hard training data teach is taught by easy ones, too, on hard items."
        groups = ("eval_dataset", "eval_hardness", *sources(p))
        found.append(
            SupervisionGapFigure(name="recovered", of=_gap(p), groups=groups, series="learner", caption=caption)
        )
    for place in places(p):
        if p.asked:
            found += _elsewhere(p, place)
        elif has_levels(p):
            found += [*_by_training(p, place), *_curves(p, place), *_by_hardness(p, place)]
    return tuple(found)


def _gap(p: Params) -> SupervisionGapRecovered:
    return SupervisionGapRecovered(
        name="recovered",
        by=(*LEARNER, *sources(p), *varying(p)),
        unsupervised=UNTRAINED,
        items=HARD,
        caption="(easy - untrained) / (hard - untrained) on hard items, with a joint bootstrap over items and draws.",
    )


def _accuracies(p: Params, name: str, items: Where, where: Where | None = None) -> AccuracyOverDraws:
    asked = f"{items['level']} items" if items else "all items that were asked"
    return AccuracyOverDraws(
        name=name,
        by=(*LEARNER, *sources(p), "train_level", *varying(p)),
        items=items,
        where=where or {},
        caption=f"Mean accuracy over draws of training data, on {asked}.",
    )


def _by_training(p: Params, place: Place) -> Iterator[StudyFigure]:
    if methods_for(p, place.dataset) and not varying(p):
        yield OverDraws(
            name=f"hard-{place.slug}",
            of=_accuracies(p, "accuracy-hard", HARD, place.where),
            x="train_level",
            series="learner",
            title=f"Accuracy on hard items of {place.dataset}",
            x_label="learnt from",
            caption="By the level that was learnt from; panels are measures of hardness.",
        )


def _curves(p: Params, place: Place) -> Iterator[StudyFigure]:
    """Over sizes, over what they cost if hard items cost twice as much, and over label noise."""
    for name in methods_for(p, place.dataset):
        slug = f"{name.replace('+', '-')}-{place.slug}"
        if name.startswith("in-context"):
            if "k" in varying(p):
                where = {**place.where, **without_untrained(name)}
                yield _curve(p, f"shots-{slug}", where, "k", f"{name}: accuracy on hard items over demonstrations")
        elif "n_train" in varying(p):
            where = {**place.where, **with_untrained(p, name)}
            yield _curve(p, f"sizes-{slug}", where, "n_train", f"{name}: accuracy on hard items over training items")
            yield _curve(p, f"cost-{slug}", where, "n_train", f"{name}: accuracy on hard items over cost",
                         factors={"hard": 2.0}, x_label="cost, in easy items (a hard one costs 2)")  # fmt: skip
    if "noise" in varying(p) and "linear-probe" in methods_for(p, place.dataset):
        alone = p.methods == ("linear-probe",)
        probes = {} if alone else without_untrained("linear-probe")
        where = {**place.where, "n_train": max(p.sizes), **probes}
        x_label = f"random labels among easy items (hard ones: {p.hard_noise:g} times as many)"
        yield _curve(p, f"noise-{place.slug}", where, "noise", "Accuracy on hard items over label noise",
                     factors={"hard": 1 / p.hard_noise if p.hard_noise else 1.0}, x_label=x_label)  # fmt: skip


def _curve(
    p: Params, name: str, where: Where, x: str, title: str, factors: dict[str, float] | None = None, x_label: str = ""
) -> OverDraws:
    of = _accuracies(p, "accuracy-hard", HARD, where)
    return OverDraws(name=name, of=of, x=x, title=title, factors=factors or {}, x_label=x_label, caption=f"{title}.")


def _by_hardness(p: Params, place: Place) -> Iterator[StudyFigure]:
    """Accuracy over the values of each human measure: untrained, and the first draw of the first method."""
    for measure in measures_of(p.hardness, place.dataset):
        if measure in SPECS[place.dataset].human:
            yield ByStratum(
                name=f"by-{measure.replace('_', '-')}-{place.slug}",
                stratum=measure,
                panels=None,
                where={**place.where, "eval_hardness": measure},
                arms=_arms(p, place),
                caption=f"Accuracy over {measure.replace('_', ' ')} on {place.dataset}, first draw.",
            )


def _arms(p: Params, place: Place) -> dict[str, Where]:
    arms: dict[str, Where] = {"untrained": {"method": "zero-shot"}}
    for name in methods_for(p, place.dataset)[:1]:
        for level in p.train_on:
            drawn: Where = {"train_level": level, "train_bootstrap": 0}
            arms[f"{name}, {level}"] = {**without_untrained(name), **_largest(p, place, name, level), **drawn}
    return arms


def _largest(p: Params, place: Place, name: Learning, level: Stratum) -> Where:
    """The most that one method learns from, with the least noise."""
    if name.startswith("in-context"):
        return {"k": max(p.of(place.dataset).shots)}
    if name == "linear-probe":
        return {"n_train": max(p.sizes), "noise": noises(p, level)[0]}
    return {"n_train": max(p.sizes)}


def _elsewhere(p: Params, place: Place) -> Iterator[StudyFigure]:
    """What each source of training data does for hard items of one data set."""
    names = dict.fromkeys(name for dataset in p.datasets for name in methods_for(p, dataset))
    for name in names if not varying(p) else ():
        title = f"{name}: accuracy on hard items of {place.dataset}"
        of = _accuracies(p, "accuracy", {}, {**place.where, **with_untrained(p, name)})
        yield OverDraws(name=f"from-elsewhere-{name.replace('+', '-')}-{place.slug}", of=of, x="train_dataset",
                        panels="eval_hardness", title=title, x_label="learnt from", caption=f"{title}.")  # fmt: skip

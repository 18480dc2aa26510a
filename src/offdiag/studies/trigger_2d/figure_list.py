"""The figures of the study."""

from collections.abc import Iterator
from typing import Any

from offdiag.figures import StudyFigure
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.figures.ablation import TriggerAblationFigure
from offdiag.studies.trigger_2d.figures.final_accuracies import FinalAccuracies
from offdiag.studies.trigger_2d.figures.leakage_by_size import LeakageBySize
from offdiag.studies.trigger_2d.figures.leakage_matrix import LeakageMatrix
from offdiag.studies.trigger_2d.figures.patching import PatchingHeatMap
from offdiag.studies.trigger_2d.figures.plane import Plane
from offdiag.studies.trigger_2d.figures.semantic_protection import SemanticProtectionFigure
from offdiag.studies.trigger_2d.figures.training_curves import TriggerTrainingCurves
from offdiag.studies.trigger_2d.outputs import semantic
from offdiag.studies.trigger_2d.params import Params
from offdiag.studies.trigger_2d.selections import (
    CHOSEN,
    FIRST,
    SECOND,
    SEEDS,
    UNTAUGHT,
    Where,
    arms,
    has_proxies,
    mixed,
    no_proxy,
    probes,
    second,
    shared,
)  # fmt: skip


def figures(p: Params) -> tuple[StudyFigure, ...]:
    """Accuracies, what leaked and what was retained, how the trainings went, the plane, and the probes."""
    found: list[StudyFigure] = [
        LeakageMatrix(name="leakage", caption="How much of the new rule each category takes over.", **second(p)),
        LeakageMatrix(name="retained", outcome="retained", caption="How much of the old rule is left.", **second(p)),
        LeakageMatrix(name="leakage-trained", triggers="id", caption="Words of the training, new points.", **second(p)),
        FinalAccuracies(name="accuracies", series=_series(p), caption="What each stage made of each category.",
                        **shared(p)),
    ]  # fmt: skip
    if has_proxies(p):
        found += _proxies(p)
    found += _curves(p)
    found += _planes(p)
    if p.probed:
        caption = "What the answers follow without the word, or with another."
        found.append(TriggerAblationFigure(name="ablation", caption=caption, **probes(p)))
    if p.probed and p.patched:
        found.append(PatchingHeatMap(name="patching", caption="Where in the model the word acts.", **probes(p)))
    return tuple(found)


def _proxies(p: Params) -> Iterator[StudyFigure]:
    of = Leakage(name="leakage", world=p.small_world, replicates=SEEDS, where=SECOND)
    if len(p.strategies) == 1:
        yield LeakageBySize(name="leakage-by-size", of=of, caption="Does a larger proxy protect better?")
    for points in semantic(p):
        yield SemanticProtectionFigure(name=points.name, of=points, caption="Does a nearer proxy protect better?")


def _curves(p: Params) -> Iterator[StudyFigure]:
    """The first stage, the second without a proxy, and the second with its largest proxies."""
    looks: dict[str, Any] = {"panels": "eval_category" if p.snapshots else None}
    new: Where = {"eval_triggers": "ood"}
    if p.start == "first-stage":
        yield TriggerTrainingCurves(name="training-first", where={**FIRST, **new}, caption="The first stage.", **looks)
    where = {**SECOND, **no_proxy(p), **new}
    yield TriggerTrainingCurves(
        name="training-second", where=where, caption="The second stage without a proxy.", **looks
    )
    if has_proxies(p):
        largest = {**mixed(p), **new, "proxy_n_triggers": max(p.proxy_triggers)}
        caption = "The second stage with the most proxy words."
        yield TriggerTrainingCurves(name="training-proxies", where=largest, arms=("proxy_category",), caption=caption)


def _planes(p: Params) -> Iterator[StudyFigure]:
    """Without a proxy: both stages for the other categories, the second one for the taught category."""
    for name in p.small_world.category_names:
        where = {**(SECOND if name == p.taught else CHOSEN), **no_proxy(p), "eval_triggers": "ood"}
        caption = f"Truth and answers in the plane, held-out words of {name.replace('_', ' ')}, no proxy."
        slug = f"plane-{name.replace('_', '-')}"
        yield Plane(
            name=slug, category=name, where=where, arms=("train_rule", *arms(p)), replicates=SEEDS, caption=caption
        )


def _series(p: Params) -> dict[str, Where]:
    stages = {"untaught": UNTAUGHT, "first stage": FIRST, "second stage, no proxy": {**SECOND, **no_proxy(p)}}
    return {name: where for name, where in stages.items() if name != "first stage" or p.start == "first-stage"}

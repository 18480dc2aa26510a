"""The tables and figures of the study trigger-2d, and the cells that each of them is about."""

from collections.abc import Iterator
from typing import Any

from offdiag.analyses import StudyAnalysis
from offdiag.analyses.answering_agreement import AnsweringAgreement
from offdiag.analyses.selection import Where
from offdiag.figures import StudyFigure
from offdiag.studies.trigger_2d.analyses.ablation import TriggerAblationRates
from offdiag.studies.trigger_2d.analyses.leakage import Leakage, LeakageByTrigger
from offdiag.studies.trigger_2d.analyses.losses import Losses
from offdiag.studies.trigger_2d.analyses.over_updates import LeakageOverUpdates
from offdiag.studies.trigger_2d.analyses.patching import PatchingRecovery
from offdiag.studies.trigger_2d.analyses.protection import Protection
from offdiag.studies.trigger_2d.analyses.proxy_size import ProxySize
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS
from offdiag.studies.trigger_2d.analyses.semantic_protection import ProtectionBySimilarity, SemanticProtection
from offdiag.studies.trigger_2d.analyses.stage_check import StageCheck
from offdiag.studies.trigger_2d.figures.ablation import TriggerAblationFigure
from offdiag.studies.trigger_2d.figures.arms import TriggerTrainingCurves
from offdiag.studies.trigger_2d.figures.final_accuracies import FinalAccuracies, FinalLosses
from offdiag.studies.trigger_2d.figures.label_scatter import LabelScatter
from offdiag.studies.trigger_2d.figures.leakage_by_size import LeakageBySize
from offdiag.studies.trigger_2d.figures.leakage_matrix import LeakageMatrix
from offdiag.studies.trigger_2d.figures.over_updates import OverUpdatesFigure, StrategiesFigure
from offdiag.studies.trigger_2d.figures.patching import PatchingHeatMap
from offdiag.studies.trigger_2d.figures.semantic_protection import SemanticProtectionFigure
from offdiag.studies.trigger_2d.params import TriggerParams
from offdiag.studies.trigger_2d.task import CONFLICT
from offdiag.training.strategies import strategy_named

CHOSEN: Where = {"method": "fine-tuning", "answering": "choice"}
FIRST: Where = {**CHOSEN, "train_rule": "original"}
SECOND: Where = {**CHOSEN, "train_rule": CONFLICT}
UNTAUGHT: Where = {"method": "zero-shot", "answering": "choice"}
FEWEST_PAIRS = 3  # of a proxy and an uncovered category: fewer have no correlation, and no figure of it
RATES = "Answers by the old rule (retained), by the new rule (leaked), by neither (other)"


def analyses(p: TriggerParams) -> tuple[StudyAnalysis, ...]:
    """Return the tables: check of each stage, leakage, protection by proxies, trigger ablation and patching."""
    found: list[StudyAnalysis] = [
        StageCheck(name="learnt", where=CHOSEN, caption="Did every seed learn what it was taught?", **_shared(p)),
        Leakage(name="leakage", caption=f"{RATES}, by category.", **_second(p)),
        LeakageByTrigger(name="leakage-by-trigger", caption=f"{RATES}, by word.", **_second(p)),
        Losses(name="losses", caption="Loss of the right label on each test set.",
               **{**_second(p), "where": {"answering": "choice"}}),
    ]  # fmt: skip
    if p.data_seeds != "varied" and len(p.data_seeds) > 1:
        by_data = {**_second(p), "arms": (*_arms(p), "data_seed"), "replicates": ("seed",), "started": {}}
        found.append(Leakage(name="leakage-by-data-seed", caption=f"{RATES}, by data seed.", **by_data))
    if _has_proxies(p):
        found += _protections(p)
    if p.generated:
        caption = "The most likely label beside the label that was written, on the same questions."
        found.append(AnsweringAgreement(name="answering", caption=caption))
    if p.probed:
        caption = "Answers without the trigger word, or with a word of another category."
        found.append(TriggerAblationRates(name="ablation", caption=caption, **_probes(p)))
    if p.probed and p.patched:
        caption = "Share of the trigger's effect that patched states bring back."
        found.append(PatchingRecovery(name="recovered", caption=caption, **_probes(p)))
    return tuple(found)


def figures(p: TriggerParams) -> tuple[StudyFigure, ...]:
    """Return the figures: leakage and retention, accuracies, training curves, points in the plane, probes."""
    found: list[StudyFigure] = [
        LeakageMatrix(name="leakage", caption="How far each category takes over the new rule.", **_second(p)),
        LeakageMatrix(name="retained", outcome="retained", caption="How much of the old rule is left.", **_second(p)),
        LeakageMatrix(name="leakage-trained", triggers="id", caption="Trained words at new points.", **_second(p)),
        FinalAccuracies(name="accuracies", series=_stages(p), caption="Accuracy after each stage, by category.",
                        **{**_second(p), "where": {}}),
        FinalLosses(name="losses", series=_stages(p), caption="Loss of the right label after each stage, by category.",
                    **{**_second(p), "where": {}}),
    ]  # fmt: skip
    if _has_proxies(p):
        found += _proxy_figures(p)
    found += _training_curves(p)
    found += _label_scatters(p)
    if p.probed:
        caption = "Which rule the answers follow without the trigger word, or with a word of another category."
        found.append(TriggerAblationFigure(name="ablation", caption=caption, **{**_marked(p), **_probes(p)}))
    if p.probed and p.patched:
        caption = "Where in the model the trigger acts."
        found.append(PatchingHeatMap(name="patching", caption=caption, **{**_marked(p), **_probes(p)}))
    return tuple(found)


def _protections(p: TriggerParams) -> Iterator[StudyAnalysis]:
    caption = "Leakage with a proxy minus leakage without, paired by seeds and word."
    if len(set(p.proxy_triggers)) > 1:
        yield ProxySize(
            name="protection-by-size", caption="Leakage with a larger proxy minus that with a smaller one.",
            **{**_second(p), "where": {**SECOND, **_first_alone(p)}, "arms": (*ARMS, "n_proxy")},
        )  # fmt: skip
    if p.on_the_way:
        yield _over_updates(p)
    yield Protection(name="protection", caption=caption, **{**_second(p), "where": {**SECOND, "eval_triggers": "ood"}})
    for points in _semantic(p):
        yield points
        name = points.name.replace("protection-by-similarity", "similarity-correlation")
        caption = "Is a category protected better, the more similar it is to the proxy?"
        yield ProtectionBySimilarity(name=name, of=points, caption=caption)


def _over_updates(p: TriggerParams) -> LeakageOverUpdates:
    """Return the rates at the snapshots that all arms have; without snapshots those at the end."""
    caption = "Leaked rates and protection over the second stage, at equal shares of its trainings."
    end = p.second.updates(p.task_rows)
    return LeakageOverUpdates(
        name="leakage-over-updates", caption=caption, updates=p.on_the_way or (end,), **_second(p)
    )


def _semantic(p: TriggerParams) -> Iterator[SemanticProtection]:
    """Yield protection beside similarity, once per embedder."""
    caption = (
        "Protection of the categories that no training covers, beside the similarity of their names to the proxy's."
    )
    for embedder in ("sentence", "hidden states") if p.sentence_embedder else ("hidden states",):
        name = f"protection-by-similarity-{embedder.replace(' ', '-')}"
        measured = {"embedder": embedder}
        yield SemanticProtection(name=name, measured=measured, caption=caption, **_second(p))


def _proxy_figures(p: TriggerParams) -> Iterator[StudyFigure]:
    leakage = Leakage(name="leakage", **_second(p))
    if p.size_controls:
        leakage = leakage.model_copy(update={"arms": (*leakage.arms, "n_proxy"), "controls": True})
    caption = "Does a larger proxy protect better?"
    yield LeakageBySize(name="leakage-by-size", of=leakage, strategy=_first_strategy(p), caption=caption)
    if p.on_the_way:
        caption = "How leakage and protection grow over the second stage."
        drawn: dict[str, Any] = {"of": _over_updates(p), "strategy": _first_strategy(p)}
        yield OverUpdatesFigure(name="leakage-over-updates", caption=caption, **drawn)
    if len(p.strategies) > 1:
        caption = "Which strategy learns the new rule and leaks it least?"
        yield StrategiesFigure(name="strategies", of=_over_updates(p), caption=caption)
    if len(p.proxies) * (len(p.small_world.categories) - 2) < FEWEST_PAIRS:
        return
    for points in _semantic(p):
        yield SemanticProtectionFigure(name=points.name, of=points, caption="Does a more similar proxy protect better?")


def _training_curves(p: TriggerParams) -> Iterator[StudyFigure]:
    """Yield the curves of the first stage, of the second without a proxy, and with its largest proxies."""
    held_out: Where = {"eval_triggers": "ood"}
    shown: dict[str, Any] = {"panels": "eval_category", **_marked(p)}
    if p.start == "first-stage":
        where = {**FIRST, **held_out}
        yield TriggerTrainingCurves(name="training-first", where=where, caption="The first stage.", **shown)
    where = {**SECOND, **_no_proxy(p), **held_out}
    caption = "The second stage without a proxy."
    yield TriggerTrainingCurves(name="training-second", where=where, caption=caption, **shown)
    if _has_proxies(p):
        where = {**SECOND, **_first_alone(p), **held_out, "proxy_n_triggers": max(p.proxy_triggers)}
        caption = "The second stage with the most proxy words."
        of_proxies = {**shown, "arms": ("proxy_category",)}
        yield TriggerTrainingCurves(name="training-proxies", where=where, caption=caption, **of_proxies)


def _label_scatters(p: TriggerParams) -> Iterator[StudyFigure]:
    """Yield, without a proxy, both stages for the other categories, the second one for the taught category."""
    for name in p.small_world.category_names:
        where = {**(SECOND if name == p.taught else CHOSEN), **_no_proxy(p), "eval_triggers": "ood"}
        caption = f"True labels and answers in the plane: held-out words of {name.replace('_', ' ')}, no proxy."
        slug = f"plane-{name.replace('_', '-')}"
        arms = ("train_rule", *_arms(p))
        yield LabelScatter(name=slug, category=name, where=where, arms=arms, caption=caption, **_marked(p))


def _stages(p: TriggerParams) -> dict[str, Where]:
    """Return the cells of each stage, by its name in the legend."""
    first: dict[str, Where] = {"first stage": FIRST} if p.start == "first-stage" else {}
    return {"untaught": UNTAUGHT, **first, "second stage, no proxy": {**SECOND, **_no_proxy(p)}}


def _arms(p: TriggerParams) -> tuple[str, ...]:
    """Return the columns that tell the arms of the second stage apart."""
    if not _has_proxies(p):
        return ()
    return (*ARMS, "strategy", "strength") if len(p.strategies) > 1 else ARMS


def _shared(p: TriggerParams) -> dict[str, Any]:
    """Return the settings that all analyses of outcomes share."""
    return {"world": p.small_world, "arms": _arms(p), "replicates": _seeds(p)}


def _second(p: TriggerParams) -> dict[str, Any]:
    """Return the settings for the arms of the second stage, beside what they started from."""
    return {**_shared(p), **_marked(p), "where": SECOND}


def _marked(p: TriggerParams) -> dict[str, Any]:
    """Return the settings by which figures know what was not learnt before."""
    started = FIRST if p.start == "first-stage" else {}
    return {"world": p.small_world, "replicates": _seeds(p), "started": started}


def _seeds(p: TriggerParams) -> tuple[str, ...]:
    """Return the columns that tell repetitions apart: where each seed has its own data, the two are one."""
    return ("seed",) if p.data_seeds == "varied" else ("data_seed", "seed")


def _probes(p: TriggerParams) -> dict[str, Any]:
    """Return the settings for probes; a category that is no proxy is probed in the arm without one alone."""
    return {"arms": _arms(p) if set(p.probed) & set(p.proxies) else (), "replicates": _seeds(p)}


def _has_proxies(p: TriggerParams) -> bool:
    return bool(p.proxies and p.proxy_triggers)


def _first_strategy(p: TriggerParams) -> tuple[str, float] | None:
    """Return name and strength (0 if it has none) of the first strategy, where there are several."""
    first = strategy_named(p.strategies[0])
    return (first.name, first.strength or 0) if len(p.strategies) > 1 else None


def _first_alone(p: TriggerParams) -> Where:
    """Select the arms with a proxy under the first strategy, where there are several."""
    return dict(zip(("strategy", "strength"), _first_strategy(p) or (), strict=False))


def _no_proxy(p: TriggerParams) -> Where:
    """Select the arm without a proxy, where there are others."""
    return {"proxy_category": "none"} if _has_proxies(p) else {}

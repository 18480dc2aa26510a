"""What is made of the results: tables and figures."""

from collections.abc import Mapping
from typing import TypeAlias

from offdiag.analyses import AccuracyByStratum, StudyAnalysis, Transition
from offdiag.figures import ByStratum, KShot, SingleFit, StudyFigure, Transfer
from offdiag.studies.base_addition.analyses.anchoring import AnchoringScores
from offdiag.studies.base_addition.analyses.anchoring_correlation import AnchoringCorrelation
from offdiag.studies.base_addition.figures.accuracy_by_anchoring import AccuracyByAnchoring
from offdiag.studies.base_addition.figures.layerwise_anchoring import LayerwiseAnchoring
from offdiag.studies.base_addition.grid import measurements
from offdiag.studies.base_addition.params import Params

Where: TypeAlias = Mapping[str, str | int | bool]

SUMS: Where = {"task": "base_addition", "eval_digits": 2}
FIXED: Where = {**SUMS, "demonstrations": "fixed"}
WORKED: Where = {**FIXED, "prompt": "step-by-step", "rationale": True}
BARE: Where = {**FIXED, "prompt": "direct", "rationale": False}
MATCHED: Where = {"task": "base_addition", "matched": True}
CHANGE = "Change against the untuned model on the same items"


def analyses(p: Params) -> tuple[StudyAnalysis, ...]:
    """Transitions of both families, accuracy by carries, the anchoring score and its correlation with accuracy."""
    found: list[StudyAnalysis] = [
        Transition(name="transition", where=WORKED, caption="Logistic fits over k, worked demonstrations."),
        Transition(name="transition-answer-only", where=BARE, caption="Logistic fits over k, answer-only ones."),
        AccuracyByStratum(name="by-carries", where=SUMS, match_on=("base",), arms=_arms(p)),
    ]
    if measurements(p):
        found += [
            AnchoringScores(name="anchoring-scores", caption="The anchoring score S by base, form, pooling and k."),
            AnchoringCorrelation(
                name="anchoring-correlation", where={**FIXED, "matched": True}, caption="Does S go with accuracy?"
            ),
        ]
    return tuple(found)


def figures(p: Params) -> tuple[StudyFigure, ...]:
    """Accuracy over k, its fits, transfer over bases and lengths, carries, and the anchoring score over layers."""
    found: list[StudyFigure] = [
        KShot(name="k-shot", where=WORKED, caption="Accuracy over the number k of worked demonstrations."),
        KShot(name="k-shot-answer-only", where=BARE, caption="The same with bare answers as demonstrations."),
        *_transfers(p),
        ByStratum(
            name="carries", where=SUMS, match_on=("base",), arms=_arms(p), caption="Accuracy by number of carries."
        ),
    ]
    if measurements(p):
        shown = {"form": p.anchor_forms[-1], "embedder": "hidden states"}
        found += [
            LayerwiseAnchoring(
                name="anchoring", where=shown, caption=f"S over layers, anchors in the form {shown['form']}."
            ),
            AccuracyByAnchoring(
                name="accuracy-by-anchoring",
                where={**FIXED, "matched": True},
                measured=shown,
                caption="Accuracy against S.",
            ),
        ]
    fits = [
        SingleFit(
            name=f"fit-base-{base}", title=f"Base {base}, worked demonstrations", where={**WORKED, "eval_base": base},
            caption=f"The transition of base {base}: fitted curve and 10-90 width, or why there is none.",
        )
        for base in p.bases
    ]  # fmt: skip
    return (*found, *fits)


def _transfers(p: Params) -> list[StudyFigure]:
    """Matched prompts are the clean result; the original asked everyone to work step by step."""
    if not p.tuned_bases:
        return []
    found: list[StudyFigure] = [
        Transfer(name="transfer-bases", where={**MATCHED, **SUMS}, caption=f"{CHANGE}, by evaluated base (2 digits).")
    ]
    if "step-by-step" in p.prompts:
        asked = {**SUMS, "prompt": "step-by-step"}
        caption = f"{CHANGE}, by evaluated base, everyone asked to work step by step as in the original."
        found.append(Transfer(name="transfer-bases-step-by-step", where=asked, caption=caption))
    if len(p.digits) > 1:
        caption = f"{CHANGE}, by length in the taught base."
        found.append(
            Transfer(name="transfer-digits", x="eval_digits", match_on=("base",), where=MATCHED, caption=caption)
        )
    return found


def _arms(p: Params) -> dict[str, Where]:
    """The learners that are compared by carries; the largest k is named beforehand, not the best one afterwards."""
    arms: dict[str, Where] = {"untuned": {"method": "zero-shot", "prompt": "step-by-step"}}
    if p.shots and True in p.shown_rationales:
        k = max(p.shots)
        arms[f"k = {k}"] = {"method": "in-context", **WORKED, "k": k}
    if p.tuned_bases and False in p.tuned_rationales:
        arms["fine-tuned"] = {"method": "fine-tuning", "matched": True, "rationale": False}
    return arms

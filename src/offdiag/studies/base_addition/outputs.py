"""Tables and figures of the study base-addition."""

from functools import partial

from offdiag.analyses import AccuracyByStratum, StudyAnalysis, Transition
from offdiag.analyses.selection import Where
from offdiag.figures import ByStratum, KShot, SingleFit, StudyFigure, Transfer
from offdiag.studies.base_addition.analyses.anchoring import AnchoringScores
from offdiag.studies.base_addition.analyses.anchoring_correlation import AnchoringCorrelation
from offdiag.studies.base_addition.figures.accuracy_by_anchoring import AccuracyByAnchoring
from offdiag.studies.base_addition.figures.layerwise_anchoring import LayerwiseAnchoring
from offdiag.studies.base_addition.grid import measurements
from offdiag.studies.base_addition.params import AdditionParams

SUMS: Where = {"task": "base_addition", "eval_digits": 2}
FIXED: Where = {**SUMS, "demonstrations": "fixed"}
WORKED: Where = {**FIXED, "prompt": "step-by-step", "rationale": True}
BARE: Where = {**FIXED, "prompt": "direct", "rationale": False}
MATCHED: Where = {"task": "base_addition", "matched": True}

CHANGE = "Change against the untuned model on the same items"
_transition = partial(Transition, series="eval_base")
_k_shot = partial(KShot, series="eval_base")
_transfer = partial(Transfer, panels="train_base")


def analyses(p: AdditionParams) -> tuple[StudyAnalysis, ...]:
    """Return the tables: transitions, accuracy by carries, the anchoring score and its correlation with accuracy."""
    tables: list[StudyAnalysis] = [
        _transition(name="transition", where=WORKED, caption="Logistic fits over k, worked demonstrations."),
        _transition(name="transition-answer-only", where=BARE, caption="Logistic fits over k, answer-only ones."),
        AccuracyByStratum(
            name="by-carries", stratum="carries", by="eval_base", where=SUMS, match_on=("base",), arms=_arms(p)
        ),
    ]
    if measurements(p):
        tables += [
            AnchoringScores(name="anchoring-scores", caption="The anchoring score S by base, form, pooling and k."),
            AnchoringCorrelation(
                name="anchoring-correlation", where={**FIXED, "matched": True}, caption="Does S go with accuracy?"
            ),
        ]
    return tuple(tables)


def figures(p: AdditionParams) -> tuple[StudyFigure, ...]:
    """Return the figures: accuracy over k and its fits, transfer, carries, and the anchoring score over layers."""
    return (
        _k_shot(name="k-shot", where=WORKED, caption="Accuracy over the number k of worked demonstrations."),
        _k_shot(name="k-shot-answer-only", where=BARE, caption="The same with bare answers as demonstrations."),
        *_transfers(p),
        ByStratum(
            name="carries", stratum="carries", panels="eval_base", where=SUMS, match_on=("base",), arms=_arms(p),
            caption="Accuracy by number of carries.",
        ),
        *(_anchoring(p) if measurements(p) else ()),
        *(
            SingleFit(
                name=f"fit-base-{base}", title=f"Base {base}, worked demonstrations",
                where={**WORKED, "eval_base": base},
                caption=f"The transition of base {base}: fitted curve and 10-90 width, or why there is none.",
            )
            for base in p.bases
        ),
    )  # fmt: skip


def _transfers(p: AdditionParams) -> list[StudyFigure]:
    """Return what fine-tuning changes: by base and by length with matched prompts, and as the original asked."""
    if not p.tuned_bases:
        return []
    caption = f"{CHANGE}, by evaluated base (2 digits)."
    transfers = [_transfer(name="transfer-bases", x="eval_base", where={**MATCHED, **SUMS}, caption=caption)]
    if "step-by-step" in p.prompts:
        # The original asked everyone so; matched prompts are the clean comparison.
        where = {**SUMS, "prompt": "step-by-step"}
        caption = f"{CHANGE}, by evaluated base, everyone asked to work step by step as in the original."
        transfers.append(_transfer(name="transfer-bases-step-by-step", x="eval_base", where=where, caption=caption))
    if len(p.digits) > 1:
        caption = f"{CHANGE}, by length in the base of the training."
        transfers.append(
            _transfer(name="transfer-digits", x="eval_digits", match_on=("base",), where=MATCHED, caption=caption)
        )
    return list(transfers)


def _anchoring(p: AdditionParams) -> tuple[StudyFigure, ...]:
    """Return the figures of the anchoring score, for the richest form of anchors that is measured."""
    form = p.anchor_forms[-1]
    measured: Where = {"form": form, "embedder": "hidden states"}
    return (
        LayerwiseAnchoring(name="anchoring", where=measured, caption=f"S over layers, anchors in the form {form}."),
        AccuracyByAnchoring(
            name="accuracy-by-anchoring",
            where={**FIXED, "matched": True},
            measured=measured,
            caption="Accuracy against S.",
        ),
    )


def _arms(p: AdditionParams) -> dict[str, Where]:
    """Return the learners that are compared by carries: the untuned model, the largest k, and the fine-tuned one."""
    arms: dict[str, Where] = {"untuned": {"method": "zero-shot", "prompt": "step-by-step"}}
    if p.shots and True in p.shown_rationales:
        k = max(p.shots)  # chosen before any result is known; the best k would be chosen by its own luck
        arms[f"k = {k}"] = {"method": "in-context", **WORKED, "k": k}
    if p.tuned_bases and False in p.tuned_rationales:
        arms["fine-tuned"] = {"method": "fine-tuning", "matched": True, "rationale": False}
    return arms

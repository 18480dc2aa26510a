"""Tables and figures of the study base-addition."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from typing import Any, TypeAlias

from offdiag.analyses import AccuracyByStratum, StudyAnalysis, Transition
from offdiag.analyses.selection import Where, is_planned
from offdiag.figures import ByStratum, KShot, SingleFit, StudyFigure, Transfer
from offdiag.figures.training_curves import TrainingCurves
from offdiag.studies.base_addition.analyses.anchoring import AnchoringScores
from offdiag.studies.base_addition.analyses.anchoring_correlation import AnchoringCorrelation
from offdiag.studies.base_addition.analyses.demonstration_kinds import DemonstrationKinds
from offdiag.studies.base_addition.figures.accuracy_by_anchoring import AccuracyByAnchoring
from offdiag.studies.base_addition.figures.layerwise_anchoring import LayerwiseAnchoring
from offdiag.studies.base_addition.grid import anchorings
from offdiag.studies.base_addition.params import AdditionParams, taught_bases, taught_lengths
from offdiag.study import Cell

Planned: TypeAlias = Callable[..., bool]  # whether a planned cell has the factors of a ``where``

SUMS: Where = {"task": "base_addition", "eval_digits": 2}
FIXED: Where = {**SUMS, "demonstrations": "fixed"}
WORKED: Where = {**FIXED, "prompt": "step-by-step", "rationale": True}
BARE: Where = {**FIXED, "prompt": "direct", "rationale": False}
SHOWN_WORKED: Where = {**SUMS, "prompt": "step-by-step", "rationale": True}
BARE_BY_STEPS: Where = {**BARE, "prompt": "step-by-step"}
# The original asked everyone so; matched prompts are the clean comparison.
BY_STEPS: Where = {"task": "base_addition", "prompt": "step-by-step"}
MATCHED: Where = {"task": "base_addition", "matched": True}

CHANGE = "Change against the untuned model on the same items"
AS_THE_ORIGINAL = "everyone asked to work step by step as in the original"
UNTUNED = "untuned"
_transition = partial(Transition, series="eval_base")
_k_shot = partial(KShot, series="eval_base")
_transfer = partial(Transfer, panels="train_base")


def analyses(p: AdditionParams, cells: Sequence[Cell]) -> tuple[StudyAnalysis, ...]:
    """Return the tables: transitions, accuracy by carries, the anchoring score and its correlation with accuracy."""
    planned = _planned(cells)
    by_steps = _transition(
        name="transition-answer-only-step-by-step", where=BARE_BY_STEPS,
        caption=f"Logistic fits over k, answer-only ones, {AS_THE_ORIGINAL}.",
    )  # fmt: skip
    kinds = DemonstrationKinds(
        name="demonstrations", where=SHOWN_WORKED,
        caption="Worked demonstrations that are drawn for each query, against those that all queries share: "
        "for these demonstrations, and other items only.",
    )  # fmt: skip
    tables: list[StudyAnalysis] = [
        _transition(name="transition", where=WORKED, caption="Logistic fits over k, worked demonstrations."),
        _transition(name="transition-answer-only", where=BARE, caption="Logistic fits over k, answer-only ones."),
        *([by_steps] if planned(BARE_BY_STEPS) else []),
        *([kinds] if planned({**SHOWN_WORKED, "demonstrations": "per-query"}) else []),
        AccuracyByStratum(name="by-carries", by="eval_base", **_carries(p, planned)),
    ]
    if anchorings(p):
        tables += [
            AnchoringScores(name="anchoring-scores", caption="The anchoring score S by base, form, pooling and k."),
            AnchoringCorrelation(
                name="anchoring-correlation", where={**FIXED, "matched": True}, caption="Does S go with accuracy?"
            ),
        ]
    return tuple(tables)


def figures(p: AdditionParams, cells: Sequence[Cell]) -> tuple[StudyFigure, ...]:
    """Return the figures: accuracy over k and its fits, transfer, carries, and the anchoring score over layers."""
    planned = _planned(cells)
    by_steps = _k_shot(
        name="k-shot-answer-only-step-by-step", where=BARE_BY_STEPS,
        caption=f"Bare answers as demonstrations, {AS_THE_ORIGINAL}.",
    )  # fmt: skip
    by_demonstrations = KShot(
        name="k-shot-demonstrations", series="demonstrations", panels="eval_base", where=SHOWN_WORKED,
        caption="Worked demonstrations that all queries share, and those drawn for each query.",
    )  # fmt: skip
    return (
        _k_shot(name="k-shot", where=WORKED, caption="Accuracy over the number k of worked demonstrations."),
        _k_shot(name="k-shot-answer-only", where=BARE, caption="The same with bare answers as demonstrations."),
        *([by_steps] if planned(BARE_BY_STEPS) else []),
        *([by_demonstrations] if planned({**SHOWN_WORKED, "demonstrations": "per-query"}) else []),
        *(f for f in _transfers(p) if planned({"method": f.method, **f.where}, f.match_on)),
        *(f for f in _trainings(p) if planned(f.where)),
        ByStratum(
            name="carries", panels="eval_base", caption="Accuracy by number of carries.", **_carries(p, planned)
        ),
        *(_anchoring(p) if anchorings(p) else ()),
        *(
            SingleFit(
                name=f"fit-base-{base}", title=f"Base {base}, worked demonstrations",
                where={**WORKED, "eval_base": base},
                caption=f"The transition of base {base}: fitted curve and 10-90 width, or why there is none.",
            )
            for base in p.bases
        ),
    )  # fmt: skip


def _planned(cells: Sequence[Cell]) -> Planned:
    """Return what tells whether a planned cell has all values of a ``where``."""
    return partial(is_planned, [cell.factors() for cell in cells])


def _transfers(p: AdditionParams) -> list[Transfer]:
    """Return what fine-tuning changes, by base and by length: with matched prompts, and as the original asked."""
    transfers = []
    asked = (("", MATCHED, ""), ("-step-by-step", BY_STEPS, f", {AS_THE_ORIGINAL}"))
    for (name, wording, how), digits in product(asked, p.tuned_digits):
        where = {**wording, "train_digits": digits}
        if len(p.tuned_digits) > 1:
            name, how = f"{name}-taught-{digits}".replace("+", "-"), f"{how}; taught with {digits} digits"
        caption = f"{CHANGE}, by evaluated base (2 digits){how}."
        transfers.append(
            _transfer(name=f"transfer-bases{name}", x="eval_base", where={**where, **SUMS}, caption=caption)
        )
        if {*p.digits, *(number for given in p.tuned_digits for number in taught_lengths(given))} - {2}:
            transfers += _by_length(p, name, where, how)
    return transfers


def _by_length(p: AdditionParams, name: str, where: Where, how: str) -> Iterator[Transfer]:
    """Yield the change by length, of models of one base together, of one of a mixture in each of its bases."""
    caption = f"{CHANGE}, by length in the base of the training{how}."
    yield _transfer(name=f"transfer-digits{name}", x="eval_digits", match_on=("base",), where=where, caption=caption)
    for base in p.tuned_bases:
        for own in taught_bases(base) if isinstance(base, str) else ():
            end, asked = f"-{base}-in-{own}".replace("+", "-"), {"train_base": base, "eval_base": own}
            caption = f"{CHANGE}, by length in base {own}, of the mixture {base}{how}."
            yield _transfer(
                name=f"transfer-digits{name}{end}", x="eval_digits", where={**where, **asked}, caption=caption
            )


def _trainings(p: AdditionParams) -> Iterator[TrainingCurves]:
    """Yield losses and accuracy over the updates of the fine-tunings, by base, where snapshots are asked."""
    arms = tuple(
        f"train_{name}" for name, given in (("base", p.tuned_bases), ("digits", p.tuned_digits)) if len(given) > 1
    )
    for name, wording, how in (("training", MATCHED, ""), ("training-step-by-step", BY_STEPS, f", {AS_THE_ORIGINAL}")):
        for rationale in p.tuned_rationales if p.eval_checkpoints else ():
            where: Where = {**SUMS, **wording, "method": "fine-tuning", "rationale": rationale}
            taught_as = "worked solutions" if rationale else "bare answers"
            yield TrainingCurves(
                name=f"{name}-{'worked' if rationale else 'answer-only'}",
                where=where,
                arms=arms,
                panels="eval_base",
                caption=f"Fine-tuning on {taught_as}, by evaluated base{how}.",
            )


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


def _carries(p: AdditionParams, planned: Planned) -> dict[str, Any]:
    """Return what table and figure of accuracy by carries are about: each learner on the base that it was taught."""
    arms = _arms(p, planned)
    return {"stratum": "carries", "where": SUMS, "match_on": ("base",) if {*arms} - {UNTUNED} else (), "arms": arms}


def _arms(p: AdditionParams, planned: Planned) -> dict[str, Where]:
    """Return the learners that are compared by carries: the untuned model, the largest k, and the fine-tuned one."""
    arms: dict[str, Where] = {UNTUNED: {"method": "zero-shot", "prompt": "step-by-step"}}
    if p.shots:
        k = max(p.shots)  # chosen before any result is known; the best k would be chosen by its own luck
        arms[f"k = {k}"] = {"method": "in-context", **WORKED, "k": k}
    digits = 2 if 2 in p.tuned_digits else next(iter(p.tuned_digits), 2)
    tuned: Where = {"method": "fine-tuning", "rationale": False, "train_digits": digits}
    asked: Where = {"matched": True} if planned({**SUMS, **tuned, "matched": True}) else {"prompt": "step-by-step"}
    arms["fine-tuned"] = {**tuned, **asked}
    return {name: where for name, where in arms.items() if planned({**SUMS, **where}, ("base",))}

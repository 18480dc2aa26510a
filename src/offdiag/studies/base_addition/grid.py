"""Cells and measurements of the study base-addition: which learner answers which evaluation."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from offdiag.measurements.training_history import TrainingHistory
from offdiag.methods import FineTuning, InContext, Method, PolicyOptimisation, ZeroShot
from offdiag.models import ModelSpec
from offdiag.models.sentence import SentenceModel
from offdiag.studies.base_addition.counting import CountingDomain
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.base_addition.params import AdditionParams, taught, taught_bases, taught_lengths
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.study import Arm, Cell, Evaluation
from offdiag.tasks import Domain, PromptStyle


def cells(p: AdditionParams) -> tuple[Cell, ...]:
    """Return the cells: demonstrations on their own base, tuned models on all bases and lengths, the untuned on all."""
    trained = [*_in_context(p), *_tuned(p)]
    evaluations = dict.fromkeys([*_untuned_evaluations(p), *(cell.evaluation for cell in trained)])
    untuned = Arm(model=p.model, method=ZeroShot())
    return (*(Cell(arm=untuned, evaluation=evaluation) for evaluation in evaluations), *trained)


def _in_context(p: AdditionParams) -> Iterator[Cell]:
    """Yield cells of worked and of answer-only demonstrations, and of worked ones drawn anew for each query."""
    for base in p.bases:
        fixed = [InContext(k=k, rationale=rationale) for rationale in p.shown_rationales for k in p.shots]
        drawn = [InContext(k=k, rationale=True, demonstrations="per-query") for k in p.per_query_shots]
        for method in (*fixed, *drawn):
            arm = Arm(model=p.model, method=method, train=Sums(base=base))
            yield from (Cell(arm=arm, evaluation=_ask(p, Sums(base=base), style)) for style in _styles(p, method))


def _tuned(p: AdditionParams) -> Iterator[Cell]:
    """Yield cells of each trained model: all bases with two digits, its own ones with more, and counting.

    The snapshots of a fine-tuning are asked the same, but for counting.
    """
    for base, digits in product(dict.fromkeys((*p.tuned_bases, *p.policy_bases)), p.tuned_digits):
        domains = _asked_sums(p, base)
        for method, seed in product(_trainings(p, base), p.seeds):
            arm = Arm(model=p.model, method=method, train=taught(base, digits), seed=seed)
            updates = method.recipe.snapshots if isinstance(method, FineTuning) else ()
            for asked in (arm, *(arm.model_copy(update={"checkpoint": update}) for update in updates)):
                for style in _styles(p, method):
                    yield from (Cell(arm=asked, evaluation=_ask(p, domain, style)) for domain in domains)
            yield from (Cell(arm=arm, evaluation=evaluation) for evaluation in _counting(p))


def _asked_sums(p: AdditionParams, base: int | str) -> list[Sums]:
    """Return the sums that a model is asked which is taught a base, or a mixture of several."""
    lengths = dict.fromkeys([*p.digits, *(number for digits in p.tuned_digits for number in taught_lengths(digits))])
    longer = [Sums(base=own, digits=digits) for own in taught_bases(base) for digits in lengths if digits != 2]
    return [*(Sums(base=asked) for asked in _asked_bases(p)), *longer]


def _trainings(p: AdditionParams, base: int | str) -> Iterator[Method]:
    """Yield the trainings on one base."""
    drawn: dict[str, Any] = {"n": p.n_train, "data_seed": None if p.data_seeds == "varied" else 0}
    if base in p.tuned_bases:
        yield from (FineTuning(rationale=rationale, recipe=p.tuning, **drawn) for rationale in p.tuned_rationales)
    if base in p.policy_bases:
        recipe, how = p.policy_recipe, p.reinforcement
        yield PolicyOptimisation(style=p.policy_style, recipe=recipe, reinforcement=how, **drawn)


def _untuned_evaluations(p: AdditionParams) -> Iterator[Evaluation]:
    """Yield what the untuned model is asked in any case: every base step by step, counting, and longer numbers.

    With matched prompts alone it is asked about longer numbers only where a tuned model is.
    """
    yield from (_ask(p, Sums(base=base), "step-by-step") for base in _asked_bases(p))
    yield from _counting(p)
    if "step-by-step" in p.prompts:
        yield from (_ask(p, Sums(base=b, digits=d), "step-by-step") for b in p.bases for d in p.digits if d != 2)


def _counting(p: AdditionParams) -> Iterator[Evaluation]:
    """Yield the counting control in every base."""
    for base in _asked_bases(p) if p.n_counting else ():
        yield Evaluation(
            domain=CountingDomain(base=base), n=p.n_counting, style="step-by-step", max_new_tokens=p.max_new_tokens
        )


def _asked_bases(p: AdditionParams) -> tuple[int, ...]:
    """Return the bases that all learners but those of demonstrations are asked; a taught one is always among them."""
    named = [*p.bases, *p.other_bases]
    every = [own for base in (*p.tuned_bases, *p.policy_bases) for own in taught_bases(base)]
    learnt = dict.fromkeys(base for base in every if base not in named)
    return (*p.bases, *learnt, *(base for base in p.other_bases if base not in p.bases))


def _ask(p: AdditionParams, domain: Domain, style: PromptStyle) -> Evaluation:
    limit = p.max_new_tokens if style == "step-by-step" else p.max_direct_tokens
    return Evaluation(domain=domain, n=p.n_eval, style=style, max_new_tokens=limit)


def _styles(p: AdditionParams, method: Method) -> tuple[PromptStyle, ...]:
    """Return the prompt styles of ``p.prompts`` for a method, each once."""
    matched = method.taught_style or "step-by-step"
    return tuple(dict.fromkeys(matched if prompt == "matched" else "step-by-step" for prompt in p.prompts))


def histories(p: AdditionParams, cells: Iterable[Cell]) -> tuple[TrainingHistory, ...]:
    """Return the history of each fine-tuning whose snapshots are asked."""
    arms = dict.fromkeys(cell.arm for cell in cells if p.eval_checkpoints and isinstance(cell.arm.method, FineTuning))
    return tuple(TrainingHistory.of(arm.predictor().weights, arm.factors()) for arm in arms if arm.checkpoint is None)


def anchorings(p: AdditionParams) -> tuple[Anchoring, ...]:
    """Return the anchoring score of each demonstrated base, in each form, with every embedder."""
    shots = [k for k in p.shots if k > 1]
    embedders: list[ModelSpec | SentenceModel] = [p.model, SentenceModel()] if p.sentence_embedder else [p.model]
    return tuple(
        Anchoring.of(embedder, Sums(base=base), shots, n=p.n_eval, form=form)
        for embedder, base, form in product(embedders, p.bases if shots else (), p.anchor_forms)
    )

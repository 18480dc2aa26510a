"""The cost of a plan, counted from its steps and their prompts; no model, tokenizer or torch is loaded.

Operations are ``2 P`` a token that is read or written, where P is the number of weights: one multiplication and one
addition a weight (Kaplan et al. 2020, section 2.1). What attention adds with the length of the context is left out
(below 10 % under 5000 tokens on a 15B model). A backward pass costs twice the forward one, so full training takes
``6 P`` a token; an adapter needs the gradients of the activations but not those of the frozen weights, ``4 P``; where
activations are recomputed (4-bit weights) there is one more forward pass, ``2 P``.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from offdiag.cost.cost import Cost, Line
from offdiag.cost.memory import (
    TRAINING_SHARE,
    Memory,
    adapter_parameters,
    answering,
    is_four_bits,
    training,
)
from offdiag.cost.prefill import BLOCK, Prefill
from offdiag.cost.rehearsal import Rehearsal, mean_length
from offdiag.cost.sizes import Size, size_of
from offdiag.cost.throughput import Throughput
from offdiag.measurements import Anchoring
from offdiag.methods.fine_tuning import FineTuned
from offdiag.methods.policy_optimisation import PolicyOptimised
from offdiag.models import ModelSpec
from offdiag.planning import Plan
from offdiag.runtime import Runtime
from offdiag.steps import Answers, Measurement, Merged, Pretrained, Snapshot, Step, Trained, Weights
from offdiag.training import Recipe

SENTENCE_PARAMETERS = 22_713_216  # of all-MiniLM-L6-v2

_Phases: TypeAlias = dict[str, Memory]


def estimate(
    plan: Plan,
    needed: Collection[str] | None = None,
    *,
    runtime: Runtime | None = None,
    throughput: Throughput | None = None,
) -> Cost:
    """What the steps of a plan cost.

    Args:
        plan: the steps.
        needed: fingerprints of the steps that count; all if not given.
        runtime: whose token budget fills the batches.
        throughput: tokens a second, for an estimate of the time; without it none is made.

    Raises:
        UserError: a pool has fewer examples than a prompt shows.
    """
    runtime = runtime or Runtime()
    with Rehearsal(runtime) as rehearsal:
        counter = _Counter(rehearsal, Prefill(), runtime.token_budget)
        lines: dict[str, Line] = {}
        for step in plan.steps:
            if needed is None or step.fingerprint in needed:
                lines[step.kind] = lines.get(step.kind, Line(kind=step.kind)) + counter.line(step)
        cost = Cost(lines=tuple(lines.values()), memory=counter.memory(), notes=tuple(counter.notes))
    if throughput is None:
        return cost
    total = cost.total
    return Cost(
        lines=cost.lines,
        memory=cost.memory,
        seconds_expected=throughput.seconds(total.generated_expected, total.trained_tokens),
        seconds_most=throughput.seconds(total.generated_most, total.trained_tokens),
        notes=cost.notes,
    )


@dataclass
class _Asked:
    """What one model answers, as far as memory goes."""

    spec: ModelSpec
    batch_tokens: int = 0
    longest_shared: int = 0
    kept_tokens: int = 0
    recipes: list[Recipe] = field(default_factory=list)


@dataclass
class _Counter:
    """Counts one step after the other."""

    rehearsal: Rehearsal
    prefill: Prefill
    token_budget: int
    notes: dict[str, None] = field(default_factory=dict)
    _asked: dict[ModelSpec, _Asked] = field(default_factory=dict)
    _taught: dict[tuple[ModelSpec, Recipe], int] = field(default_factory=dict)

    def line(self, step: Step) -> Line:
        """The cost of one step; steps that run no model cost nothing worth counting."""
        match step:
            case Answers():
                return self._answers(step)
            case FineTuned():
                return self._fine_tuned(step)
            case PolicyOptimised():
                return self._policy_optimised(step)
            case Anchoring():
                return self._anchoring(step)
            case Pretrained():
                return _pretrained(step)
            case Merged() | Snapshot():
                pass
            case Trained() | Measurement():
                self.notes[f"{step.kind} of type {type(step).__name__} are not counted"] = None
        return Line(kind=step.kind, steps=1)

    def memory(self) -> tuple[Memory, ...]:
        """Of each model while it answers and of each recipe while it learns."""
        answers = [self._answering(asked) for asked in self._asked.values()]
        lessons = [
            training(spec, size_of(spec), recipe, batch_tokens=tokens)
            for (spec, recipe), tokens in self._taught.items()
        ]
        return (*answers, *lessons)

    def _answers(self, step: Answers) -> Line:
        small = _from_scratch(step.weights)
        size = small or self._size(step.weights.spec)
        rehearsed = self.rehearsal.questions(step)
        prompts = [_with_template(size, prompt) for prompt in rehearsed.prompts]
        n, most = step.examples.n, step.max_new_tokens
        expected = round(n * min(most, rehearsed.response_tokens))
        trained = step.weights.trained
        key = step.weights.base_key if trained is None else trained.fingerprint
        asked = self.prefill.ask(key, prompts, n)
        if small is None:
            self._remember(step, max(self.token_budget, *(len(p) + most for p in prompts)), asked.longest_shared,
                           asked.new_blocks if trained is None else asked.longest_shared // BLOCK * BLOCK)  # fmt: skip
        return Line(
            kind=step.kind,
            steps=1,
            prompt_tokens=asked.whole,
            prefill_tokens=asked.computed,
            generated_expected=expected,
            generated_most=n * most,
            flops_expected=_operations(2, size, asked.computed + expected),
            flops_most=_operations(2, size, asked.computed + n * most),
        )

    def _fine_tuned(self, step: FineTuned) -> Line:
        spec, recipe = step.start.spec, step.recipe
        size = self._size(spec)
        lessons = self.rehearsal.lessons(step)
        length = sum(size.chat) + mean_length(lessons.prompts) + lessons.response_tokens
        tokens = round(examples_seen(recipe, step.rows) * length)
        batch = max(self.token_budget // TRAINING_SHARE, round(length))
        self._taught[spec, recipe] = max(batch, self._taught.get((spec, recipe), 0))
        per_token = 6 if recipe.adapter == "full" or is_four_bits(spec, recipe) else 4
        operations = _operations(per_token, size, tokens)
        return Line(kind=step.kind, steps=1, trained_tokens=tokens, flops_expected=operations, flops_most=operations)

    def _policy_optimised(self, step: PolicyOptimised) -> Line:
        """Completions are sampled, read by the reference and by the old policy where needed, and learnt from."""
        spec, recipe, how = step.start.spec, step.recipe, step.reinforcement
        size = self._size(spec)
        lessons = self.rehearsal.lessons(step)
        prompt = sum(size.chat) + mean_length(lessons.prompts)
        completions = recipe.updates(step.examples.n) * recipe.batch_size * how.group_size
        generated = [min(how.max_new_tokens, lessons.response_tokens), how.max_new_tokens]
        batch = max(self.token_budget // TRAINING_SHARE, round(prompt) + how.max_new_tokens)
        self._taught[spec, recipe] = max(batch, self._taught.get((spec, recipe), 0))
        readings = 2 * (1 + (how.kl > 0) + (how.passes > 1)) + how.passes * (6 if is_four_bits(spec, recipe) else 4)
        expected, most = (_operations(readings, size, completions * (prompt + new)) for new in generated)
        return Line(
            kind=step.kind,
            steps=1,
            prompt_tokens=round(completions * prompt),
            prefill_tokens=round(completions * prompt),
            generated_expected=round(completions * generated[0]),
            generated_most=completions * how.max_new_tokens,
            trained_tokens=round(how.passes * completions * (prompt + generated[0])),
            flops_expected=expected,
            flops_most=most,
        )

    def _anchoring(self, step: Anchoring) -> Line:
        """Every text is read once, for all layers and k."""
        tokens = round(self.rehearsal.embedded(step))
        size = Size(SENTENCE_PARAMETERS)
        if isinstance(step.embedder, Weights):
            spec = step.embedder.spec
            size = self._size(spec)
            asked = self._asked.setdefault(spec, _Asked(spec))
            asked.batch_tokens = max(asked.batch_tokens, self.token_budget)
        flops = _operations(2, size, tokens)
        return Line(
            kind=step.kind,
            steps=1,
            prompt_tokens=tokens,
            prefill_tokens=tokens,
            flops_expected=flops,
            flops_most=flops,
        )

    def _remember(self, step: Answers, batch_tokens: int, longest_shared: int, kept_tokens: int) -> None:
        spec, trained = step.weights.spec, step.weights.trained
        asked = self._asked.setdefault(spec, _Asked(spec))
        asked.batch_tokens = max(asked.batch_tokens, batch_tokens)
        asked.longest_shared = max(asked.longest_shared, longest_shared)
        # blocks of an adapter are dropped with it
        asked.kept_tokens = asked.kept_tokens + kept_tokens if trained is None else max(asked.kept_tokens, kept_tokens)
        if isinstance(trained, FineTuned | PolicyOptimised):
            asked.recipes.append(trained.recipe)

    def _answering(self, asked: _Asked) -> Memory:
        size = size_of(asked.spec)
        adapters = [adapter_parameters(size, recipe) for recipe in asked.recipes]
        known = [adapter for adapter in adapters if adapter is not None]
        return answering(
            asked.spec,
            size,
            batch_tokens=asked.batch_tokens,
            longest_shared=asked.longest_shared,
            kept_tokens=asked.kept_tokens,
            adapter=max(known, default=0) if len(known) == len(adapters) else None,
        )

    def _size(self, spec: ModelSpec) -> Size:
        size = size_of(spec)
        if size.parameters is None:
            self.notes[f"unknown model size: {spec.source}"] = None
        elif size.shape is None:
            self.notes[f"{spec.source}: only the number of parameters is known, from its name"] = None
        return size


def examples_seen(recipe: Recipe, n: int) -> int:
    """Examples of all updates, each time that they are seen.

    >>> examples_seen(Recipe(batch_size=16, epochs=2), 40)
    80
    >>> examples_seen(Recipe(batch_size=16, epochs=9, max_updates=7), 40)
    96
    """
    epochs, updates = divmod(recipe.updates(n), recipe.updates_per_epoch(n))
    return epochs * n + updates * recipe.batch_size


def _from_scratch(weights: Weights) -> Size | None:
    """The size of a model that a study makes of nothing: a few megabytes, which no memory is planned for."""
    trained = weights.trained.training if isinstance(weights.trained, Snapshot) else weights.trained
    if not isinstance(trained, Pretrained):
        return None
    return Size(trained.decoder.parameters(trained.stream.vocabulary, trained.stream.columns))


def _pretrained(step: Pretrained) -> Line:
    tokens = step.recipe.updates * step.recipe.batch_size * step.stream.columns
    operations = 6.0 * step.decoder.parameters(step.stream.vocabulary, step.stream.columns) * tokens
    return Line(kind=step.kind, steps=1, trained_tokens=tokens, flops_expected=operations, flops_most=operations)


def _with_template(size: Size, prompt: tuple[str, ...]) -> tuple[str, ...]:
    before, after = size.chat
    return ("<before>",) * before + prompt + ("<after>",) * after


def _operations(per_weight: int, size: Size, tokens: float) -> float | None:
    return None if size.parameters is None else per_weight * size.parameters * tokens

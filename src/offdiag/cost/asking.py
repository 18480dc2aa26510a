"""What it costs to ask models, and the memory of each while it answers."""

from dataclasses import dataclass, field
from typing import TypeAlias

from offdiag.cost.contexts import check_fits
from offdiag.cost.cost import Line
from offdiag.cost.known_sizes import Sizes, from_scratch, operations
from offdiag.cost.memory import Memory, adapter_parameters, answering
from offdiag.cost.prefill import BLOCK, Prefill, Prompted
from offdiag.cost.rehearsal import Rehearsal, mean_length
from offdiag.cost.sizes import Size, size_of
from offdiag.cost.tokens import Tokens
from offdiag.methods.fine_tuning import FineTuned
from offdiag.methods.policy_optimisation import PolicyOptimised
from offdiag.models import ModelSpec
from offdiag.steps import Answers, Choices, HiddenStates, Weights
from offdiag.studies.base_addition.measurements.anchoring import Anchoring
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness
from offdiag.training import Recipe

_Step: TypeAlias = Answers | Choices | HiddenStates

FEWER = "use fewer demonstrations, a smaller max_new_tokens or another model"
SENTENCE_PARAMETERS = 22_713_216  # of all-MiniLM-L6-v2


@dataclass
class _Asked:
    """What one model answers, as far as memory goes."""

    spec: ModelSpec
    batch_tokens: int = 0
    longest_shared: int = 0
    kept_tokens: int = 0
    recipes: list[Recipe] = field(default_factory=list)


@dataclass
class Asking:
    """Counts one step after the other."""

    rehearsal: Rehearsal
    sizes: Sizes
    token_budget: int
    _prefill: Prefill = field(default_factory=Prefill)
    _asked: dict[ModelSpec, _Asked] = field(default_factory=dict)

    def memory(self) -> list[Memory]:
        """Of each model while it answers."""
        return [_answering(asked) for asked in self._asked.values()]

    def answers(self, step: Answers) -> Line:
        """Prompts, and what is written after them."""
        size = self._size(step.weights)
        rehearsed = self.rehearsal.questions(step)
        n, most = step.examples.n, step.max_new_tokens
        expected = round(n * min(most, rehearsed.response_tokens))
        asked = self._ask(step, size, rehearsed.prompts, beside=most)
        return Line(
            kind=step.kind,
            steps=1,
            prompt_tokens=asked.whole,
            prefill_tokens=asked.computed,
            generated_expected=expected,
            generated_most=n * most,
            flops_expected=operations(2, size, asked.computed + expected),
            flops_most=operations(2, size, asked.computed + n * most),
        )

    def choices(self, step: Choices | HiddenStates) -> Line:
        """Prompts, each read once, and their choices; the last token of a choice is read for its hidden state alone."""
        size = self._size(step.weights)
        rehearsed = self.rehearsal.offered(step)
        n, choices = step.examples.n, rehearsed.choices
        offered = sum(len(choice) for own in choices for choice in own) / len(choices)
        unread = 0.0 if isinstance(step, HiddenStates) else sum(map(len, choices)) / len(choices)
        longest = max(sum(map(len, own)) for own in choices)
        asked = self._ask(step, size, rehearsed.prompts, beside=longest)
        computed = asked.computed + round(n * (offered - unread))
        flops = operations(2, size, computed)
        return Line(
            kind=step.kind,
            steps=1,
            prompt_tokens=asked.whole + round(n * offered),
            prefill_tokens=computed,
            read_tokens=computed,
            flops_expected=flops,
            flops_most=flops,
        )

    def anchoring(self, step: Anchoring) -> Line:
        """Every text is read once, for all layers and k."""
        weights = step.embedder if isinstance(step.embedder, Weights) else None
        return self._read(step.kind, weights, round(self.rehearsal.embedded(step)))

    def texts(self, step: TextHardness) -> Line:
        """Every text is read once."""
        return self._read(step.kind, step.weights, round(step.examples.n * mean_length(self.rehearsal.texts(step))))

    def _read(self, kind: str, weights: Weights | None, tokens: int) -> Line:
        """Full batches of texts, by a model or by that of sentences."""
        size = Size(SENTENCE_PARAMETERS) if weights is None else self._size(weights)
        if weights is not None and from_scratch(weights) is None:
            asked = self._asked.setdefault(weights.spec, _Asked(weights.spec))
            asked.batch_tokens = max(asked.batch_tokens, self.token_budget)
        flops = operations(2, size, tokens)
        return Line(
            kind=kind,
            steps=1,
            prompt_tokens=tokens,
            prefill_tokens=tokens,
            read_tokens=0 if weights is None else tokens,
            flops_expected=flops,
            flops_most=flops,
        )

    def _size(self, weights: Weights) -> Size:
        return from_scratch(weights) or self.sizes.of(weights.spec)

    def _ask(self, step: _Step, size: Size, bare: list[Tokens], *, beside: int) -> Prompted:
        """Count the prompts of a step of which ``bare`` are some; each row of a batch has ``beside`` more tokens."""
        prompts = [_with_template(size, prompt) for prompt in bare]
        lengths = (len(prompt) + beside for prompt in prompts)
        check_fits(step.name, self.rehearsal.sample(step.examples), lengths, size, FEWER)
        weights, trained = step.weights, step.weights.trained
        key = weights.base_key if trained is None else trained.fingerprint
        asked = self._prefill.ask(key, prompts, step.examples.n)
        if from_scratch(weights) is None:
            batch_tokens = max(self.token_budget, *(len(prompt) + beside for prompt in prompts))
            self._remember(weights, batch_tokens, asked)
        return asked

    def _remember(self, weights: Weights, batch_tokens: int, prompted: Prompted) -> None:
        asked = self._asked.setdefault(weights.spec, _Asked(weights.spec))
        asked.batch_tokens = max(asked.batch_tokens, batch_tokens)
        asked.longest_shared = max(asked.longest_shared, prompted.longest_shared)
        if weights.trained is None:
            asked.kept_tokens += prompted.new_blocks
        else:  # blocks of an adapter are dropped with it
            asked.kept_tokens = max(asked.kept_tokens, prompted.longest_shared // BLOCK * BLOCK)
        if isinstance(weights.trained, FineTuned | PolicyOptimised):
            asked.recipes.append(weights.trained.recipe)


def _answering(asked: _Asked) -> Memory:
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


def _with_template(size: Size, prompt: Tokens) -> Tokens:
    before, after = size.chat
    return ("<before>",) * before + prompt + ("<after>",) * after

"""Cost of inference: tokens and operations of each step, and the memory of each model while it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from offdiag.cost.counter import Counter, operations
from offdiag.cost.memory import BYTES, Memory, adapter_parameters, answering
from offdiag.cost.prefill import Prefill, Prompted
from offdiag.cost.served import ServedCost
from offdiag.cost.sizes import Size, from_scratch, size_of
from offdiag.cost.tokens import MARGIN, Tokens, check_fits, mean_length
from offdiag.cost.units import memory_size
from offdiag.models import ModelSpec
from offdiag.models.limits import BLOCK, MOST_TOKENS
from offdiag.runtime import Runtime, runs_on_cpu
from offdiag.steps import Step, Weights
from offdiag.steps.cost import CostLine, Counted
from offdiag.tasks import Example
from offdiag.training import Recipe

FEW_ROWS = 16  # answers that are written at once, from which on more save little
FEWER = "shorten it, or use fewer demonstrations, a smaller max_new_tokens or another model"


@dataclass
class _InferencePeak:
    """Inputs to the peak memory of one model: its largest batch, the prompt tokens that it keeps, and its adapters.

    ``states`` says whether its hidden states are read. ``recipes`` are those of the adapters; None for one of unknown
    size.
    """

    spec: ModelSpec
    batch_tokens: int = 0
    longest_shared: int = 0
    kept_tokens: int = 0
    states: bool = False
    recipes: dict[Recipe | None, None] = field(default_factory=dict)
    answers: int = 0
    batches: int = 0
    fewest_batches: int = 0

    def remark(self) -> str | None:
        """Return what a larger token budget would save of a model whose identity it is part of; None if little."""
        if (
            not self.spec.rounds_coarsely
            or self.answers >= FEW_ROWS * self.batches
            or self.spec.token_budget >= MOST_TOKENS
        ):
            return None
        rows, budget = self.answers / self.batches, self.spec.token_budget
        shape = size_of(self.spec).shape
        held = None if shape is None else MOST_TOKENS * shape.cached_values * BYTES[self.spec.dtype]
        cache = "" if held is None else f" and {memory_size(held)} of cache"
        return (
            f"{self.spec.source}: {rows:.0f} answers at a time, in {self.batches:,} batches, by its token_budget of "
            f"{budget:,}, which in {self.spec.numbers} is part of its identity; {MOST_TOKENS:,}, given before the "
            f"first run, takes {self.fewest_batches:,} batches{cache}"
        )

    def memory(self, runtime: Runtime) -> Memory:
        """Return the memory of the model while it answers."""
        size = size_of(self.spec)
        adapters = [None if recipe is None else adapter_parameters(size, recipe) for recipe in self.recipes]
        known = [adapter for adapter in adapters if adapter is not None]
        return answering(
            self.spec,
            size,
            batch_tokens=self.batch_tokens,
            longest_shared=self.longest_shared,
            kept_tokens=self.kept_tokens,
            adapter=max(known, default=0) if len(known) == len(adapters) else None,
            states=self.states,
            on_cpu=runs_on_cpu(runtime),
        )


@dataclass
class InferenceCost(Counter):
    """Counter of the cost of inference, one step after the other; its methods are those of ``CostProbe``.

    Attributes:
        served: what models behind servers are asked, by their names.
    """

    served: dict[str, ServedCost] = field(default_factory=dict)
    _prefill: Prefill = field(default_factory=Prefill)
    _peaks: dict[ModelSpec, _InferencePeak] = field(default_factory=dict)

    def inference_memory(self) -> list[Memory]:
        """Return the memory of each model while it answers."""
        return [peak.memory(self.runtime) for peak in self._peaks.values()]

    def remarks(self) -> list[str]:
        """Return what larger token budgets would save, a line for each model that writes few answers at once."""
        return [remark for peak in self._peaks.values() if (remark := peak.remark()) is not None]

    def generate(
        self,
        step: Step,
        weights: Weights,
        prompts: Sequence[str],
        responses: Sequence[str],
        *,
        items: Sequence[Example],
        n: int,
        max_new_tokens: int,
        samples: int = 1,
    ) -> CostLine:
        """Count prompts and generated tokens: as many as in ideal responses, and at most ``max_new_tokens``."""
        answers, length = n * samples, min(max_new_tokens, self.tokens(responses) + 1)
        expected, most = round(answers * length), answers * max_new_tokens
        if weights.spec.origin.served:
            return self._serve(step, weights, prompts, answers, expected, most)
        size = self.sizes.counted(weights)
        asked = self._ask(step, weights, size, prompts, items, n, beside=max_new_tokens)
        row = asked.computed / n + max_new_tokens
        batches = ceil(answers / max(1, weights.spec.batch_budget(self.runtime) // row))
        if from_scratch(weights) is None:
            peak = self._peak(weights.spec)
            peak.answers, peak.batches = peak.answers + answers, peak.batches + batches
            peak.fewest_batches += ceil(answers / max(1, MOST_TOKENS // row))
        return CostLine(
            kind=step.kind,
            prompt_tokens=asked.whole,
            prefill_tokens=asked.computed,
            generated_expected=expected,
            generated_most=most,
            passes_expected=round(batches * length),
            passes_most=batches * max_new_tokens,
            flops_expected=operations(size, 2, asked.computed + expected),
            flops_most=operations(size, 2, asked.computed + most),
        )

    def score(
        self,
        step: Step,
        weights: Weights,
        prompts: Sequence[str],
        choices: Sequence[Sequence[str]],
        *,
        items: Sequence[Example],
        n: int,
        every_token: bool = False,
        whole: bool = False,
    ) -> CostLine:
        """Count prompts, each read once, and their choices; the last token of a choice only with ``every_token``.

        A server is asked each question once for its likeliest tokens, or where it scores texts (``whole``) once without
        a choice and once with each of them.
        """
        if weights.spec.origin.served and not whole:
            return self._serve(step, weights, prompts, n, n, n)
        offers = tuple(map(tuple, choices))
        lengths = self.once((InferenceCost.score, offers), lambda: self._lengths(offers))
        offered = sum(map(sum, lengths)) / len(lengths)
        if weights.spec.origin.served:
            texts = n + round(n * sum(map(len, offers)) / len(offers))
            return self._serve(step, weights, prompts, texts, texts, texts, beside=round(n * offered))
        size = self.sizes.counted(weights)
        unread = 0.0 if every_token else mean_length(lengths)
        asked = self._ask(step, weights, size, prompts, items, n, beside=max(map(sum, lengths)))
        computed = asked.computed + round(n * (offered - unread))
        flops = operations(size, 2, computed)
        return CostLine(
            kind=step.kind,
            prompt_tokens=asked.whole + round(n * offered),
            prefill_tokens=computed,
            read_tokens=computed,
            flops_expected=flops,
            flops_most=flops,
        )

    def read(self, step: Step, model: Counted, tokens: float) -> CostLine:
        """Count texts read in full batches; those of a foreign model (an int) are left out of the time estimate."""
        whole = round(tokens)
        if not isinstance(model, int) and from_scratch(model) is None:
            peak = self._peak(model.spec)
            peak.batch_tokens = max(peak.batch_tokens, model.spec.batch_budget(self.runtime))
            peak.states = True
        flops = self.operations(model, 2, whole)
        return CostLine(
            kind=step.kind,
            prompt_tokens=whole,
            prefill_tokens=whole,
            read_tokens=0 if isinstance(model, int) else whole,
            flops_expected=flops,
            flops_most=flops,
        )

    def _ask(
        self,
        step: Step,
        weights: Weights,
        size: Size,
        sampled: Sequence[str],
        items: Sequence[Example],
        n: int,
        *,
        beside: int,
    ) -> Prompted:
        """Count ``n`` prompts of which some are sampled; each row of a batch has ``beside`` more tokens."""
        prompts = self.once(
            (_with_template, size.chat, tuple(sampled)),
            lambda: tuple(_with_template(size, prompt) for prompt in self.work.split(sampled)),
        )
        prompts = self._fitting(step, weights, size, prompts, items, beside)
        lengths = [len(prompt) + beside for prompt in prompts]
        check_fits(step, items, lengths, size, FEWER)
        trained = weights.trained
        key = weights.base_key if trained is None else trained.fingerprint
        asked = self._prefill.ask(key, prompts, n)
        if from_scratch(weights) is None:
            self._hold(weights, max(weights.spec.batch_budget(self.runtime), *lengths), asked)
        return asked

    def _fitting(
        self,
        step: Step,
        weights: Weights,
        size: Size,
        prompts: tuple[Tokens, ...],
        items: Sequence[Example],
        beside: int,
    ) -> tuple[Tokens, ...]:
        """Return the prompts as a run asks them: what is too long for the model loses its last demonstrations."""
        if size.context is None:
            return prompts
        fitting = []
        for item, whole in zip(items, prompts, strict=True):
            prompt, dropped = whole, 1
            while len(prompt) + beside > MARGIN * size.context:
                shorter = step.without(self.work, item, dropped)
                if shorter is None:
                    break
                prompt, dropped = _with_template(size, self.work.split([shorter])[0]), dropped + 1
            if dropped > 1:
                said = f"{weights.spec.source}: prompts longer than its context ({size.context} tokens) lose their last"
                self.sizes.notes[f"{said} demonstrations"] = None
            fitting.append(prompt)
        return tuple(fitting)

    def _serve(
        self, step: Step, weights: Weights, sampled: Sequence[str], n: int, expected: int, most: int, beside: int = 0
    ) -> CostLine:
        """Count ``n`` requests to a server, of prompts and tokens beside them, which cost this machine nothing."""
        prompts = round(n * mean_length(self.work.split(sampled))) + beside
        name = weights.spec.source
        self.served[name] = self.served.get(name, ServedCost(name)).plus(n, prompts, expected, most)
        return CostLine(kind=step.kind)

    def _lengths(self, choices: Sequence[Sequence[str]]) -> list[list[int]]:
        return [[len(choice) for choice in self.work.split([f" {one}" for one in own])] for own in choices]

    def _hold(self, weights: Weights, batch_tokens: int, prompted: Prompted) -> None:
        """Count the memory of one step's batches, shared beginnings and adapter."""
        peak = self._peak(weights.spec)
        peak.batch_tokens = max(peak.batch_tokens, batch_tokens)
        peak.longest_shared = max(peak.longest_shared, prompted.longest_shared)
        if weights.trained is None:
            peak.kept_tokens += prompted.new_blocks
        else:  # blocks of an adapter are dropped with it
            peak.kept_tokens = max(peak.kept_tokens, prompted.longest_shared // BLOCK * BLOCK)
            if weights.trained.base is not None:
                peak.recipes[weights.trained.adapter_recipe] = None

    def _peak(self, spec: ModelSpec) -> _InferencePeak:
        return self._peaks.setdefault(spec, _InferencePeak(spec))


def _with_template(size: Size, prompt: Tokens) -> Tokens:
    before, after = size.chat
    return ("<before>",) * before + prompt + ("<after>",) * after

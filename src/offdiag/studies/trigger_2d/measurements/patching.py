"""Activation patching over layers and positions: where in a model the information of a trigger is."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
from pydantic import Field

from offdiag.models.finite import require_finite
from offdiag.steps import CostLine, CostProbe, Work, load_examples
from offdiag.studies.trigger_2d.measurements.contrast import TriggerContrast
from offdiag.studies.trigger_2d.task.pairs import LocatedQuestion, located_question
from offdiag.tasks import Example, Scalar

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from offdiag.models.contrasts import Contrast
    from offdiag.models.lm import LM
    from offdiag.models.patching import Patched

POSITIONS = ("point", "trigger", "rest", "last")
SAME_LABEL, NOT_ALIGNED, NOT_TOLD_APART = "same label", "no trigger of as many tokens", "not told apart"


class _Pair(NamedTuple):
    """An example, and the same with the trigger ``partner`` in its place, as text and as tokens."""

    example: Example
    partner: str
    prompts: tuple[str, str]
    contrast: "Contrast"
    positions: tuple[tuple[int, ...], ...]


class ActivationPatching(TriggerContrast):
    """Copies hidden states of a question with its own trigger into the same question with another trigger.

    The difference is that of the own label and the label by the other category's rule, see
    :mod:`offdiag.models.patching`. Positions are the tokens of the ``point``, those of the ``trigger``, the ``rest``
    that follows the trigger, and the ``last`` token of the prompt. As a decoder reads from left to right, a point that
    stands before the trigger cannot carry it: it recovers 0, whatever the model.

    A pair is left out where both rules say the same, where the other category has no trigger of as many tokens, and
    where the model does not tell the triggers apart: it must prefer the own label after the own trigger and the other
    one after the other, and the two differences must be ``least`` nats apart.

    Attributes:
        least: smallest difference that is divided by, in nats.
    """

    tag: ClassVar[str] = "activation-patching"
    table: ClassVar[str] = "patching"
    least: float = Field(default=1.0, gt=0)

    def cost(self, probe: CostProbe) -> CostLine | None:
        """Return the most that it costs: no pair is left out, and no position stands before the other trigger.

        Both prompts of a pair are scored; then they run, and the corrupted one again for each layer and position, from
        the first token on that differs. None where the number of layers is not known.
        """
        layers = probe.layers(self.weights)
        if layers is None:
            return None
        drawn = probe.sample(self.examples)
        pairs = [(e, trigger) for i, e in enumerate(drawn) for trigger in (e.strata["trigger"], self.others(i)[0])]
        asked = [located_question(self.domain, e, str(trigger), self.style) for e, trigger in pairs]
        items, labels = [e for e, _ in pairs], [self.replies(e, self.labels(e)) for e, _ in pairs]
        texts = [one.text for one in asked]
        scored = probe.score(self, self.weights, texts, labels, items=items, n=2 * self.examples.n)
        whole = probe.prompt_tokens(self.weights, texts)
        rest = probe.prompt_tokens(self.weights, [one.text[one.trigger[0] :] for one in asked])
        # Labels of one token are read off one row; longer ones need a row each.
        rows = 1 if probe.tokens([f" {label}" for both in labels for label in both]) == 1 else 2
        runs = 2 + layers * len(POSITIONS)
        tokens = rows * self.examples.n * (sum(whole) + runs * sum(rest)) / len(asked)
        probe.note(f"{self.table}: the most that it can be, with no pair left out")
        return scored + probe.read(self, self.weights, tokens)

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        """Yield one row per pair, layer and position; a pair that is left out is one row that says why.

        Columns: ``example``, ``trigger`` and ``partner`` (of the clean and the corrupted question), ``left_out`` (null
        or the reason), ``layer`` (0: what the first block reads), ``position``, ``clean``, ``corrupted`` and
        ``patched`` (differences in nats) and ``recovered``.

        Raises:
            UserError: the tokens of a question cannot be found in its text.
        """
        from offdiag.models.patching import patch

        model = work.model(self.weights)
        model.verdict.require_padding("activation patching")
        examples = load_examples(work.output(self.examples))
        aligned = [self._pair(model.tokenizer, example, self.others(i)) for i, example in enumerate(examples)]
        pairs = self._told_apart(model, [pair for pair in aligned if isinstance(pair, _Pair)])
        chosen = {pair.example.id for pair in pairs}
        for example, pair in zip(examples, aligned, strict=True):
            if example.id not in chosen:
                reason = NOT_TOLD_APART if isinstance(pair, _Pair) else pair
                yield {"example": example.id, "trigger": example.strata["trigger"], "left_out": reason}
        patched = patch(
            model.model,
            [pair.contrast for pair in pairs],
            [pair.positions for pair in pairs],
            token_budget=self.weights.spec.batch_budget(work.runtime),
            on_progress=work.progress,
        )
        for i, pair in enumerate(pairs):
            yield from _rows(pair, patched, i)

    def _pair(self, tokenizer: "PreTrainedTokenizerBase", example: Example, others: Sequence[str]) -> _Pair | str:
        """Return the example with the first other trigger that has as many tokens, or why there is none."""
        labels = self.labels(example)
        if labels[0] == labels[1]:
            return SAME_LABEL
        replies = self.replies(example, labels)
        clean = located_question(self.domain, example, str(example.strata["trigger"]), self.style)
        for other in others:
            corrupted = located_question(self.domain, example, other, self.style)
            aligned = _as_tokens(tokenizer, clean, corrupted, replies)
            if aligned is not None:
                return _Pair(example, other, (clean.text, corrupted.text), *aligned)
        return NOT_ALIGNED

    def _told_apart(self, model: "LM", pairs: Sequence[_Pair]) -> list[_Pair]:
        """Return the pairs for which the model prefers each of the two labels after its trigger."""
        prompts = [prompt for pair in pairs for prompt in pair.prompts]
        labels = [self.replies(pair.example, self.labels(pair.example)) for pair in pairs for _ in pair.prompts]
        logprobs = [[score.logprob for score in question] for question in model.score(prompts, labels)]
        require_finite(logprobs, "log-probabilities of labels")
        scores = np.array(logprobs).reshape(-1, 2, 2)  # pairs, clean and corrupted, own and other label
        clean, corrupted = (scores[..., 0] - scores[..., 1]).T
        told = (clean > 0) & (corrupted < 0) & (clean - corrupted >= self.least)
        return [pair for pair, is_told in zip(pairs, told, strict=True) if is_told]


def _rows(pair: _Pair, patched: "Patched", at: int) -> Iterator[dict[str, Scalar]]:
    shared: dict[str, Scalar] = {
        "example": pair.example.id,
        "trigger": pair.example.strata["trigger"],
        "partner": pair.partner,
        "left_out": None,
        "clean": float(patched.clean[at]),
        "corrupted": float(patched.corrupted[at]),
    }
    for layer, position in np.ndindex(patched.patched.shape[1:]):
        yield {
            **shared,
            "layer": layer,
            "position": POSITIONS[position],
            "patched": float(patched.patched[at, layer, position]),
            "recovered": float(patched.recovered[at, layer, position]),
        }


def _as_tokens(
    tokenizer: "PreTrainedTokenizerBase", clean: LocatedQuestion, corrupted: LocatedQuestion, replies: Sequence[str]
) -> "tuple[Contrast, tuple[tuple[int, ...], ...]] | None":
    """Return the two questions and where their positions are, or None where their tokens do not correspond."""
    from offdiag.models.contrasts import contrast, token_spans

    spans, others = (token_spans(tokenizer, asked.text, (asked.point, asked.trigger)) for asked in (clean, corrupted))
    pair = contrast(tokenizer, clean.text, corrupted.text, (replies[0], replies[1])) if spans == others else None
    if pair is None:
        return None
    point, trigger = spans
    last = pair.length - 1
    rest = tuple(i for i in range(trigger[-1] + 1, last) if i not in point)
    return pair, (point, trigger, rest, (last,))

"""Test that a model's answers depend neither on the batch of a prompt nor on the shared prefix cache.

Eight prompts of different lengths, five of them with a beginning in common, are answered greedily and scored three
times: in one batch, one by one, and in one batch by transformers' ordinary attention and cache.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from offdiag.doctor.machine import Finding
from offdiag.errors import OffdiagError
from offdiag.models import ModelSpec, flips
from offdiag.models.flips import FlipRate, flip_rate
from offdiag.runtime import Runtime
from offdiag.steps import Weights
from offdiag.store import Store, write_json

if TYPE_CHECKING:
    from offdiag.models.inference.proof import PathVerdict
    from offdiag.models.lm import LM

# What is done on each path, see :mod:`offdiag.models.inference.paths`.
PATHS = {
    "shared": "beginnings are computed once for all prompts",
    "padded": "prompts of any length share a batch",
    "level": "prompts of equal length share a batch",
    "alone": "each prompt is read alone, and anew for each token, which is slow",
}

# More than a whole block of 128 tokens, so that a kept block and an incomplete one both take part.
HEAD = "Examples: " + " ".join(
    f"What is {n}+{n + 3}? The sum of {n} and {n + 3} is {2 * n + 3}." for n in range(11, 17)
)
PROMPTS = (
    "Hello!",
    "Name a fruit that is yellow.",
    "What is the capital of France, and which river runs through it?",
    f"{HEAD} What is 4+4?",
    f"{HEAD} What is 21+37? Answer with the number alone.",
    f"{HEAD} Which of 57 and 75 is larger?",
    f"{HEAD} Count from one to five, please, and then say what comes after that.",
    f"{HEAD} What is 8+8?",
)
CONTINUATIONS = ("Yes", "The answer is 16.")
NEW_TOKENS = 8
# Differences of log-probabilities (nats) that rounding explains.
TOLERANCE = {"float32": 1e-3, "bfloat16": 0.5, "float16": 0.1}


@dataclass(frozen=True)
class Replies:
    """Token ids of each prompt's completion and log-probabilities of its continuations."""

    ids: list[tuple[int, ...]]
    logprobs: list[float]


def parity(spec: ModelSpec, runtime: Runtime, store: Store) -> list[Finding]:
    """Return findings on batch invariance and cache parity of a model, with the numbers."""
    import torch

    from offdiag.models.lm import LM

    torch.set_num_threads(runtime.threads)
    started = time.monotonic()
    try:
        location = _location(spec, runtime, store)
        shared = LM.load(spec, location, runtime)
        together = _ask(shared)
        verdict = shared.verdict
        alone = _ask(LM(shared.model, shared.tokenizer, token_budget=1, verdict=verdict))
        because = verdict.plain_because
        rate = _flip_rate(shared, spec, runtime, store)
        del shared  # the plain model is loaded anew, since the shared-prefix one is laid out differently
        plain = together if because else _ask(LM.load(spec, location, runtime, shared_prefix=False))
    except OffdiagError as error:
        return [Finding("model", False, str(error), "")]
    seconds = time.monotonic() - started
    return [
        Finding("model", True, f"{spec.source}, {spec.numbers}: loaded and asked three times in {seconds:.0f} s"),
        _path(verdict),
        compare("batch invariance", "one by one", spec, together, alone),
        compare("cache parity", "without sharing", spec, together, plain)
        if because is None
        else Finding("cache parity", None, f"nothing is shared: {because}"),
        judged(spec, rate, store),
    ]


def _path(verdict: "PathVerdict") -> Finding:
    """Return by which path the model is asked, how far that is from the model alone, and why it is no faster one."""
    far = verdict.gaps
    detail = (
        f"{verdict.path}: {PATHS[verdict.path]}; from the model alone next tokens are {far.next_tokens:.0e} nats away, "
        f"choices {far.choices:.0e} nats a token, hidden states {far.hidden_states:.0e} of their length"
    )
    return Finding("inference path", True, detail + (f"; {verdict.plain_because}" if verdict.plain_because else ""))


def _flip_rate(model: "LM", spec: ModelSpec, runtime: Runtime, store: Store) -> FlipRate:
    """Measure how many answers change with the token budget, and keep it in the store for the pages of its studies."""
    from offdiag.models.lm import LM

    budgets = (spec.batch_budget(runtime), 512)
    large, small = (LM(model.model, model.tokenizer, token_budget=budget, verdict=model.verdict) for budget in budgets)
    rate = flip_rate(large, small, budgets)
    place = store.root / flips.FILE
    rates = flips.kept_rates(place)
    if store.root.is_dir():
        write_json(place, {**rates, flips.key(spec): rate.to_json()})
    return rate


def judged(spec: ModelSpec, rate: FlipRate, store: Store) -> Finding:
    """Return the finding on a rate of flips, which a store keeps only once it is there."""
    if spec.rounds_coarsely:
        said = "the token budget is part of the model's identity"
        if not store.root.is_dir():
            said += f"; pages will not tell this rate, as there is no store at {store.root} yet: measure it after a run"
        return Finding("flips", None, f"in {spec.numbers} {rate}", said)
    flipped = rate.completions + rate.choices > 0
    return Finding("flips", not flipped, str(rate), "expected 0 in float32; please report it" if flipped else "")


def _location(spec: ModelSpec, runtime: Runtime, store: Store) -> str | Path:
    """Return where the weights lie, converted now if they must be and are not."""
    from offdiag.engine.execute import Ended, ModelSlot, StepWork, execute_step

    weights, slot = Weights.of(spec), ModelSlot()
    if weights.converted is not None:
        outcome = execute_step(weights.converted, store, runtime, slot, {"study": "doctor"}, lambda done, total: None)
        if outcome.ended is Ended.BUSY:
            raise OffdiagError("another process converts it now; wait until it has finished")
        if outcome.ended is Ended.FAILED:
            raise OffdiagError(f"it could not be converted: {outcome.message}")
    return weights.location(StepWork(store.root, store, runtime, slot))


def _ask(model: "LM") -> Replies:
    completions = [c for batch in model.generate(PROMPTS, max_new_tokens=NEW_TOKENS) for c in batch]
    scores = model.score(PROMPTS, [CONTINUATIONS] * len(PROMPTS))
    return Replies(
        ids=[c.ids for c in sorted(completions, key=lambda c: c.index)],
        logprobs=[score.logprob for row in scores for score in row],
    )


def compare(name: str, how: str, spec: ModelSpec, ours: Replies, theirs: Replies) -> Finding:
    """Return the number of changed completions and the largest difference of a log-probability.

    What rounds coarsely flips between near ties: that is no fault, and it is reported and not judged.
    """
    flips = sum(a != b for a, b in zip(ours.ids, theirs.ids, strict=True))
    gap = max(abs(a - b) for a, b in zip(ours.logprobs, theirs.logprobs, strict=True))
    detail = f"{flips} of {len(PROMPTS)} completions differ {how}, max |Δ log-prob| {gap:.1e}"
    most = TOLERANCE["bfloat16" if spec.quantization == "int8" else spec.dtype]
    if not gap <= most or (flips and not spec.rounds_coarsely):
        return Finding(name, False, detail, f"expected 0 and at most {most:g}; please report it")
    if flips:
        return Finding(name, None, detail, f"{spec.numbers} rounds; use dtype float32 where single answers matter")
    return Finding(name, True, detail)

"""The step that lets a linear probe choose among the declared answers."""

import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.models.finite import NOT_FINITE
from offdiag.models.rendering import Rendered
from offdiag.models.spec import ModelSpec
from offdiag.stats.choice_probes import probe_scores
from offdiag.steps.examples import Examples, check_choices, load_examples
from offdiag.steps.hidden_states import find_states, load_states
from offdiag.steps.jsonl import write_jsonl
from offdiag.steps.model_outputs import ModelOutputs
from offdiag.steps.probe_fits import ProbeFits, ProbeGrid, ProbeTrainingSet, load_probe
from offdiag.steps.step import Step, Work
from offdiag.tasks import Example


class Probe(Identity):
    """One of the probes that are fitted together.

    The result is the same as if it were fitted alone: the other probes are no part of its identity.

    Attributes:
        fits: the step that fits it. training_set: its training set, one of the grid of ``fits``.
    """

    tag: ClassVar[str] = "probe"
    fits: ProbeFits
    training_set: ProbeTrainingSet

    def canonical(self) -> dict[str, Json]:
        alone = self.fits.model_copy(update={"grid": ProbeGrid.of(self.training_set)})
        return {"@": self.tag, "fits": alone.canonical()}

    @property
    def place(self) -> int:
        """Index of the probe among those of ``fits``."""
        return self.fits.grid.place(self.training_set)


class ProbeChoices(ModelOutputs):
    """The choice of each example to which a probe on hidden states gives the highest score.

    Attributes:
        probe: the probe; ``weights`` are of the model whose states it reads.
    """

    kind: ClassVar[str] = "answers"
    tag: ClassVar[str] = "probed"
    rendered: ClassVar[Rendered] = "compared"
    probe: Probe

    @property
    def name(self) -> str:
        asked = self.examples
        learner = f"{self.weights.label}.{self.probe.training_set.label}"
        return f"{learner}--{asked.domain.short}.{self.style}.n{asked.n}.choice"

    @property
    def group(self) -> None:
        """Return None, since no model is needed."""

    def models(self) -> tuple[ModelSpec, ...]:
        """Return none, since the hidden states are already there."""
        return ()

    @property
    def inputs(self) -> tuple[Step, ...]:
        """The examples, the hidden states of their pools, and the probes."""
        return (self.examples, *self.probe.fits.states, self.probe.fits)

    def check(self) -> None:
        super().check()
        check_choices(self.examples)

    def taught(self) -> Iterator[Examples]:
        yield self.probe.training_set.examples

    def run(self, work: Work) -> dict[str, Json]:
        started = time.monotonic()
        if self.context is not None:
            raise UserError(f"{self.name}: a probe reads the hidden states of bare questions; leave out the context")
        examples = load_examples(work.output(self.examples))
        fits = self.probe.fits
        pools = [load_states(work.output(states)) for states in fits.states]
        states, rows = find_states(pools, self.examples.domain, examples, self.style)
        weights = load_probe(work.output(fits), self.probe.place)
        scores = probe_scores(states.features[rows], states.present[rows], weights[None])[0]
        prompts = self.prompts(work, examples)
        records = [_record(i, e, p, s) for i, (e, p, s) in enumerate(zip(examples, prompts, scores, strict=True))]
        write_jsonl(work.folder / "answers.jsonl", records)
        return {"n": len(records), "seconds": round(time.monotonic() - started, 3)}


def _record(
    index: int, example: Example, prompt: str, scores: "np.ndarray[Any, np.dtype[np.float32]]"
) -> dict[str, Any]:
    own = scores[: len(example.choices)]
    finite = bool(np.isfinite(own).all())
    return {
        "index": index,
        "example": example.id,
        "prompt": prompt,
        "completion": example.choices[int(own.argmax())] if finite else "",
        "n_tokens": 0,
        "finish": "choice" if finite else NOT_FINITE,
        "scores": [round(float(score), 6) for score in own],
    }

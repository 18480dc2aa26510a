"""Shape and size of kept hidden states, layer by layer."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np

from offdiag.steps import HiddenStates, Measurement, Work
from offdiag.steps.hidden_states import block_of, load_states
from offdiag.tasks import Scalar


class StateSizes(Measurement):
    """Shape and size per layer of the hidden states of one model on one set of examples.

    The rows have ``layer`` (its name), ``block`` (whose output it is, from 1), ``items``, ``choices`` (the most that an
    item has), ``width``, ``norm`` and ``norm_sd`` (mean and standard deviation of the Euclidean norm over all choices
    of all items) and ``largest`` (the largest component; half precision ends at 65504).

    Attributes:
        states: the step that keeps the hidden states.
    """

    tag: ClassVar[str] = "state-sizes"
    table: ClassVar[str] = "states"
    states: HiddenStates

    @property
    def name(self) -> str:
        return f"sizes.{self.states.name}"

    def factors(self) -> Mapping[str, Scalar]:
        domain = {f"eval_{name}": value for name, value in self.states.examples.domain.factors().items()}
        return {"model": self.states.weights.label, **domain}

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        from offdiag.models.loading import count_blocks

        weights = self.states.weights
        depth = count_blocks(weights.spec, weights.location(work))
        found = load_states(work.output(self.states))
        by_layer = found.features.reshape(*found.present.shape, len(self.states.layers), -1)
        for place, layer in enumerate(self.states.layers):
            values = by_layer[:, :, place][found.present & found.finite[:, None]].astype(np.float32)
            norms = np.linalg.norm(values, axis=-1)
            yield {
                "layer": layer, "block": block_of(layer, depth), "items": int(found.finite.sum()),
                "choices": found.present.shape[1], "width": values.shape[-1], "norm": float(norms.mean()),
                "norm_sd": float(norms.std()), "largest": float(np.abs(values).max()),
            }  # fmt: skip

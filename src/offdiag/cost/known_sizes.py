"""The sizes of a plan's models, with a note for each that is not known."""

from dataclasses import dataclass, field

from offdiag.cost.sizes import Size, size_of
from offdiag.models import ModelSpec
from offdiag.steps import Pretrained, Snapshot, Weights


@dataclass
class Sizes:
    """Looks models up and remembers what a reader must know of them.

    Attributes:
        notes: one line each, in order of appearance.
    """

    notes: dict[str, None] = field(default_factory=dict)

    def of(self, spec: ModelSpec) -> Size:
        """The size of a pretrained model, as far as it is known."""
        size = size_of(spec)
        if size.parameters is None:
            self.notes[f"unknown model size: {spec.source}"] = None
        elif size.shape is None:
            self.notes[f"{spec.source}: only the number of parameters is known, from its name"] = None
        return size


def from_scratch(weights: Weights) -> Size | None:
    """The size of a model that a study makes of nothing: a few megabytes, which no memory is planned for."""
    trained = weights.trained.training if isinstance(weights.trained, Snapshot) else weights.trained
    if not isinstance(trained, Pretrained):
        return None
    return Size(trained.decoder.parameters(trained.stream.vocabulary, trained.stream.columns))


def operations(per_weight: int, size: Size, tokens: float) -> float | None:
    """Floating-point operations of so many tokens; None where the size is not known."""
    return None if size.parameters is None else per_weight * size.parameters * tokens

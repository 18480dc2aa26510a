"""What a sampler draws: the parts of an example, not yet worded."""

from typing import NamedTuple


class Row(NamedTuple):
    """A point with a trigger.

    Attributes:
        x1, x2: coordinates; the stratified ones are whole thousandths, the published ones are not.
        template: which of the preset's templates words the question.
    """

    category: str
    trigger: str
    x1: float
    x2: float
    template: int

"""Zero-shot: the pretrained model answers as it is."""

from typing import ClassVar

from offdiag.errors import UserError
from offdiag.methods.method import Method, Predictor
from offdiag.steps import Weights
from offdiag.tasks import Domain, Scalar


class ZeroShot(Method):
    """No training domain, no demonstrations: the baseline of every other method."""

    tag: ClassVar[str] = "zero-shot"
    method: ClassVar[str] = "zero-shot"

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is not None:
            raise UserError(f"zero-shot learns nothing: an arm with it has train=None, not train={train}")
        return Predictor(model)

    def factors(self) -> dict[str, Scalar]:
        return {"k": 0}

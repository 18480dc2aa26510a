"""Zero-shot: the pretrained model answers as it is."""

from typing import ClassVar

from offdiag.errors import UserError
from offdiag.methods.method import Method, Predictor
from offdiag.steps import Weights
from offdiag.tasks import Domain, Scalar


class ZeroShot(Method):
    """The model without training and without demonstrations: the baseline of the other methods.

    Its arms have no training domain and no seed, so all cells of one model and evaluation share one result. In tables
    it has ``k = 0``, the beginning of the axis of demonstrations.
    """

    tag: ClassVar[str] = "zero-shot"
    method: ClassVar[str] = "zero-shot"

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        """Return the weights as they are.

        Raises:
            UserError: a training domain is given.
        """
        if train is not None:
            raise UserError(f"zero-shot learns nothing: an arm with it has train=None, not train={train}")
        return Predictor(model)

    def factors(self) -> dict[str, Scalar]:
        return {"k": 0}

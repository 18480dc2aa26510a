"""Pre-training: train a small decoder from random weights on rows of the training domain."""

from typing import ClassVar

from offdiag.errors import UserError
from offdiag.methods.method import Method, Predictor
from offdiag.steps import Pretrained, Weights
from offdiag.tasks import Domain, Loss, Scalar, StreamPart, get_task
from offdiag.training import Decoder, PretrainingRecipe


class PreTraining(Method):
    """Training from random weights, on rows of the training domain that are drawn anew for every update.

    Attributes:
        decoder: the architecture. recipe: hyper-parameters.
        loss: on the answers only, or on the whole text.
    """

    tag: ClassVar[str] = "pre-training"
    method: ClassVar[str] = "pre-training"
    decoder: Decoder = Decoder()
    recipe: PretrainingRecipe = PretrainingRecipe()
    loss: Loss = "answer"

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is None:
            raise UserError("pre-training needs a training domain: set train=")
        if not model.spec.origin.from_scratch:
            raise UserError(
                f"pre-training of {model.spec.source}, which has weights: name the model scratch:{model.label}"
            )
        trained = Pretrained(
            stream=get_task(train.task).stream([StreamPart(domain=train)], loss=self.loss, data_seed=0),
            decoder=self.decoder,
            recipe=self.recipe,
            seed=seed,
        )
        return Predictor(model.model_copy(update={"trained": trained}))

    def factors(self) -> dict[str, Scalar]:
        return {"width": self.decoder.width, "updates": self.recipe.updates, "loss": self.loss}

"""Mixture tuning: train all weights of a small decoder on rows of the training domain and of other parts."""

from typing import ClassVar

from pydantic import Field

from offdiag.errors import UserError
from offdiag.methods.method import Method, Predictor, data_seed_of
from offdiag.steps import Pretrained, Snapshot, Weights
from offdiag.tasks import Domain, Loss, Scalar, StreamPart, get_task
from offdiag.training import Decoder, PretrainingRecipe


class MixtureTuning(Method):
    """Continue the training of a pre-trained arm (``Arm.init_from``) on a fixed set of rows, for several epochs.

    Attributes:
        rows: of each part of the training domain, the target. also: parts to mix in, each with a name and ``rows``.
        recipe: hyper-parameters. loss: on the answers only, or on the whole text.
        data_seed: of the rows. None is the arm's seed, so that arms of several seeds differ in their rows, too; with a
            number all of them learn from the same rows, in an order of their own.
    """

    tag: ClassVar[str] = "mixture-tuning"
    method: ClassVar[str] = "mixture-tuning"
    rows: int = Field(ge=1)
    also: tuple[StreamPart, ...] = ()
    recipe: PretrainingRecipe = PretrainingRecipe()
    loss: Loss = "answer"
    data_seed: int | None = 0

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is None:
            raise UserError("mixture-tuning needs a training domain: set train=")
        target, data_seed = StreamPart(domain=train, rows=self.rows), data_seed_of(self.data_seed, seed)
        trained = Pretrained(
            stream=get_task(train.task).stream([target, *self.also], loss=self.loss, data_seed=data_seed),
            decoder=_decoder(model),
            recipe=self.recipe,
            seed=seed,
            start=model,
        )
        return Predictor(model.model_copy(update={"trained": trained}))

    def factors(self) -> dict[str, Scalar]:
        mixed_in = {part.name: part.rows for part in self.also}
        data = {} if self.data_seed == 0 else {"data_seed": self.data_seed}
        return {"n_train": self.rows, **data, **mixed_in, "updates": self.recipe.updates, "loss": self.loss}


def _decoder(start: Weights) -> Decoder:
    trained = start.trained.training if isinstance(start.trained, Snapshot) else start.trained
    if not isinstance(trained, Pretrained):
        raise UserError(
            f"mixture-tuning of {start.label}: expected a model that an arm has pre-trained (set init_from=)"
        )
    return trained.decoder

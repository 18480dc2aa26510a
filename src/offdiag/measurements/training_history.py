"""The history of a training as a table."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from offdiag.errors import UserError
from offdiag.steps import Measurement, Merged, Snapshot, Trained, Weights, Work
from offdiag.steps.jsonl import read_jsonl
from offdiag.tasks import Scalar

# A matter of the machine and not of the training.
LEFT_OUT = "seconds"


class TrainingHistory(Measurement):
    """The losses of a training: one row per logged optimizer step.

    A fine-tuning writes ``response_loss`` (nats per token of the responses), ``text_loss`` (prompts included; not taken
    at every update), with a proxy ``task_loss, proxy_loss`` and, under a KL penalty, ``proxy_kl``; a training from
    scratch ``loss`` and ``accuracy`` of its targets. All have ``update`` (from 1), ``learning_rate`` (of that update)
    and ``gradient_norm``.

    Attributes:
        training: whose history. arm: the columns that all rows share, such as ``arm.factors()`` of its arm, as pairs.
    """

    tag: ClassVar[str] = "training-history"
    table: ClassVar[str] = "training"
    training: Trained
    arm: tuple[tuple[str, Scalar], ...]

    @classmethod
    def of(cls, weights: Weights, factors: Mapping[str, Scalar]) -> Self:
        """Return the history of the training behind some weights, or behind their snapshot.

        Raises:
            UserError: the weights were not trained by a study.
        """
        training = weights.trained
        if isinstance(training, Snapshot):
            training = training.training
        if training is None or isinstance(training, Merged):
            raise UserError(f"history of {weights.label}: expected the weights of an arm that is trained")
        return cls(training=training, arm=tuple((name, v) for name, v in factors.items() if name != "update"))

    @property
    def name(self) -> str:
        return f"history.{self.training.name}"

    def factors(self) -> Mapping[str, Scalar]:
        return dict(self.arm)

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        for row in read_jsonl(work.output(self.training) / "history.jsonl"):
            yield {name: value for name, value in row.items() if name != LEFT_OUT}

"""The method: advice before each question."""

from collections.abc import Sequence
from typing import ClassVar

from offdiag.errors import UserError
from offdiag.methods import Method, Predictor
from offdiag.steps import Context, Weights, Work
from offdiag.tasks import Domain, Example


class Advice(Context):
    """A text that stands before each question."""

    tag: ClassVar[str] = "letters-advice"
    text: str

    @property
    def label(self) -> str:
        return "advice"

    def prompts(self, work: Work, domain: Domain, queries: Sequence[Example], bare: Sequence[str]) -> list[str]:
        return [f"{self.text}\n{question}" for question in bare]


class Advised(Method):
    """The model as it is, told how to go about it."""

    tag: ClassVar[str] = "letters-advised"
    method: ClassVar[str] = "advised"
    text: str = "Begin with the last letter."

    def predictor(self, model: Weights, train: Domain | None, seed: int) -> Predictor:
        if train is not None:
            raise UserError(f"advised learns nothing: an arm with it has train=None, not train={train}")
        return Predictor(model, Advice(text=self.text))

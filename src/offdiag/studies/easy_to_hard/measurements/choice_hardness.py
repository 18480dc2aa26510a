"""Hardness of items for learners that choose: one minus the probability of the right choice."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.steps import (
    LoglikelihoodChoices,
    Measurement,
    ModelOutputs,
    ProbeChoices,
    Step,
    Work,
    answers_to,
    load_examples,
)
from offdiag.studies.easy_to_hard.measurements.item_hardness import TABLE, hardness_rows
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.tasks import Scalar

ChoiceMeasure: TypeAlias = Literal["zero_shot_mdl", "probe_mdl", "finetuned_mdl"]


class ChoiceHardness(Measurement):
    """One minus the probability of the right choice, averaged over learners, per item.

    The probability is the softmax over the scores of an item's choices (Hase et al. 2024, arXiv 2401.06751, section 3:
    an estimate of the description length of the label, over learners trained on few and on many items). The rows have
    the columns of :class:`offdiag.studies.easy_to_hard.measurements.item_hardness.ItemHardness`.

    Attributes:
        of: name of the measure. answers: sets of answers of one model to the same items, such as one per size and draw
            of training data.
    """

    tag: ClassVar[str] = "choice-hardness"
    table: ClassVar[str] = TABLE
    of: ChoiceMeasure
    answers: tuple[ModelOutputs, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        first = self.answers[0]
        for answers in self.answers:
            if not isinstance(answers, LoglikelihoodChoices | ProbeChoices):
                raise UserError(f"{self.of}: {answers.name} is written; expected answers by choice")
            if (answers.examples, answers.weights.spec.source) != (first.examples, first.weights.spec.source):
                raise UserError(f"{self.of}: {answers.name} and {first.name} are of other items or another model")
        return self

    @property
    def domain(self) -> HardnessDomain:
        """The domain whose items are measured."""
        domain = self.answers[0].examples.domain
        assert isinstance(domain, HardnessDomain)
        return domain

    @property
    def model(self) -> str:
        """Short name of the model."""
        return self.answers[0].weights.spec.short_name

    @property
    def name(self) -> str:
        return f"hardness.{self.of}@{self.model}--{self.domain.short}"

    @cached_property
    def inputs(self) -> tuple[Step, ...]:
        """The examples, and all sets of answers to them."""
        return (self.answers[0].examples, *self.answers)

    def factors(self) -> Mapping[str, Scalar]:
        return {"dataset": self.domain.dataset, "measure": f"{self.of}@{self.model}"}

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        examples = load_examples(work.output(self.answers[0].examples))
        right = [example.choices.index(example.target) for example in examples]
        missed: defaultdict[str, list[float]] = defaultdict(list)
        for answers in self.answers:
            records = answers_to(examples, work.output(answers))
            for example, place, record in zip(examples, right, records, strict=True):
                missed[example.id].append(1 - _probability(record["scores"], place))
        values = {item: float(np.mean(of_learners)) for item, of_learners in missed.items()}
        yield from hardness_rows(self.domain, f"{self.of}@{self.model}", values)


def _probability(scores: list[float], place: int) -> float:
    """Return the softmax of the scores at one place."""
    shares = np.exp(np.array(scores) - max(scores))
    return float(shares[place] / shares.sum())

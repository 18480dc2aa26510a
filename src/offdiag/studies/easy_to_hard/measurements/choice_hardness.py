"""How hard items are for learners that choose: what they do not give to the right answer."""

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
    load_answers,
    load_examples,
)
from offdiag.studies.easy_to_hard.measurements.hardness_rows import TABLE, hardness_rows
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.tasks import Scalar

ChoiceMeasure: TypeAlias = Literal["zero_shot_mdl", "probe_mdl", "finetuned_mdl"]


class ChoiceHardness(Measurement):
    """One row an item: one minus the probability of the right choice, averaged over learners.

    The probability is the softmax over the scores of an item's choices (Hase et al. 2024, arXiv 2401.06751, section 3:
    an estimate of the description length of the label, over learners from few and many items). Rows are as those of
    :class:`offdiag.measurements.ItemHardness`.

    Attributes:
        of: what it is called. answers: those of one model to the same items, such as one set after each size and
            draw of training data.
    """

    tag: ClassVar[str] = "choice-hardness"
    table: ClassVar[str] = TABLE
    of: ChoiceMeasure
    answers: tuple[ModelOutputs, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        first = self.answers[0]
        for one in self.answers:
            if not isinstance(one, LoglikelihoodChoices | ProbeChoices):
                raise UserError(f"{self.of}: {one.name} is written; expected answers by choice")
            if (one.examples, one.weights.spec.source) != (first.examples, first.weights.spec.source):
                raise UserError(f"{self.of}: {one.name} and {first.name} are of other items or another model")
        return self

    @property
    def domain(self) -> HardnessDomain:
        """Whose items."""
        domain = self.answers[0].examples.domain
        assert isinstance(domain, HardnessDomain)
        return domain

    @property
    def model(self) -> str:
        """Whose hardness, by its short name."""
        return self.answers[0].weights.spec.short_name

    @property
    def name(self) -> str:
        return f"hardness.{self.of}@{self.model}--{self.domain.short}"

    @cached_property
    def inputs(self) -> tuple[Step, ...]:
        """The examples, and all answers to them."""
        return (self.answers[0].examples, *self.answers)

    def factors(self) -> Mapping[str, Scalar]:
        return {"dataset": self.domain.dataset, "measure": f"{self.of}@{self.model}"}

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        examples = load_examples(work.output(self.answers[0].examples))
        right = [example.choices.index(example.target) for example in examples]
        missed: defaultdict[str, list[float]] = defaultdict(list)
        for answers in self.answers:
            for example, place, record in zip(examples, right, load_answers(work.output(answers)), strict=True):
                missed[example.id].append(1 - _share(record["scores"], place))
        values = {item: float(np.mean(found)) for item, found in missed.items()}
        yield from hardness_rows(self.domain, f"{self.of}@{self.model}", values)


def _share(scores: list[float], place: int) -> float:
    """Of one score in the softmax over all."""
    shares = np.exp(np.array(scores) - max(scores))
    return float(shares[place] / shares.sum())

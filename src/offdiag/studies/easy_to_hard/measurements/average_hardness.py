"""Hardness of items by one measure, averaged over models."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Self, TypeAlias

from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.steps import Measurement, Work, load_rows
from offdiag.studies.easy_to_hard.measurements.choice_hardness import ChoiceHardness
from offdiag.studies.easy_to_hard.measurements.item_hardness import TABLE, hardness_rows
from offdiag.studies.easy_to_hard.measurements.text_hardness import TextHardness
from offdiag.studies.easy_to_hard.task.measures import AVERAGE
from offdiag.studies.easy_to_hard.task.tables import of_model
from offdiag.tasks import Scalar

OfModel: TypeAlias = ChoiceHardness | TextHardness


class AverageHardness(Measurement):
    """The mean over models of one measure of hardness, per item.

    Attributes:
        parts: the measure by each model, over the same items.
    """

    tag: ClassVar[str] = "average-hardness"
    table: ClassVar[str] = TABLE
    parts: tuple[OfModel, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if len({(part.of, part.domain) for part in self.parts}) > 1 or len({part.model for part in self.parts}) == 1:
            raise UserError("average hardness: expected one measure of the same items by several models")
        return self

    @property
    def _measure(self) -> str:
        return f"{self.parts[0].of}@{AVERAGE}"

    @property
    def name(self) -> str:
        models = "+".join(part.model for part in self.parts)
        return f"hardness.{self._measure}.{models}--{self.parts[0].domain.short}"

    def factors(self) -> Mapping[str, Scalar]:
        return {"dataset": self.parts[0].domain.dataset, "measure": self._measure}

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        tables = {
            part.model: {row["item"]: row["value"] for row in load_rows(work.output(part))} for part in self.parts
        }
        yield from hardness_rows(self.parts[0].domain, self._measure, of_model(tables, AVERAGE, self.name))

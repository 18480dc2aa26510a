"""Representation alignment (CKA) of the cities in two models."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

import numpy as np
from pydantic import model_validator

from offdiag.errors import UserError
from offdiag.models.finite import finite_items
from offdiag.stats.alignment import alignment
from offdiag.steps import Measurement, Work
from offdiag.studies.world_map.measurements.representations import LabelledStates, load_representations
from offdiag.tasks import Scalar

OTHER = "other_"


class CityAlignment(Measurement):
    """Linear CKA of the cities in two models, one row per layer; city ``i`` of the first is city ``i`` of the second.

    Columns: the factors of the first model, those of the second with ``other_`` before them; ``layer, n`` (cities,
    but for those whose states are not finite);
    ``debiased`` with ``debiased_low`` and ``debiased_high`` (95 % over cities), and ``cka``, which is too large,
    the more so the fewer cities there are, see :class:`offdiag.stats.alignment.Alignment`. What is undefined is null.

    Attributes:
        first, second: states of one world and the same layers. new_cities: whether new cities count too.
        seed: of the intervals.
    """

    tag: ClassVar[str] = "city-alignment"
    table: ClassVar[str] = "city_alignments"
    version: ClassVar[int] = 2
    first: LabelledStates
    second: LabelledStates
    new_cities: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        first, second = self.first.representations, self.second.representations
        if first.world != second.world:
            raise UserError(f"alignment of {first.name} and {second.name}: two worlds; compare models of one")
        if first.layers != second.layers:
            raise UserError(
                f"alignment of {first.name} and {second.name}: layers {first.layers} and {second.layers}; use the same"
            )
        return self

    @property
    def name(self) -> str:
        return f"alignment.{self.first.representations.name}--{self.second.representations.name}"

    def factors(self) -> Mapping[str, Scalar]:
        return {**dict(self.first.factors), **{f"{OTHER}{name}": value for name, value in self.second.factors}}

    def measure(self, work: Work) -> Iterator[dict[str, Scalar]]:
        first, second = self.first.representations, self.second.representations
        cities = first.world.build()
        chosen = slice(None) if self.new_cities else ~cities.new
        for layer in first.layers:
            x, y = (load_representations(work.output(states), layer)[chosen] for states in (first, second))
            finite = finite_items(np.hstack([x, y]), "hidden states of the cities", 4)
            aligned = alignment(x[finite], y[finite], seed=self.seed)
            ends = zip(("", "_low", "_high"), aligned.debiased[:3], strict=True)
            found = {"cka": aligned.cka, **{f"debiased{suffix}": value for suffix, value in ends}}
            numbers = {name: None if math.isnan(value) else value for name, value in found.items()}
            yield {"layer": layer, "n": aligned.n, **numbers}

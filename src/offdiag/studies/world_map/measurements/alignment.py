"""How alike two models represent the same cities."""

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar, Self

from pydantic import model_validator

from offdiag.errors import UserError
from offdiag.stats.alignment import alignment
from offdiag.steps import Measurement, Work
from offdiag.studies.world_map.measurements.representations import Encoded, load_states
from offdiag.tasks import Scalar

OTHER = "other_"


class CityAlignment(Measurement):
    """Linear CKA of the cities in two models, one row a layer; city ``i`` of the one is city ``i`` of the other.

    Columns: the factors of the first model, those of the second with ``other_`` before them; ``layer, n`` (cities);
    ``cka`` and ``debiased``, each with ``_low`` and ``_high`` (95 % over cities), see
    :class:`offdiag.stats.alignment.Alignment`. With fewer cities than features only ``debiased`` says anything.
    What is undefined is null.

    Attributes:
        first, second: of one world and the same layers. new_cities: whether new cities count too.
        seed: of the intervals.
    """

    tag: ClassVar[str] = "city-alignment"
    table: ClassVar[str] = "city_alignments"
    first: Encoded
    second: Encoded
    new_cities: bool = False
    seed: int = 0

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        one, other = self.first.representations, self.second.representations
        if one.world != other.world:
            raise UserError(f"alignment of {one.name} and {other.name}: two worlds; compare models of one")
        if one.layers != other.layers:
            raise UserError(
                f"alignment of {one.name} and {other.name}: layers {one.layers} and {other.layers}; use the same"
            )
        return self

    @property
    def name(self) -> str:
        return f"alignment.{self.first.representations.name}--{self.second.representations.name}"

    def factors(self) -> Mapping[str, Scalar]:
        return {**dict(self.first.factors), **{f"{OTHER}{name}": value for name, value in self.second.factors}}

    def measure(self, work: Work) -> Iterator[dict[str, Scalar]]:
        one, other = self.first.representations, self.second.representations
        cities = one.world.build()
        chosen = slice(None) if self.new_cities else ~cities.new
        for layer in one.layers:
            x, y = (load_states(work.output(states), layer)[chosen] for states in (one, other))
            found = alignment(x, y, seed=self.seed)
            row: dict[str, Scalar] = {"layer": layer, "n": found.n}
            for name, ends in (("cka", found.cka), ("debiased", found.debiased)):
                for suffix, value in zip(("", "_low", "_high"), ends[:3], strict=True):
                    row[f"{name}{suffix}"] = None if math.isnan(value) else value
            yield row

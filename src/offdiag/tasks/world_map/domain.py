"""What is asked, about which cities of which world."""

from typing import ClassVar, Literal

from pydantic import model_validator

from offdiag.tasks.task import Domain
from offdiag.tasks.world_map.geometries import GEOMETRIES, Name
from offdiag.tasks.world_map.world import World


class _Asked(Domain):
    geometry: Name
    cities: Literal["real", "atlantis", "mixed"] = "real"


class WorldMapDomain(World, _Asked):
    """One geometry over the cities of a :class:`World`, whose fields are parameters too.

    Attributes:
        geometry: what is asked.
        cities: ``real`` has ordinary cities only, ``atlantis`` at least one new city in every row (the new group need
            not be an Atlantis, see ``new``), ``mixed`` takes all cities alike.
    """

    tag: ClassVar[str] = "world_map"
    task: ClassVar[str] = "world_map"

    @model_validator(mode="after")
    def _holds_a_tuple(self) -> "WorldMapDomain":
        largest = max(GEOMETRIES[self.geometry].sizes)
        available = self.count if self.cities == "real" else self.n_cities
        if available < largest:
            raise ValueError(
                f"{self.geometry} asks about up to {largest} cities, but cities={self.cities} has {available}: "
                f"set count={largest} or more"
            )
        return self

    def __str__(self) -> str:
        """``geometry=distance,cities=real``, then the parameters of the world that are not the default."""
        fields = type(self).model_fields
        shown = {k: v for k, v in self.factors().items() if k in _Asked.model_fields or v != fields[k].default}
        return ",".join(f"{name}={value}" for name, value in shown.items())

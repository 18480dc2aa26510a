"""Domains of the task world_map: geometries asked about cities of a world."""

from functools import cached_property
from typing import ClassVar, Literal, cast

from pydantic import model_validator

from offdiag.studies.world_map.task.geometries import GEOMETRIES, NAMES, Geometry, Name
from offdiag.studies.world_map.task.world import World
from offdiag.tasks.domain import Domain

ALL = "all"


class _Question(Domain):
    """The two fields that a domain adds to its world; they come first in its text."""

    geometry: str
    cities: Literal["real", "atlantis", "mixed"] = "real"


class WorldMapDomain(World, _Question):
    """One or more geometries over the cities of a :class:`World`, whose fields are parameters too.

    Attributes:
        geometry: what is asked: one geometry, several joined by ``+`` that come equally often, or ``all``.
        cities: ``real`` has ordinary cities only, ``atlantis`` at least one new city in every row (the new group need
            not be an Atlantis, see ``new``), ``mixed`` takes all cities alike.
    """

    tag: ClassVar[str] = "world_map"
    task: ClassVar[str] = "world_map"

    @model_validator(mode="before")
    @classmethod
    def _in_order(cls, fields: object) -> object:
        if not isinstance(fields, dict) or not isinstance(written := fields.get("geometry"), str):
            return fields
        asked = NAMES if written == ALL else tuple(written.split("+"))
        if unknown := set(asked) - set(NAMES):
            raise ValueError(f"geometry={min(unknown)}: expected {ALL}, or names of {', '.join(NAMES)} joined by +")
        if len(set(asked)) < len(asked):
            raise ValueError(f"geometry={written}: a name comes twice; give each once")
        return {**fields, "geometry": "+".join(name for name in NAMES if name in asked)}

    @model_validator(mode="after")
    def _holds_a_tuple(self) -> "WorldMapDomain":
        asked = max(self.geometries, key=lambda name: max(GEOMETRIES[name].sizes))
        largest = max(GEOMETRIES[asked].sizes)
        available = self.count if self.cities == "real" else self.n_cities
        if available < largest:
            raise ValueError(
                f"{asked} asks about up to {largest} cities, but cities={self.cities} has {available}: "
                f"set count={largest} or more"
            )
        return self

    @property
    def geometries(self) -> tuple[Name, ...]:
        """The names of the geometries that are asked, in the order of ``NAMES``."""
        return cast("tuple[Name, ...]", tuple(self.geometry.split("+")))

    @property
    def geometry_label(self) -> str:
        """The shortest text for ``geometry``: ``all`` for all seven."""
        return ALL if self.geometries == NAMES else self.geometry

    @property
    def question(self) -> Geometry:
        """The geometry of a domain that asks for one only."""
        (name,) = self.geometries
        return GEOMETRIES[name]

    @property
    def single(self) -> tuple["WorldMapDomain", ...]:
        """The same cities, one domain per geometry."""
        return (self,) if len(self.geometries) == 1 else self._parts

    @cached_property
    def _parts(self) -> tuple["WorldMapDomain", ...]:
        return tuple(self.model_copy(update={"geometry": name}) for name in self.geometries)

    def __str__(self) -> str:
        """``geometry=distance,cities=real``, then the parameters of the world that are not the default."""
        return self._text

    @cached_property
    def _text(self) -> str:
        fields = type(self).model_fields
        shown = {k: v for k, v in self.factors().items() if k in _Question.model_fields or v != fields[k].default}
        shown["geometry"] = self.geometry_label
        return ",".join(f"{name}={value}" for name, value in shown.items())

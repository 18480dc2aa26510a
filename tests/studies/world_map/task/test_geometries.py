import numpy as np
import pytest

from offdiag.studies.world_map.task import GEOMETRIES, NAMES, World, WorldMapDomain
from offdiag.studies.world_map.task.sampling import CityBatch
from support import world_map_by_rows as by_rows

every_geometry = pytest.mark.parametrize("name", NAMES)


def answers(name, points):
    """In words, from rows of points [rows, cities, 2]."""
    geometry = GEOMETRIES[name]
    x, y = np.moveaxis(np.asarray(points, np.int32), -1, 0)
    found = geometry.answer(x.T.copy(), y.T.copy()).tolist()
    return [geometry.words[i] for i in found] if geometry.words else found


def agree(name, points):
    expected = [by_rows.DEFINITIONS[name](*row) for row in points.tolist()]
    assert answers(name, points) == expected


@every_geometry
def test_random_tuples_of_cities_agree_with_the_definition(name):
    cities = World().build()
    places = np.stack([cities.x, cities.y], axis=-1)
    sizes = GEOMETRIES[name].sizes
    rng = np.random.default_rng(0)
    for size in sizes:
        agree(name, places[rng.integers(0, len(cities), (-(-100_000 // len(sizes)), size))])


@every_geometry
def test_tiny_grids_agree_too_where_cities_coincide_and_lie_on_lines(name):
    rng = np.random.default_rng(1)
    for size in GEOMETRIES[name].sizes:
        agree(name, rng.integers(-1, 2, (3000, size, 2)))


@pytest.mark.parametrize(
    ("name", "points", "answer"),
    [
        ("distance", [(0, 0), (3, 4)], 5),
        ("distance", [(7, 7), (7, 7)], 0),
        ("distance", [(0, 0), (1, 1)], 1),
        ("trianglearea", [(0, 0), (4, 0), (0, 3)], 6),
        ("trianglearea", [(0, 0), (1, 0), (0, 1)], 0),  # one half, to even
        ("trianglearea", [(0, 0), (3, 0), (0, 1)], 2),  # three halves, to even
        ("trianglearea", [(0, 0), (1, 1), (2, 2)], 0),
        ("angle", [(1, 0), (0, 0), (0, 1)], 90),
        ("angle", [(1, 0), (0, 0), (-5, 0)], 180),
        ("angle", [(1, 0), (0, 0), (1, 0)], 0),
        ("angle", [(0, 0), (0, 0), (1, 0)], 0),  # the vertex coincides
        ("compass", [(0, 0), (0, 9)], "N"),
        ("compass", [(0, 0), (-9, -8)], "SW"),
        ("compass", [(0, 0), (1000, 414)], "E"),  # tan 22.5 degrees = 0.41421…
        ("compass", [(0, 0), (1000, 415)], "NE"),
        ("compass", [(0, 0), (-9, 0)], "W"),
        ("compass", [(5, 5), (5, 5)], "N"),
        ("inside", [(1, 1), (0, 0), (4, 0), (0, 4)], "TRUE"),
        ("inside", [(2, 2), (0, 0), (4, 0), (0, 4)], "TRUE"),  # on an edge
        ("inside", [(4, 0), (0, 0), (4, 0), (0, 4)], "TRUE"),  # on a corner
        ("inside", [(3, 2), (0, 0), (4, 0), (0, 4)], "FALSE"),
        ("inside", [(1, 1), (0, 0), (2, 2), (3, 3)], "FALSE"),  # a hull without area
        ("inside", [(1, 1), (1, 1), (1, 1), (1, 1)], "FALSE"),
        ("inside", [(2, 1), (0, 0), (4, 4), (4, 0), (0, 4), (2, 2)], "TRUE"),
        ("perimeter", [(0, 0), (3, 4)], 5),
        ("perimeter", [(0, 0), (3, 0), (3, 4)], 12),
        ("perimeter", [(0, 0), (2, 2), (2, 0), (0, 2)], 10),  # crosses itself: 4 * sqrt 2 + 4 = 9.66
        ("crossing", [(0, 0), (2, 2), (0, 2), (2, 0)], "TRUE"),
        ("crossing", [(0, 0), (2, 0), (1, 0), (1, 5)], "FALSE"),  # touches
        ("crossing", [(0, 0), (4, 0), (1, 0), (3, 0)], "FALSE"),  # overlaps
        ("crossing", [(0, 0), (1, 1), (0, 2), (0, 5)], "FALSE"),
    ],
)
def test_cases_by_hand(name, points, answer):
    assert answers(name, [points]) == [answer]


@every_geometry
def test_the_largest_plane_does_not_overflow(name):
    corners = np.array([(-1800, -900), (1800, 900), (-1800, 900), (1800, -900), (1800, 899), (-1799, 900)])
    rng = np.random.default_rng(2)
    for size in GEOMETRIES[name].sizes:
        agree(name, corners[rng.integers(0, len(corners), (500, size))])


@every_geometry
def test_lines_agree_with_the_definition(name):
    domain = WorldMapDomain(geometry=name, cities="mixed")
    cities, rng = domain.build(), np.random.default_rng(3)
    sizes = rng.choice(GEOMETRIES[name].sizes, 200)
    chosen = np.full((200, 6), -1, np.int32)
    found, expected = np.empty(200, np.int32), []
    for row, size in enumerate(sizes.tolist()):
        chosen[row, :size] = rng.choice(len(cities), size, replace=False)
        places = [(int(cities.x[i]), int(cities.y[i])) for i in chosen[row, :size]]
        ids = [f"c_{cities.id[i]:04d}" for i in chosen[row, :size]]
        answer = by_rows.DEFINITIONS[name](*places)
        words = GEOMETRIES[name].words
        found[row] = words.index(answer) if words else answer
        expected.append(by_rows.line(name, ids, answer))
    characters = CityBatch(domain, chosen, sizes.astype(np.int32), found).characters()
    assert characters.lines() == expected
    assert characters.total.tolist() == [len(line) for line in expected]
    assert characters.prompt.tolist() == [line.index("=") + 1 for line in expected]
    assert [bytes(row[:n]).decode() for row, n in zip(characters.codes, characters.total, strict=True)] == expected


def test_lines_are_written_as_in_the_definition_of_the_task():
    world = World(count=4, new_count=1)
    ids = world.build().id
    assert GEOMETRIES["inside"].written(["c_9012", "c_3456", "c_7890"]) == "inside(c_9012;c_3456,c_7890)="
    assert GEOMETRIES["crossing"].written(list("abcd")) == "cross(a,b;c,d)="
    batch = CityBatch(
        WorldMapDomain(geometry="distance", count=4, new_count=1),
        np.array([[0, 1]], np.int32),
        np.array([2], np.int32),
        np.array([1000], np.int32),
    )
    assert batch.characters().lines() == [f"dist(c_{ids[0]:04d},c_{ids[1]:04d})=1000"]

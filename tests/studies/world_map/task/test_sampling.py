from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from offdiag.errors import UserError
from offdiag.studies.world_map.task import GEOMETRIES, NAMES, WorldMapDomain, draw, evaluation_rows
from offdiag.studies.world_map.task.sampling import strata, tuple_keys

every_geometry = pytest.mark.parametrize("name", NAMES)
every_group = pytest.mark.parametrize("cities", ["real", "atlantis", "mixed"])
SMALL = {"count": 40, "new_count": 8, "id_digits": 2, "per_degree": 1}
TINY = {"count": 10, "new_count": 3, "id_digits": 2, "per_degree": 1}


@every_geometry
def test_a_batch_is_a_function_of_seed_and_number(name):
    domain = WorldMapDomain(geometry=name, cities="atlantis")
    first = draw(domain, "train", 300, 5, 2).characters().lines()
    draw(domain, "train", 300, 5, 1)
    assert draw(domain, "train", 300, 5, 2).characters().lines() == first
    assert draw(domain, "train", 300, 5, 3).characters().lines() != first
    assert draw(domain, "train", 300, 6, 2).characters().lines() != first


@every_geometry
@every_group
def test_rows_have_different_cities_of_the_right_group(name, cities):
    domain = WorldMapDomain(geometry=name, cities=cities)
    batch = draw(domain, "train", 2000, 0, 0)
    n_real = domain.build().n_real
    filled = np.arange(batch.cities.shape[1]) < batch.sizes[:, None]
    assert len(batch) == 2000
    assert ((batch.cities >= 0) == filled).all()
    assert set(batch.sizes.tolist()) == set(GEOMETRIES[name].sizes)
    assert all(len({c for c in row if c >= 0}) == size for row, size in zip(batch.cities, batch.sizes, strict=True))
    n_new = (batch.cities >= n_real).sum(axis=1)
    if cities == "real":
        assert n_new.max() == 0
    elif cities == "atlantis":
        assert n_new.min() == 1
    else:  # 100 of 5,175 cities
        assert n_new.mean() == pytest.approx(batch.sizes.mean() * 100 / 5175, rel=0.4)


@every_geometry
@every_group
@pytest.mark.parametrize("rows", [600, 601, 5])
def test_sizes_and_answers_are_balanced_to_one_row(name, cities, rows):
    domain = WorldMapDomain(geometry=name, cities=cities)
    batch = draw(domain, "train", rows, 0, 0)
    balanced = GEOMETRIES[name].balanced
    counts = Counter((int(s), int(a) if balanced else None) for s, a in zip(batch.sizes, batch.answers, strict=True))
    each = [counts[stratum] for stratum in strata(domain)]
    assert sum(each) == rows
    assert max(each) - min(each) <= 1


def test_hull_size_says_nothing_about_inside():
    batch = draw(WorldMapDomain(geometry="inside"), "train", 6000, 0, 0)
    for size in (4, 5, 6):
        assert batch.answers[batch.sizes == size].mean() == 0.5


@pytest.mark.parametrize("place", range(4))
def test_new_cities_stand_anywhere_in_a_row(place):
    domain = WorldMapDomain(geometry="crossing", cities="atlantis")
    new = draw(domain, "train", 4000, 0, 0).cities >= domain.build().n_real
    assert new[:, place].mean() == pytest.approx(0.25 + 0.75 * 100 / 5175, abs=0.05)


def test_natural_answers_are_those_of_uniform_tuples():
    compass = draw(WorldMapDomain(geometry="compass"), "train", 40_000, 0, 0)
    shares = np.bincount(compass.answers, minlength=8) / len(compass)
    expected = {"E": 0.304, "W": 0.303, "NE": 0.084, "SW": 0.084, "NW": 0.076, "SE": 0.075, "N": 0.037, "S": 0.037}
    for word, share in expected.items():
        assert shares[GEOMETRIES["compass"].words.index(word)] == pytest.approx(share, abs=0.01)
    for name, median, mean in (("distance", 807, 897), ("trianglearea", 86_083, 133_685), ("perimeter", 2769, 2912)):
        answers = draw(WorldMapDomain(geometry=name), "train", 40_000, 0, 0).answers
        assert np.median(answers) == pytest.approx(median, rel=0.03)
        assert answers.mean() == pytest.approx(mean, rel=0.02)


@every_geometry
@pytest.mark.parametrize("world", [{}, SMALL], ids=["large", "small"])
def test_what_is_evaluated_was_trained_on_in_no_geometry_and_no_order(name, world):
    evaluated = set(tuple_keys(evaluation_rows(WorldMapDomain(geometry=name, cities="mixed", **world))))
    for other in NAMES:
        batch = draw(WorldMapDomain(geometry=other, cities="mixed", **world), "train", 4000, 0, 0)
        widened = np.full((len(batch), 6), -1)
        widened[:, : batch.cities.shape[1]] = batch.cities
        width = len(next(iter(evaluated)))
        trained = {
            tuple(sorted(row)[-width:]) for row, n in zip(widened.tolist(), batch.sizes, strict=True) if n <= width
        }
        assert not trained & evaluated


@every_geometry
@every_group
def test_ten_thousand_rows_are_evaluated_and_no_tuple_twice(name, cities):
    rows = evaluation_rows(WorldMapDomain(geometry=name, cities=cities))
    assert len(rows) == 10_000
    assert len(set(tuple_keys(rows))) == 10_000
    if GEOMETRIES[name].balanced:
        assert rows.answers.mean() == pytest.approx(0.5, abs=1e-3)


def test_a_small_world_evaluates_all_that_it_has():
    domain = WorldMapDomain(geometry="distance", cities="real", **SMALL)
    evaluated = set(tuple_keys(evaluation_rows(domain)))
    trained = {key for i in range(20) for key in tuple_keys(draw(domain, "train", 1000, 0, i))}
    assert len(evaluated) + len(trained) == 40 * 39 / 2
    assert not evaluated & trained
    assert len(evaluated) / 780 == pytest.approx(0.1, abs=0.04)
    more = WorldMapDomain(geometry="distance", cities="real", eval_share=0.5, **SMALL)
    assert len(evaluation_rows(more)) / 780 == pytest.approx(0.5, abs=0.08)


@every_geometry
def test_even_a_tiny_world_is_balanced(name):
    rows = evaluation_rows(WorldMapDomain(geometry=name, cities="mixed", **TINY))
    assert 0 < len(rows) < 10_000
    if GEOMETRIES[name].balanced:
        assert rows.answers.mean() == 0.5


def test_a_world_smaller_than_a_tuple_is_refused():
    with pytest.raises(ValidationError, match=r"inside asks about up to 6 cities, but cities=real has 5: set count=6"):
        WorldMapDomain(geometry="inside", count=5)
    with pytest.raises(ValidationError, match="perimeter asks about up to 5 cities, but cities=mixed has 4"):
        WorldMapDomain(geometry="perimeter", cities="mixed", count=2, new_count=2)
    WorldMapDomain(geometry="perimeter", cities="mixed", count=2, new_count=3)


def test_a_held_out_region_that_leaves_too_few_cities_is_refused():
    domain = WorldMapDomain(geometry="inside", count=20, new="china")
    assert domain.build().n_real > 6
    few = WorldMapDomain(geometry="inside", count=8, new="china")
    with pytest.raises(UserError, match=r"inside asks about up to 6 cities, but cities=real has [345]"):
        draw(few, "train", 10, 0, 0)


def test_answers_that_cannot_be_balanced_are_refused():
    domain = WorldMapDomain(geometry="inside", count=6, new_count=1, id_digits=1)
    with pytest.raises(UserError, match="cannot be balanced"):
        evaluation_rows(domain)

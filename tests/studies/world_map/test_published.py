import pandas as pd
import pytest

import offdiag
from offdiag.studies.world_map.new_cities import ALL_PAIRS
from offdiag.studies.world_map.params import PAPER_PAIRS, MapParams
from offdiag.studies.world_map.published import RECORDED, published
from offdiag.studies.world_map.task import NAMES, World
from support.recorded import RECORDED_TRANSFER

MATRICES = pd.read_csv(RECORDED_TRANSFER)


def of(numbers, quantity, **where):
    return [n for n in numbers if n.quantity == quantity and where.items() <= n.where.items()]


def value(numbers, quantity, **where):
    (found,) = of(numbers, quantity, **where)
    return found.value


@pytest.fixture(scope="module")
def widths():
    return published(MapParams(), ("base", "wide"), PAPER_PAIRS)


@pytest.fixture(scope="module")
def cities():
    return published(MapParams(), ("base",), ALL_PAIRS)


@pytest.mark.parametrize(("width", "source", "n"), [("wide", "wide", 7 + 6), ("base", "base-mean", 7 + 21)])
def test_improvements_are_the_recorded_matrices(width, source, n):
    recorded = MATRICES[MATRICES["source"] == source]
    theirs = {
        ("+".join(sorted(row.trained.split("+"), key=NAMES.index)), row.evaluated): row.value
        for row in recorded.itertuples()
    }
    numbers = of(published(MapParams(), (width,), ALL_PAIRS), "clipped")
    assert {(n.where["trained"], n.where["evaluated"]): n.value for n in numbers} == theirs
    assert len(numbers) == n * 7
    assert {(n.called, n.note, n.provenance) for n in numbers} == {("NI", "read from a figure", "original")}


def test_statistics_are_those_that_were_stated(widths, cities):
    everything = {"rows": "all", "cells": "transfer"}
    assert value(widths, "mean", model="wide", matrix="single", **everything) == 0.491
    assert value(widths, "std", model="wide", matrix="difference", **everything) == 0.219
    assert value(cities, "mean", matrix="pair", n_cells=105, **everything) == 0.601
    assert value(cities, "mean", matrix="difference", rows="with", cells="overall", n_cells=42) == -0.185
    assert value(widths, "mean", model="wide", matrix="difference", rows="with", cells="overall") == -0.197
    assert value(widths, "mean", model="wide", matrix="difference", rows="without", cells="overall") == 0.14
    derived = [n for n in RECORDED if n.table == "transfer" and n.provenance == "recomputed"]
    assert all("read from the figure" in n.note for n in derived)
    assert len(of(RECORDED, "mean")) - len([n for n in derived if n.quantity == "mean"]) == 2 * 7


def test_the_base_model_knew_its_tasks(widths):
    known = {n.where["geometry"]: n.value for n in of(widths, "result")}
    assert known == {
        "distance": 2.38, "trianglearea": 1189.93, "angle": 0.96, "perimeter": 21.52,
        "compass": 0.991, "inside": 0.9797, "crossing": 0.9766,
    }  # fmt: skip


def test_a_study_has_the_numbers_of_its_own_pairs_and_widths(widths, cities):
    assert {n.where["model"] for n in cities} == {"base"}
    assert len(of(widths, "clipped", model="base")) == len(of(widths, "clipped", model="wide")) == (7 + 6) * 7
    assert len(of(cities, "clipped")) == (7 + 21) * 7


def test_lengths_and_areas_stand_beside_nothing_in_other_units(widths):
    coarse = published(MapParams(world=World(per_degree=1)), ("base", "wide"), PAPER_PAIRS)
    apart = [(n.table, n.where.get("geometry")) for n, o in zip(coarse, widths, strict=True) if n.table != o.table]
    assert apart == [(None, "distance"), (None, "trianglearea"), (None, "perimeter"), *[(None, None)] * 4]


@pytest.mark.parametrize(("study", "n_pairs"), [("width-ablation", 6), ("new-cities", 21)])
def test_the_paper_scale_has_a_place_for_every_recorded_number(study, n_pairs, tmp_path):
    """A factor that is misspelt would leave its numbers without a counterpart."""
    found = offdiag.compare(study, "paper", store=tmp_path / "store", seeds=[0], snapshots=0)
    cells = found[found["quantity"] == "clipped"]
    assert len(cells) == (7 + n_pairs) * 7 * (2 if study == "width-ablation" else 1)
    states = set(cells["measured_state"]) | set(found.loc[found["quantity"] == "result", "measured_state"])
    assert states == {"not identified"}  # a row without a number yet
    assert found["measured"].isna().all()


@pytest.mark.parametrize("study", ["width-ablation", "new-cities"])
def test_a_small_scale_can_be_compared(study, tmp_path):
    found = offdiag.compare(study, "quick", store=tmp_path / "store")
    states = found.groupby("quantity")["measured_state"].agg(set)
    assert states["clipped"] == {"not measured", "not identified"}
    assert states["mean"] == states["std"] == {"not measured"}  # other pairs make other means
    assert states["value"] == {"no counterpart"}

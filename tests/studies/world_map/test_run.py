"""The recipe of the width ablation from nothing to its page, so small that it says nothing about maps."""

from dataclasses import replace

import pandas as pd
import pytest

import offdiag
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.studies.world_map.params import TINY, changed
from offdiag.studies.world_map.task import NAMES, World
from offdiag.study_files import load_study
from offdiag.training import Decoder, PretrainingRecipe

MICRO = changed(
    TINY,
    world=World(count=12, sample="random", per_degree=1, id_digits=2, new_count=4, eval_share=0.25),
    decoder=Decoder(architecture="qwen2", width=16, depth=1, heads=2, expansion=2, initial_std=0.1),
    pretraining=PretrainingRecipe(updates=3, batch_size=14, learning_rate=4e-3),
    tuning=PretrainingRecipe(updates=2, batch_size=14, learning_rate=1e-3),
    singles=("distance", "angle", "compass"), pairs=("distance+compass", "angle+compass"), step_matched=True,
    rows=6, replay=2, elicitation=1, seeds=(0, 1), n_eval=8, snapshots=2, layers=(0, 1),
)  # fmt: skip
MODELS = 1 + 3 + 2 + 2


@pytest.fixture(scope="module")
def plan():
    return make_plan(replace(load_study("width-ablation"), scales={"micro": MICRO}), "micro")


@pytest.fixture(scope="module")
def store(plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("map") / "store"
    assert offdiag.run(plan, store=folder, runtime=Runtime(device="cpu", threads=1)).complete
    return folder


@pytest.fixture(scope="module")
def cells(plan, store):
    return offdiag.load(plan, store=store).cells


@pytest.fixture(scope="module")
def page(plan, store, tmp_path_factory):
    return offdiag.report(plan, store=store, folder=tmp_path_factory.mktemp("page"))


def table(page, name):
    return pd.read_csv(page.parent / "tables" / f"{name}.csv")


def test_everything_is_done_and_each_model_is_asked_fifteen_times(cells):
    assert (cells["state"] == "done").all()
    ended = cells[cells["update"].isna()]
    assert ended.groupby("arm").size().tolist() == [15] * MODELS * 2
    on_the_way = cells[cells["update"].notna()]
    assert on_the_way.groupby(["seed", "update"]).size().to_dict() == {(s, u): 7 for s in (0, 1) for u in (1, 3)}


def test_improvement_is_measured_from_the_model_of_the_same_seed(page, cells):
    found = table(page, "improvement").set_index(["trained", "evaluated"])
    assert len(found) == 5 * len(NAMES)
    assert (found["n_planned_seeds"] == 2).all()
    row = found.loc[("distance+compass", "compass")]
    asked = cells[(cells["eval_geometry"] == "compass") & cells["update"].isna()]
    before = asked[asked["after"].isna()]
    for name, cities in (("before", "atlantis"), ("reference", "real")):
        assert row[name] == pytest.approx(before.loc[before["eval_cities"] == cities, "accuracy"].mean())
    after = asked[(asked["train_geometry"] == "distance+compass") & (asked["n_train"] == MICRO.rows)]
    assert row["value"] == pytest.approx(after.loc[after["eval_cities"] == "atlantis", "accuracy"].mean())


@pytest.mark.parametrize("name", ["transfer", "transfer-matched"])
def test_statistics_are_split_by_distance(page, name):
    found = table(page, name).set_index(["matrix", "rows", "cells"])
    counts = {(m, r): (2, 5, 7) for m in ("pair", "difference") for r in ("with", "without")}
    counts |= {("single", "all"): (3, 18, 21), ("pair", "all"): (4, 10, 14), ("difference", "all"): (4, 10, 14)}
    for (matrix, rows), numbers in counts.items():
        for cells, n in zip(("trained", "transfer", "overall"), numbers, strict=True):
            row = found.loc[(matrix, rows, cells)]
            # (so small a model knows hardly anything of ordinary cities: most squares have no scale)
            assert (row["n_cells"] + row["n_undefined"], row["n_missing"]) == (n, 0)


def test_probes_are_those_of_the_published_trainings(page):
    """Step-matched pairs, which take the same places, are not mixed in."""
    found = table(page, "probes").set_index(["cities", "trained"])
    found = found["n_models"].fillna(0) + found["n_without_map"].fillna(0)
    expected = {"with distance": 2 * 2, "without distance": 2 * 3}
    for cities in ("ordinary", "new"):
        assert found[cities].drop("difference", errors="ignore").to_dict() == expected


def test_the_page_has_every_table_and_figure(plan, page):
    for analysis in plan.design.analyses:
        assert len(table(page, analysis.name)), analysis.name
    pictures = {path.stem for path in (page.parent / "figures").glob("*.png")}
    assert pictures == {figure.name for figure in plan.design.figures}
    assert {"world", "learning", "emergence", "maps", "single", "pair", "difference", "probe-errors"} <= pictures
    assert (page.parent / "figures" / "maps.html").is_file()
    assert "figures/maps.html" in page.read_text(encoding="utf-8")


def test_a_second_run_does_nothing(plan, store):
    assert offdiag.run(plan, store=store, runtime=Runtime(device="cpu", threads=1)).planned == 0


def test_what_was_published_stands_beside_it(page):
    found = table(page, "published")
    beside = found[found["measured"].notna()]
    assert "result" in set(beside["quantity"])  # (improvements have no scale in so small a run)
    assert "clipped" in set(found["quantity"])
    assert (beside["measured_model"] == "base").all()

import numpy as np
import pandas as pd
import pytest

from offdiag.errors import UserError
from offdiag.studies.world_map.analyses.alignment import Convergence, cka_table
from support.city_frames import alignment_pairs, frames_of

SETS = ("distance", "angle", "crossing", "distance+angle", "compass+inside", "angle+compass")


def pairs(**values):
    """Alignments by ``one__other``; every model has seed 0 unless a digit follows its name."""
    rows = []
    for i, (name, value) in enumerate(values.items()):
        (one, a), (two, b) = ((text.rstrip("0123456789"), text[-1]) for text in name.split("__"))
        row = {"train_geometry": one.replace("_", "+"), "seed": a if a.isdigit() else 0, "layer": 1, "state": "done"}
        row |= {"other_train_geometry": two.replace("_", "+"), "other_seed": b if b.isdigit() else 0}
        row |= {"debiased": value, "debiased_low": value - 0.1, "debiased_high": value + 0.1, "measurement": str(i)}
        rows.append(row)
    return frames_of(city_alignments=rows)


def trend(frames, seeds="same", **options):
    table = Convergence(name="c", **options).table(frames)
    table = table[table["seeds"] == seeds]
    return {(row.models, row.n_tasks): (row.value, row.n_pairs) for row in table.itertuples()}


def test_only_disjoint_sets_of_one_size_count():
    frames = pairs(
        distance__angle=0.2,
        distance0__distance1=0.9,
        distance__angle_compass=0.7,
        distance_angle__angle_compass=0.8,
        distance_angle__compass_inside=0.6,
    )
    assert trend(frames) == {("all", 1): (pytest.approx(0.2), 1), ("all", 2): (pytest.approx(0.6), 1)}


def test_pairs_that_began_alike_are_apart():
    frames = pairs(distance0__angle0=0.9, distance1__angle1=0.7, distance0__angle1=0.4, distance1__angle0=0.2)
    assert trend(frames) == {("all", 1): (pytest.approx(0.8), 2)}
    assert trend(frames, "different") == {("all", 1): (pytest.approx(0.3), 2)}


def test_models_that_know_the_task_aside_are_left_out_of_the_second_set():
    frames = pairs(distance__angle=0.6, distance__crossing=0.0, angle__crossing=0.0)
    assert trend(frames) == {("all", 1): (pytest.approx(0.2), 3), ("without crossing", 1): (pytest.approx(0.6), 1)}
    assert ("without crossing", 1) not in trend(frames, aside=())


def test_the_interval_is_over_models_and_that_of_cities_for_one_pair():
    table = Convergence(name="c").table(pairs(distance__angle=0.6, distance__crossing=0.1, angle__crossing=0.3))
    one, alone = table.iloc[0], table.iloc[1]
    left = np.array([0.3, 0.1, 0.6])  # without distance, angle and crossing
    half = 4.302653 * np.sqrt(2 / 3 * np.sum((left - left.mean()) ** 2))
    assert one["high"] - one["value"] == pytest.approx(half, rel=1e-5)
    assert (one["lowest"], one["highest"], one["n_models"]) == (0.1, 0.6, 3)
    assert (alone["low"], alone["high"]) == (pytest.approx(0.5), pytest.approx(0.7))


def test_the_table_of_pairs_has_both_orders_and_the_diagonal_of_seeds():
    table = cka_table(pairs(distance0__angle0=0.2, distance0__angle1=0.4, angle0__angle1=0.9), {})
    found = {(row.train, row.other): (row.value, row.n_pairs) for row in table.itertuples()}
    mean = (pytest.approx(0.3), 2)
    assert found == {("distance", "angle"): mean, ("angle", "distance"): mean, ("angle", "angle"): (0.9, 1)}


def test_a_model_beside_itself_and_snapshots_are_no_pairs():
    frame = pairs(distance0__distance0=1.0, distance0__angle0=0.3).measured("city_alignments")
    frame["update"] = pd.array([None, 10], "Int64")
    assert cka_table(frames_of(city_alignments=frame.to_dict("records")), {}).empty


def test_nothing_measured_is_an_empty_table():
    missing = [{"train_geometry": "angle", "other_train_geometry": "angle", "measurement": "m", "state": "missing"}]
    frames = frames_of(city_alignments=missing)
    assert Convergence(name="c").table(frames).empty
    assert cka_table(frames, {"layer": 3}).empty


def test_layers_are_chosen_with_where():
    frames = alignment_pairs(SETS, layers=(1, 2))
    assert set(Convergence(name="c").table(frames)["layer"]) == {1, 2}
    assert set(Convergence(name="c", where={"layer": 2}).table(frames)["layer"]) == {2}
    with pytest.raises(UserError, match="no cell with layer = 9"):
        Convergence(name="c", where={"layer": 9}).table(frames)

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.world_map.analyses.city_measurements import mean_over_seeds, tasks_of
from offdiag.studies.world_map.analyses.probe_generalisation import ProbeGeneralisation
from support.city_frames import frames_of, probe_row, tuned_probes

TABLE = ProbeGeneralisation(name="g")


def test_new_cities_are_off_after_distance():
    table = TABLE.table(tuned_probes(["distance", "angle", "distance+angle", "compass"], noise=0.0))
    found = {(row.cities, row.trained): row.value for row in table.itertuples()}
    assert found[("new", "with distance")] == pytest.approx(200)
    assert found[("new", "without distance")] == pytest.approx(40)
    assert found[("new", "difference")] == pytest.approx(160)
    assert found[("ordinary", "difference")] == pytest.approx(0)


def test_the_interval_is_over_trainings_and_seeds():
    errors = {("distance", 0): 10.0, ("distance", 1): 14.0, ("distance+angle", 0): 20.0, ("distance+angle", 1): 24.0}
    rows = [probe_row(t, s, g, error=e, after="b") for (t, s), e in errors.items() for g in ("ordinary", "new")]
    row = TABLE.table(frames_of(city_probes=rows)).iloc[0]
    assert (row["value"], row["n_models"], row["n_trainings"], row["n_seeds"]) == (17, 4, 2, 2)
    variance = np.array([50.0, 8.0]) / 2  # of the means of trainings (12, 22) and of seeds (15, 19)
    assert row["value"] - row["low"] > 3 * np.sqrt(variance.sum())
    assert row["blind"] == 70


def test_models_whose_probes_know_no_city_are_in_no_number():
    rows = [probe_row(t, 0, g, error=20.0, r2=r2, after="b") for t, r2 in (("angle", -0.15), ("compass", 0.4),
            ("distance", -0.01)) for g in ("ordinary", "new")]  # fmt: skip
    table = TABLE.table(frames_of(city_probes=rows)).set_index(["cities", "trained"])
    counts = ["n_models", "n_without_map"]
    assert table.loc[("new", "without distance"), counts].tolist() == [1, 1]
    assert table.loc[("new", "with distance"), counts].tolist() == [0, 1]
    assert np.isnan(table.loc[("new", "with distance"), "value"])
    assert ("new", "difference") not in table.index


def test_the_pretrained_model_is_no_fine_tuned_one():
    table = TABLE.table(tuned_probes(["angle"]))
    assert table["trained"].tolist() == ["without distance"] * 2
    assert set(table["n_models"]) == {2}


def test_layers_and_models_must_be_told_apart():
    rows = [probe_row("angle", 0, "new", layer=layer) for layer in (1, 2)]
    with pytest.raises(UserError, match="analysis g: layers 1, 2; choose one with where="):
        TABLE.table(frames_of(city_probes=rows))
    twice = [probe_row("angle", 0, "new", width=width) for width in (32, 64)]
    with pytest.raises(
        UserError, match="analysis g: 2 rows are alike in model, train_geometry, seed, group .*arms= or where="
    ):
        TABLE.table(frames_of(city_probes=twice))
    assert len(ProbeGeneralisation(name="g", where={"width": 32}).table(frames_of(city_probes=twice))) == 1


def test_nothing_measured_is_an_empty_table():
    missing = [{"train_geometry": "angle", "seed": 0, "measurement": "m", "state": "missing"}]
    assert TABLE.table(frames_of(city_probes=missing)).empty


def test_tasks_come_in_their_usual_order():
    assert tasks_of("angle+distance") == ("distance", "angle")


def test_over_seeds_adds_the_spread_of_seeds_to_that_of_cities():
    rows = frames_of(p=[probe_row("angle", seed, "new", error=10.0 + 2 * seed) for seed in (0, 1)]).measured("p")
    row = mean_over_seeds(rows, "error", "train_geometry").iloc[0]
    cities = np.mean([(2.0 / (2 * 1.959964)) ** 2, (2.4 / (2 * 1.959964)) ** 2])
    seeds = 2.0 / 2
    freedom = (cities + seeds) ** 2 / (seeds**2 / 1 + cities**2 / 7)
    from scipy.stats import t

    assert row["value"] == 11
    assert row["high"] - 11 == pytest.approx(t.ppf(0.975, freedom) * np.sqrt(cities + seeds), rel=1e-6)
    alone = mean_over_seeds(rows[rows["seed"] == 1], "error", "train_geometry").iloc[0]
    assert (alone["low"], alone["high"], alone["n_seeds"]) == (pytest.approx(10.8), pytest.approx(13.2), 1)

import math
from time import process_time

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Transition, fit_transition, transition, transition_from_accuracies
from offdiag.analyses.logistic import logistic
from offdiag.analyses.transition_row import transition_row
from offdiag.errors import UserError
from offdiag.seeds import stream
from support.framed import framed

K = np.array([0, 1, 2, 3, 4, 6, 8, 12.0])
TRUTH = (0.92, 1.5, 2.0)


def records(base=8, truth=TRUTH, n=250, ks=K, seed=0):
    """One row an answered item; each item has a difficulty of its own, shared by all k."""
    difficulty = stream(seed, "items", base).random(n)
    rows = []
    for k in ks:
        accuracy = logistic(np.array([k]), np.array([0.0, *truth]))[0]
        method = "in-context" if k else "zero-shot"
        rows += [(base, method, k if k else None, f"e{i}", bool(d < accuracy)) for i, d in enumerate(difficulty)]
    return pd.DataFrame(rows, columns=["eval", "method", "k", "example", "correct"])


def test_one_row_a_series_with_intervals_around_the_estimates():
    table = transition(pd.concat([records(8), records(9, (0.9, 1, 3.5))]), n_resamples=300)
    assert table["eval"].tolist() == [8, 9]
    for name in ("plateau", "slope", "midpoint", "width_10_90", "fwhm", "k50"):
        assert (table[f"{name}_low"] < table[name]).all()
        assert (table[name] < table[f"{name}_high"]).all()
    assert table["midpoint"].tolist() == pytest.approx([2, 3.5], abs=0.4)
    assert table["n_items"].tolist() == [250, 250]
    assert table["n_failed_refits"].tolist() == [0, 0]
    assert table["note"].tolist() == ["", ""]


def test_the_measured_zero_shot_point_takes_part():
    with_it, without = records(), records(ks=K[1:])
    assert transition(with_it, n_resamples=0)["aic3"][0] != transition(without, n_resamples=0)["aic3"][0]


def test_seeded():
    one, same, other = (transition(records(n=60), n_resamples=50, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert one["slope_low"][0] != other["slope_low"][0]


@pytest.mark.filterwarnings("error")
def test_all_wrong_gives_honest_gaps():
    table = transition(records(truth=(0.0, 1, 2)), n_resamples=200)
    assert table["note"][0] == "flat at 0: no transition"
    numbers = table[["plateau", "slope", "midpoint", "midpoint_low", "k50_high", "r_squared", "aic3"]]
    assert numbers.isna().all(axis=None)
    assert not table["saturated"][0]


@pytest.mark.filterwarnings("error")
def test_a_saturated_series_has_an_interval_for_its_plateau_only():
    row = transition(records(truth=(0.95, 4, 0.2), ks=K[1:]), n_resamples=200).iloc[0]
    assert row["saturated"]
    assert row["midpoint_upper"] == 1
    assert row["plateau_low"] < row["plateau"] < row["plateau_high"]
    assert math.isnan(row["midpoint_low"])


def test_k_without_all_items_is_left_out():
    full = records(n=40)
    partial = full[~((full["k"] == 12) & full["example"].isin(["e1", "e2"]))]
    row = transition(partial, n_resamples=0).iloc[0]
    assert "k = 12 left out: 38 of 40 items" in row["note"]
    assert row["n_items"] == 40
    assert row["midpoint"] == transition(full[full["k"] != 12], n_resamples=0)["midpoint"][0]


def test_no_k_with_all_items_is_said():
    full = records(n=10)
    disjoint = full.assign(example=full["example"] + full["k"].fillna(0).astype(str))
    row = transition(disjoint, n_resamples=10).iloc[0]
    assert row["note"].startswith("0 values of k measured")
    assert math.isnan(row["midpoint_low"])


def test_items_are_matched_by_id_not_by_place():
    table = records(n=80)
    shuffled = table.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(transition(table, n_resamples=100), transition(shuffled, n_resamples=100))


def test_seeds_are_averaged_and_said_to_be():
    once = records(n=60)
    twice = pd.concat([once.assign(seed=0), once.assign(seed=1)])
    row = transition(twice, n_resamples=0).iloc[0]
    assert row["midpoint"] == pytest.approx(transition(once, n_resamples=0)["midpoint"][0])
    assert "averaged over 2 seeds" in row["note"]


def test_a_row_that_is_there_twice_is_refused():
    table = records(n=20)
    with pytest.raises(UserError, match="'e0' at k = 1 is there more than once"):
        transition(pd.concat([table, table[(table["k"] == 1) & (table["example"] == "e0")]]))


def test_verdicts_as_text_are_refused():
    table = records(n=20)
    with pytest.raises(UserError, match="True and False"):
        transition(table.assign(correct=table["correct"].map(str)))


def test_a_missing_column_is_named():
    with pytest.raises(UserError, match="no column 'correct'"):
        transition(records(n=5).drop(columns="correct"))


def test_no_records_give_an_empty_table():
    table = transition(pd.DataFrame())
    assert table.empty
    assert {"eval", "midpoint", "midpoint_low", "note"} <= set(table)


def test_other_methods_are_left_out():
    table = records(n=30)
    tuned = table[table["k"] == 1].assign(method="fine-tuning", k=None, correct=True)
    pd.testing.assert_frame_equal(
        transition(pd.concat([table, tuned]), n_resamples=0), transition(table, n_resamples=0)
    )


def accuracies(table):
    grouped = table.assign(k=table["k"].fillna(0)).groupby(["eval", "method", "k"])
    return grouped["correct"].agg(accuracy="mean", n="size").reset_index()


def test_accuracies_alone_give_similar_intervals():
    table = records()
    parametric = transition_from_accuracies(accuracies(table), n_resamples=400).iloc[0]
    exact = transition(table, n_resamples=0).iloc[0]
    assert parametric["midpoint"] == pytest.approx(exact["midpoint"])
    assert parametric["midpoint_low"] < exact["midpoint"] < parametric["midpoint_high"]
    assert parametric["n_items"] == 250


def test_two_thousand_refits_take_a_moment():
    table = records()
    begin = process_time()
    transition(table, n_resamples=2000)
    assert process_time() - begin < 5


def test_accuracies_without_numbers_of_items_have_no_intervals():
    known = accuracies(records())
    without, gaps = known.drop(columns="n"), known.assign(n=known["n"].where(known["k"] != 4).astype("Int64"))
    for table in (without, gaps):
        row = transition_from_accuracies(table).iloc[0]
        assert row["midpoint"] == pytest.approx(transition(records(), n_resamples=0)["midpoint"][0])
        assert row["note"] == "no intervals: the numbers of items are unknown"
        assert pd.isna(row["n_items"])
        assert row.filter(regex="_(low|high)$").isna().all()


def test_accuracies_of_several_seeds_are_averaged_and_their_items_do_not_add_up():
    table = accuracies(records())
    both = pd.concat([table.assign(seed=0), table.assign(seed=1)])
    row = transition_from_accuracies(both, n_resamples=0).iloc[0]
    assert row["midpoint"] == pytest.approx(transition_from_accuracies(table, n_resamples=0)["midpoint"][0])
    assert row["n_items"] == 250
    assert "averaged over 2 seeds" in row["note"]


def test_a_k_that_comes_twice_is_refused():
    table = accuracies(records())
    with pytest.raises(UserError, match="eval 8: k = 2 is there more than once"):
        transition_from_accuracies(pd.concat([table, table[table["k"] == 2]]))


def test_the_fit_with_a_floor_has_intervals_of_its_own():
    truth = {"floor_4p": 0.3, "plateau_4p": 0.944, "slope_4p": 1.5, "midpoint_4p": 2}
    exact = logistic(K, np.array([0.3, 0.644, 1.5, 2]))
    table = pd.DataFrame({"eval": 8, "k": K, "accuracy": np.round(exact, 3), "n": 250})
    row = transition_from_accuracies(table, n_resamples=400).iloc[0]
    assert row["aic4"] < row["aic3"] - 2
    for name, value in truth.items():
        assert row[name] == pytest.approx(value, rel=0.01)
        assert row[f"{name}_low"] < value < row[f"{name}_high"]
    assert row["n_failed_refits_4p"] == 0
    assert "rises from" in row["note"]


@pytest.mark.parametrize(("n_failing", "known"), [(5, True), (6, False)])
def test_failed_refits_are_counted_and_more_than_the_tails_hold_leave_no_interval(n_failing, known):
    rising = logistic(K, np.array([0.0, *TRUTH]))
    resampled = np.stack([rising] * (100 - n_failing) + [rising[::-1]] * n_failing)
    row = transition_row(8, fit_transition(K, rising), K, resampled, 0.95, 250, "")
    assert row["n_failed_refits"] == n_failing
    assert math.isnan(row["midpoint_low"]) != known
    said = f"{n_failing} of 100 refits failed, more than 5%: no interval"
    assert (said in row["note"]) != known


NUMBERS = ("plateau", "slope", "midpoint", "width_10_90", "fwhm", "k50", "floor_4p", "midpoint_4p", "k50_4p")


def test_no_estimate_lies_outside_its_own_interval_whatever_the_curve():
    """Steps, slow rises, noise, saturated and falling curves, from few and many items."""
    draw = np.random.default_rng(0)
    told = dict.fromkeys(NUMBERS, 0)
    for n in (10, 40, 250):
        for _ in range(8):
            truth = (draw.uniform(0.3, 1), draw.choice([0.3, 1, 5, 40]), draw.uniform(-1, 13))
            right = logistic(K, np.array([draw.choice([0, 0.3]), *truth])).clip(0, 1)
            table = pd.DataFrame({"eval": 8, "k": K, "accuracy": draw.binomial(n, right) / n, "n": n})
            row = transition_from_accuracies(table, n_resamples=40).iloc[0]
            for name in NUMBERS:
                if not math.isnan(row[f"{name}_low"]):
                    assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"], (name, row.to_dict())
                    told[name] += 1
            for name in ("midpoint", "k50"):
                if row["midpoint_from"] >= 0 and not math.isnan(row[f"{name}_low"]):
                    assert row[f"{name}_low"] <= row[f"{name}_from"] <= row[name] <= row[f"{name}_to"]
                    assert row[f"{name}_to"] <= row[f"{name}_high"]
    assert min(told.values()) > 2


def test_a_step_has_its_bracket_as_interval_and_no_bound_of_its_slope():
    table = pd.DataFrame({"eval": 8, "k": K, "accuracy": [0, 0, 0, 0, 1, 1, 1, 1.0], "n": 250})
    row = transition_from_accuracies(table, n_resamples=100).iloc[0]
    for name in ("midpoint", "k50"):
        assert (row[f"{name}_low"], row[f"{name}_high"]) == (3, 4)
    assert row["slope_low"] == pytest.approx(math.log(81))
    assert row["slope_high"] == math.inf
    assert (row["width_10_90_low"], row["width_10_90_high"]) == pytest.approx((0, 1))


@pytest.mark.parametrize("accuracy", [[1.0] * 8, [0.5, *[1.0] * 7], [0, 0, *[1.0] * 6]])
def test_a_plateau_without_a_wrong_answer_may_yet_have_some(accuracy):
    table = pd.DataFrame({"eval": 8, "k": K, "accuracy": accuracy, "n": 40})
    row = transition_from_accuracies(table, n_resamples=100).iloc[0]
    assert row["plateau_low"] <= 40 / (40 + 1.96**2) + 1e-4  # Wilson's for 40 of 40
    assert row["plateau_high"] >= 1


def test_k50_of_the_isotonic_curve_has_an_interval_of_measured_k():
    table = pd.DataFrame({"eval": 8, "k": K, "n": 100, "accuracy": [0.45, 0.47, 0.6, 0.7, 0.7, 0.7, 0.7, 0.7]})
    row = transition_from_accuracies(table, n_resamples=200).iloc[0]
    assert row["k50_by"] == "isotonic"
    assert row["k50_low"] in K
    assert row["k50_high"] in K
    assert row["k50_low"] <= 1 < row["k50"] < 2 <= row["k50_high"]


def cells(table, states):
    planned = table[["eval", "method", "k", "cell"]].drop_duplicates()
    return planned.assign(state=[states.get(name, "done") for name in planned["cell"]])


def test_in_a_study_only_finished_cells_count_and_every_planned_series_has_a_row():
    table = pd.concat([records(8, n=40), records(9, n=40)])
    table["cell"] = table["eval"].astype(str) + "/" + table["k"].fillna(0).astype(str)
    states = {"8/12.0": "partial"} | {name: "missing" for name in table["cell"] if name.startswith("9/")}
    found = Transition(name="fits", n_resamples=0).table(framed(cells(table, states), table))
    assert found["eval"].tolist() == [8, 9]
    expected = transition(table[(table["eval"] == 8) & (table["k"] != 12)], n_resamples=0)
    assert found["midpoint"][0] == expected["midpoint"][0]
    assert found["note"][1] == "no cell is done"


def test_nullable_columns_give_the_same():
    table = records(8, n=40).assign(cell="c", seed=None)
    one, other = transition(table, n_resamples=20), transition(table.convert_dtypes(), n_resamples=20)
    pd.testing.assert_frame_equal(one, other, check_dtype=False)


def test_a_study_without_any_record_yet():
    table = records(8, n=5).assign(cell="c")
    found = Transition(name="fits").table(framed(cells(table, {"c": "missing"}), table.iloc[:0]))
    assert found["note"].tolist() == ["no cell is done"]


def test_items_of_a_cluster_are_drawn_together():
    """Each item thrice is no more than each once, if they are clusters; if they are not, intervals shrink."""
    once = records(n=80)
    thrice = pd.concat([once.assign(example=once["example"] + f"-{i}", passage=once["example"]) for i in range(3)])
    alone, by_item, by_cluster = (
        transition(once, n_resamples=100),
        transition(thrice, n_resamples=100),
        transition(thrice, cluster="passage", n_resamples=100),
    )
    one, item, cluster = ((table["plateau_high"] - table["plateau_low"])[0] for table in (alone, by_item, by_cluster))
    assert cluster == pytest.approx(one, rel=0.35)
    assert item < 0.75 * one
    assert by_cluster["note"][0] == "240 items in 80 clusters, which the intervals resample"
    assert by_cluster["n_items"][0] == 240


def test_clusters_that_are_all_alone_change_nothing():
    table = records(n=40)
    as_items = transition(table, n_resamples=20)
    pd.testing.assert_frame_equal(as_items, transition(table.assign(c=None), cluster="c", n_resamples=20))


def test_an_item_in_two_clusters_is_refused():
    table = pd.concat([records(n=9, ks=[k]).assign(passage=f"p{k}") for k in (1, 2)])
    with pytest.raises(UserError, match="example 'e0' has passage p1 and p2: expected one"):
        transition(table, cluster="passage", n_resamples=0)

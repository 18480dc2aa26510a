"""Against the recorded matrices of Park (2026, arXiv 2602.00533), read off its figures to two decimals."""

import json

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Matrix, TransferMatrixOfTable, get_table_analysis, read_table, spread, transfer_matrices
from offdiag.analyses.transfer_spread import gap
from offdiag.errors import UserError
from offdiag.stats import crossed_mean
from support.recorded import RECORDED_TRANSFER

RECORDED = RECORDED_TRANSFER
TABLE = read_table(RECORDED.read_text())


def cells(source, seed=None):
    chosen = TABLE[TABLE["source"] == source]
    chosen = chosen if seed is None else chosen[chosen["seed"] == str(seed)]
    return chosen.assign(value=chosen["value"].astype(float))


def document(table, **settings):
    analysis = TransferMatrixOfTable(**settings)
    return analysis.document(analysis.analyse(table))


def of(source, **settings):
    return document(TABLE[TABLE["source"] == source], **settings)


def numbers(part):
    return [part["mean"], part["std"]]


def test_the_recorded_statistics_of_the_wide_model():
    found = of("wide", split_by="distance")
    near = {"abs": 0.002}
    assert numbers(found["single"]["trained"]) == pytest.approx([0.803, 0.146], **near)
    assert numbers(found["single"]["transfer"]) == pytest.approx([0.491, 0.267], **near)
    assert numbers(found["pair"]["trained"]) == pytest.approx([0.856, 0.186], **near)
    assert numbers(found["pair"]["transfer"]) == pytest.approx([0.496, 0.274], **near)
    assert numbers(found["difference"]["trained"]) == pytest.approx([0.042, 0.186], **near)
    assert numbers(found["difference"]["transfer"]) == pytest.approx([-0.056, 0.219], **near)
    assert found["difference"]["overall"]["mean"] == pytest.approx(-0.028, **near)
    assert found["difference"]["with"]["overall"]["mean"] == pytest.approx(-0.20, abs=0.005)
    assert found["difference"]["without"]["overall"]["mean"] == pytest.approx(0.14, abs=0.005)
    assert [found[name]["overall"]["n_cells"] for name in ("single", "pair", "difference")] == [49, 42, 42]


@pytest.mark.parametrize(
    ("seed", "trained", "transfer"),
    [(42, [0.802, 0.145], [0.449, 0.302]), (1, [0.853, 0.153], [0.450, 0.288]), (3, [0.802, 0.170], [0.483, 0.297])],
)
def test_the_recorded_statistics_of_single_seeds(seed, trained, transfer):
    single = transfer_matrices(cells("base", seed)).single
    assert spread(single, single.trained)[:2] == pytest.approx(trained, abs=0.002)
    assert spread(single, ~single.trained)[:2] == pytest.approx(transfer, abs=0.002)


def test_seeds_are_averaged_cell_by_cell_and_give_an_interval():
    found = of("base")["single"]
    assert numbers(found["trained"]) == pytest.approx([0.838, 0.136], abs=0.002)
    assert numbers(found["transfer"]) == pytest.approx([0.474, 0.292], abs=0.002)
    assert found["trained"]["n_seeds"] == 4
    by_seed = [0.8014, 0.8529, 0.8929, 0.8014]  # means of the diagonals
    half = 3.1824 * np.std(by_seed, ddof=1) / 2  # t with 3 degrees of freedom
    assert found["trained"]["high"] - found["trained"]["mean"] == pytest.approx(half, abs=0.001)


def test_the_mean_of_the_seeds_matrices_is_the_recorded_one():
    by_cell = transfer_matrices(cells("base")).single
    assert by_cell.mean == pytest.approx(transfer_matrices(cells("base-mean")).single.mean, abs=0.011)


def test_the_recorded_statistics_of_all_pairs():
    found = of("base-mean", split_by="distance")
    assert numbers(found["pair"]["trained"]) == pytest.approx([0.897, 0.142], abs=0.002)
    assert numbers(found["pair"]["transfer"]) == pytest.approx([0.601, 0.278], abs=0.002)
    difference = found["difference"]
    # The record compares seed by seed before it averages, which these averaged matrices cannot: hence 0.005.
    assert numbers(difference["trained"]) == pytest.approx([0.054, 0.095], abs=0.005)
    assert numbers(difference["transfer"]) == pytest.approx([-0.019, 0.162], abs=0.005)
    assert numbers(difference["overall"]) == pytest.approx([0.002, 0.149], abs=0.005)
    assert difference["with"]["overall"]["mean"] == pytest.approx(-0.185, abs=0.005)
    assert difference["with"]["transfer"]["mean"] == pytest.approx(-0.249, abs=0.005)
    assert difference["without"]["overall"]["mean"] == pytest.approx(0.077, abs=0.005)
    assert difference["without"]["transfer"]["mean"] == pytest.approx(0.074, abs=0.005)
    assert {len(row) for row in transfer_matrices(cells("base-mean")).pair.rows} == {2}


@pytest.mark.parametrize(("source", "tolerance"), [("wide", 0.016), ("base-mean", 0.065)])
def test_differences_to_the_best_specialist_are_the_recorded_ones(source, tolerance):
    table = cells(source)
    difference = transfer_matrices(table).difference
    recorded = table[table["difference"].notna()]
    for trained, evaluated, value in zip(
        recorded["trained"], recorded["evaluated"], recorded["difference"], strict=True
    ):
        row, column = difference.rows.index(tuple(trained.split("+"))), difference.columns.index(evaluated)
        assert difference.mean[row, column] == pytest.approx(float(value), abs=tolerance)


def small(*rows, columns=("trained", "evaluated", "value")):
    return pd.DataFrame(list(rows), columns=list(columns), index=range(2, len(rows) + 2), dtype=object)


SMALL = (
    ("a", "a", "1"), ("a", "b", "0.2"), ("b", "a", "0.4"), ("b", "b", "0.8"),
    ("b+a", "a", "0.9"), ("b+a", "b", "1.1"),
)  # fmt: skip


def test_a_matrix_by_hand():
    found = document(small(*SMALL), split_by="a")
    assert numbers(found["single"]["trained"]) == pytest.approx([0.9, 0.1])
    assert numbers(found["single"]["transfer"]) == pytest.approx([0.3, 0.1])
    assert numbers(found["pair"]["trained"]) == pytest.approx([1.0, 0.1])
    assert numbers(found["difference"]["trained"]) == pytest.approx([0.1, 0.2])  # -0.1 and 0.3
    assert found["difference"]["with"] == {
        k: v for k, v in found["difference"].items() if k != "with" and k != "without"
    }
    assert found["pair"]["transfer"]["mean"] is None
    assert found["difference"]["without"]["overall"]["n_cells"] == 0
    json.dumps(found, allow_nan=False)


def test_pairs_are_compared_with_the_specialists_of_their_own_seed():
    columns = ("trained", "evaluated", "value", "seed")
    rows = [("a", "c", "0.0", "1"), ("b", "c", "1.0", "1"), ("a+b", "c", "1.0", "1"),
            ("a", "c", "1.0", "2"), ("b", "c", "0.0", "2"), ("a+b", "c", "1.2", "2")]  # fmt: skip
    transfer = document(small(*rows, columns=columns))["difference"]["transfer"]
    assert transfer["mean"] == pytest.approx(0.1)
    assert transfer["high"] == pytest.approx(0.1 + 12.7062 * 0.1, abs=1e-3)  # t with one degree of freedom


def test_missing_values_are_counted_and_hide_nothing():
    rows = [row for row in SMALL if row[:2] != ("b", "a")]
    found = document(small(*rows, ("a", "c", None)))
    assert found["single"]["transfer"]["n_cells"] == 1
    assert found["single"]["transfer"]["n_missing"] == 3  # b on a, a and b on c
    assert found["difference"]["trained"]["n_cells"] == 1  # a+b on a has no specialist b to compare with
    assert found["difference"]["trained"]["mean"] == pytest.approx(0.3)


def test_mean_and_interval_are_of_the_cells_that_all_seeds_have():
    nan = np.nan
    by_seed = np.array([[[0.5, 1.4, nan, 0.2]], [[0.7, nan, 0.0, 0.4]]])
    matrix = Matrix((("a",),), ("a", "b", "c", "d"), by_seed, np.zeros((1, 4), bool))
    found = spread(matrix, np.ones((1, 4), bool))
    assert found.mean == pytest.approx(0.45)  # of a and d, which both seeds have: 0.35 and 0.55
    assert (found.low, found.high) == pytest.approx((0.45 - 12.7062 * 0.1, 0.45 + 12.7062 * 0.1), abs=1e-4)
    assert (found.n_cells, found.n_missing, found.n_seeds) == (2, 2, 2)


def test_seeds_that_do_not_differ_give_no_interval():
    nan = np.nan
    by_seed = np.array([[[0.5, 1.4, nan]], [[0.5, nan, 0.0]]])
    matrix = Matrix((("a",),), ("a", "b", "c"), by_seed, np.zeros((1, 3), bool))
    found = spread(matrix, np.ones((1, 3), bool))
    assert (found.mean, found.n_cells, found.n_missing) == (0.5, 1, 2)
    assert np.isnan([found.low, found.high]).all()
    apart = spread(matrix, np.array([[False, True, True]]))  # no cell of both seeds
    assert (apart.mean, apart.n_cells, apart.n_missing, apart.n_seeds) == (0.7, 2, 0, 0)
    assert np.isnan([apart.low, apart.high]).all()


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        ((*SMALL, ("a+b", "a", "1")), {}, r"line 8: a\+b on a is there twice"),
        ((("a+a", "a", "1"),), {}, r"line 2: trained is 'a\+a', expected one to three different tasks"),
        ((("a+b+c+d", "a", "1"),), {}, "expected one to three"),
        ((("a", None, "1"),), {}, "line 2: evaluated is empty"),
        ((("a", "a", "high"),), {}, "line 2: value is 'high'"),
        (SMALL, {"split_by": "c"}, "no pair was trained on 'c': expected one of a, b"),
    ],
)
def test_tables_that_say_nothing_certain_are_refused(rows, settings, said):
    with pytest.raises(UserError, match=said):
        TransferMatrixOfTable(**settings).analyse(small(*rows))
    with pytest.raises(UserError, match="evaluated"):
        TransferMatrixOfTable().analyse(small(("a", "1"), columns=("trained", "value")))


def test_a_seed_on_some_lines_only_is_refused():
    columns = ("trained", "evaluated", "value", "seed")
    with pytest.raises(UserError, match="line 3: seed is empty"):
        TransferMatrixOfTable().analyse(small(("a", "a", "1", "0"), ("a", "b", "1", None), columns=columns))


def test_it_is_a_table_analysis():
    assert get_table_analysis("transfer-matrix") is TransferMatrixOfTable


def test_the_gap_is_taken_row_by_row_and_seed_by_seed():
    by_seed = np.array([[[0.9, 0.1, 0.2], [0.3, 0.8, np.nan]], [[0.7, 0.2, 0.2], [0.1, 0.9, 0.3]]])
    matrix = Matrix((("a",), ("b",)), ("a", "b", "c"), by_seed, np.zeros((2, 3), bool))
    gaps = np.array([[0.9 - 0.15, 0.8 - 0.3], [0.7 - 0.2, 0.9 - 0.2]])
    found, expected = gap(matrix), crossed_mean(gaps)
    assert found.mean == pytest.approx(gaps.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.n_cells, found.n_missing, found.n_seeds) == (2, 0, 2)
    only = gap(matrix, np.array([[True], [False]]))
    assert only.mean == pytest.approx(gaps[:, 0].mean())
    assert only.n_cells == 1


def test_without_any_value_there_is_no_gap():
    empty = gap(Matrix((("a",), ("b",)), ("a", "b"), np.full((2, 2, 2), np.nan), np.zeros((2, 2), bool)))
    assert np.isnan([empty.mean, empty.low, empty.high]).all()
    assert (empty.n_cells, empty.n_missing) == (0, 2)

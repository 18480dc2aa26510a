"""Rows that differ in one number are one row of curves; pairs of rows have the numbers of the tables."""

from dataclasses import replace

import numpy as np
import pytest

from offdiag.analyses.seed_variance import SEED_COLUMNS
from offdiag.notebook.pairs import compared
from offdiag.reporting.families import MANY, curve_of, families_of
from offdiag.reporting.layout import column_facts, families_by_method, layout, spans
from offdiag.reporting.matrix import GridCell, Heading, MatrixRow, build_matrix
from offdiag.reporting.pairs import pairs
from offdiag.stats.learner_difference import LENT, learner_difference
from support import synthetic


def row(name: str, **factors: object) -> MatrixRow:
    return MatrixRow(name=name, heading=Heading(domain=(), details=()), grid_cells=(), factors=factors)


def told(rows) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(family.name, family.axis, family.values) for family in families_of(rows)]


def test_rows_that_differ_in_k_alone_are_a_family_in_its_order():
    rows = [row(f"k{k}.answer-only", k=k, train="a") for k in (8, 1, 16, 2)]
    assert told(rows) == [("answer-only", "k", ("1", "2", "8", "16"))]
    (family,) = families_of(rows)
    assert [r.name for r in family.rows] == ["k1.answer-only", "k2.answer-only", "k8.answer-only", "k16.answer-only"]


@pytest.mark.parametrize(
    "rows",
    [
        [row(f"k{k}", k=k) for k in range(MANY - 1)],  # few
        [row("a", k=1, train="a"), row("b", k=2, train="b"), row("c", k=3, train="c")],  # differ in what is taught
        [row("a", k=1), row("b", k=1), row("c", k=2)],  # two of one value
        [row("a", flag=True), row("b", flag=False), row("c", flag=None)],  # no numbers
        [row("a", train_base=8), row("b", train_base=9), row("c", train_base=10)],  # the heading says it
        [row("a"), row("b"), row("c")],
    ],
    ids=["few", "taught", "twice", "flags", "domain", "nothing"],
)
def test_rows_that_are_no_family_stand_alone(rows):
    assert told(rows) == [(r.name, "", ()) for r in rows]


def test_of_two_numbers_that_one_is_the_curve_which_leaves_fewer_rows_and_each_row_is_there_once():
    rows = [row(f"k{k}.n{n}", k=k, n_train=n) for n in (10, 20, 30) for k in (1, 2, 4, 8)]
    assert [(axis, len(values)) for _, axis, values in told(rows)] == [("k", 4)] * 3
    mixed = [*rows, row("zero-shot"), *(row(f"lora.n{n}", n_train=n, adapter="lora") for n in (1, 2, 3))]
    found = families_of(mixed)
    assert sorted(r.name for family in found for r in family.rows) == sorted(r.name for r in mixed)
    assert [family.axis for family in found] == ["n_train"] * 4 + ["", "n_train"]


def test_a_curve_goes_through_its_accuracies_and_breaks_where_there_is_none():
    results = synthetic.hostile_results(40)
    matrix = build_matrix(results, results.steps)
    (family, _) = families_of(dict(matrix.groups)["in-context"])
    ten = family.curves[1]  # in-context-8 asked base 10: k = 8 is partly run
    curve = curve_of(ten)
    accuracies = results.cells.set_index("cell")["accuracy"]
    ys = [41 - 38 * float(accuracies[f"in-context-8-k{k}/base=10,digits=2"]) for k in (1, 2, 4)]
    assert curve.line == f"M6.0 {ys[0]:.1f}L42.0 {ys[1]:.1f}L78.0 {ys[2]:.1f}"
    assert curve.dots.count("M") == 3
    assert (curve.lacking, curve.one_answer, curve.chance) == (1, 0, "")
    (_, second) = families_of(dict(matrix.groups)["in-context"])
    broken = curve_of(second.curves[1])  # k = 4 is not run
    assert broken.line.count("M") == 2
    assert broken.lacking == 1


def test_a_curve_has_the_line_of_chance_and_the_flags_of_its_points():
    results = synthetic.build(40, {})
    cells = results.cells.assign(chance=0.25, one_answer=results.cells["arm"] == "in-context-8-k2")
    cells = cells.assign(top_answer="yes", top_rate=1.0, unparsed_rate=[0.0, 0.3] * 11)
    matrix = build_matrix(replace(results, cells=cells), results.steps)
    curve = curve_of(families_of(dict(matrix.groups)["in-context"])[0].curves[1])
    assert curve.chance == f"M0 {41 - 38 * 0.25:.1f}H120"
    assert (curve.one_answer, curve.unparsed) == (1, "30.0 %")


def test_columns_that_are_asked_alike_stand_together_under_one_heading():
    ways = [("prompt direct",), ("prompt direct",), ("prompt step-by-step",)]
    found = spans([Heading(domain=(), details=way) for way in ways])
    assert [(span.details, span.size) for span in found] == [(("prompt direct",), 2), (("prompt step-by-step",), 1)]
    assert spans([Heading(domain=(), details=())] * 3) == []
    results = synthetic.build(4, {})
    styles = ["direct", "step-by-step"] * 11  # by base
    cells = results.cells.assign(prompt=styles)
    crossed = cells.assign(prompt=styles[::-1], cell=cells["cell"] + "2")
    both = synthetic.pd.concat([cells.iloc[:2], crossed.iloc[:2]], ignore_index=True)
    matrix = build_matrix(replace(results, cells=both), results.steps)
    assert [span.size for span in spans(matrix.evaluations)] == [2, 2]


def test_the_head_of_a_column_has_what_its_squares_share():
    results = synthetic.build(40, {})
    matrix = build_matrix(results, results.steps)
    assert [(facts.count, facts.guess) for facts in column_facts(matrix)] == [("n = 40", "")] * 2


def test_what_the_script_is_told_has_each_cell_once():
    results = synthetic.build(4, {})
    groups = families_by_method(matrix := build_matrix(results, results.steps))
    found = layout(matrix, groups)
    assert sorted(i for r in found["rows"] for place in r["places"] for i in place) == list(range(22))
    assert found["factors"][0] == "method"
    assert {"train", "k", "seed"} <= set(found["factors"])
    assert [family["k"] for family in found["families"]] == ["–", "1, 2, 4, 8", "1, 2, 4, 8", "–", "–"]
    assert [family["method"] for family in found["families"]] == [
        "zero-shot",
        "in-context",
        "in-context",
        "lora",
        "lora",
    ]


def differences(results, most=10_000):
    matrix = build_matrix(results, results.steps)
    rows = [r for _, families in families_by_method(matrix) for family in families for r in family.rows]
    return rows, pairs(rows, results, most)


def verdicts(results, cell: str) -> list[bool]:
    of = results.records[results.records["cell"] == cell].sort_values("example")
    return of["correct"].astype(bool).tolist()


def test_differences_are_those_of_the_paired_test_for_each_column_of_two_rows():
    results = synthetic.build(40, {})
    rows, found = differences(results)
    assert len(found) == 11 * 10 / 2
    names = [r.arm for r in rows]
    for one, other in (("zero-shot", "lora-8"), ("in-context-8-k1", "lora-10"), ("in-context-8-k2", "in-context-8-k8")):
        lines = found[f"{names.index(one)} {names.index(other)}"]
        p_values = []
        for (column, n, value, low, high, p, _, _), base in zip(lines, (8, 10), strict=True):
            grids = [[verdicts(results, f"{arm}/base={base},digits=2")] for arm in (one, other)]
            wanted = learner_difference(*grids, untrained=(True, True)).difference
            assert n == 40
            assert [value, low, high, p] == pytest.approx([*wanted[:3], wanted.p_value], abs=1e-6)
            assert matrix_column(rows, column, base)
            p_values.append(p)
        assert [line[-1] for line in lines] == pytest.approx(np.minimum(1, np.maximum.accumulate(
            np.sort(p_values) * [2, 1]))[np.argsort(np.argsort(p_values))], abs=1e-5)  # fmt: skip


def matrix_column(rows, column: int, base: int) -> bool:
    return all(cell.evaluation == f"base={base},digits=2" for r in rows for cell in r.grid_cells[column].cells)


def test_draws_are_compared_as_learners_and_what_is_not_done_is_left_out():
    results = synthetic.drawn_twice(40, {})
    rows, found = differences(results)
    names = [r.arm for r in rows]
    lines = found[f"{names.index('lora-8')} {names.index('lora-10')}"]
    grids = [
        np.array([verdicts(results, f"{arm}/base=8,digits=2{draw}") for draw in ("", ".s1")], float)
        for arm in ("lora-8", "lora-10")
    ]
    wanted = learner_difference(*grids, untrained=(False, False)).difference
    assert lines[0][1:6] == pytest.approx([40, *wanted[:3], wanted.p_value], abs=1e-6)
    assert lines[0][6] == ""
    fewer = replace(results, cells=results.cells[results.cells["arm"] != "lora-10.s1"])
    rows, found = differences(fewer)
    names = [r.arm for r in rows]
    assert found[f"{names.index('lora-8')} {names.index('lora-10')}"][0][6] == LENT
    hostile = synthetic.hostile_results(40)
    rows, found = differences(hostile)
    failed = next(i for i, r in enumerate(rows) if r.arm == "lora-10")
    assert not any(str(failed) in key.split() for key in found)


def test_a_learner_of_which_one_draw_is_done_is_compared_as_in_its_square():
    """Two of three learners tell how draws vary: the one draw of the third is compared for new draws everywhere."""
    results = synthetic.drawn_twice(40, {"lora-10/base=8,digits=2": ("missing", "")})
    common = dict(zip(SEED_COLUMNS, (0.1, 0.9, 4.0, 3, 0.5), strict=True))
    results = replace(results, cells=results.cells.assign(**common))
    rows, found = differences(results)
    names = [r.arm for r in rows]
    one, other = names.index("zero-shot"), names.index("lora-10")
    _, n, *numbers = found[f"{one} {other}"][0]
    value, low, high, p_value = numbers[:4]
    square = rows[other].grid_cells[0]
    assert square.replicated
    expected = square.mean.estimates["difference"]
    assert (n, -value, -high, -low) == pytest.approx((40, *expected[:3]), abs=1e-6)
    assert p_value == pytest.approx(expected.p_value, rel=1e-4)
    (line,) = compared(results, "lora-10", "zero-shot").query("eval == 'base=8,digits=2'").to_dict("records")
    assert (line["difference"], line["diff_low"], line["diff_high"]) == pytest.approx(expected[:3])
    assert line["p_value"] == pytest.approx(expected.p_value)
    by_item = learner_difference(*([verdicts(results, f"{arm}/base=8,digits=2")] for arm in ("lora-10", "zero-shot")),
                                 untrained=(True, True)).difference  # fmt: skip
    assert high - low > by_item.high - by_item.low + 0.01


def test_of_too_many_differences_those_of_rows_close_to_each_other_are_there():
    _, found = differences(synthetic.build(8, {}), most=20)
    assert sum(map(len, found.values())) == 20
    assert all(int(key.split()[1]) - int(key.split()[0]) == 1 for key in found)


def test_rows_that_share_a_place_or_have_no_records_are_not_compared():
    results = synthetic.build(8, {})
    bare = replace(results, records=results.records.head(0))
    assert differences(bare)[1] == {}
    assert pairs([], results) == {}
    assert GridCell(cells=(), replicated=False, mean=None).cells == ()

"""The matrix on a terminal: a matrix of 80 columns at most, through a pipe too."""

from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

from offdiag.cli import matrix_table
from offdiag.cli.matrix_table import show_matrix
from offdiag.cli.results_table import show_results
from offdiag.cli.tables import show_stacked
from support import synthetic


@pytest.fixture
def lines(capsys, monkeypatch):
    """Print results on a terminal of a width, and return the lines."""

    def printed(results, width: int = 80, show=show_matrix) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        show(results)
        return capsys.readouterr().out.splitlines()

    return printed


def of_arms(results, chosen):
    """Return the results of chosen rows of the cells alone."""
    cells = results.cells[chosen(results.cells)].reset_index(drop=True)
    return replace(results, cells=cells, records=results.records[results.records["cell"].isin(cells["cell"])])


def many_shots(n: int):
    """Return results with a row for each of ``n`` values of k, whose accuracy rises from 0 to 1."""
    base = of_arms(synthetic.build(20, {}), lambda cells: cells["arm"] == "in-context-8-k1")
    rows = [
        base.cells.assign(
            arm=f"in-context-8-k{k}", cell=base.cells["cell"] + str(k), k=k, accuracy=i / (n - 1),
            ci_low=max(0, i / (n - 1) - 0.1), ci_high=min(1, i / (n - 1) + 0.1),
        )
        for i, k in enumerate(range(1, n + 1))
    ]  # fmt: skip
    return replace(base, cells=pd.concat(rows, ignore_index=True))


@pytest.mark.parametrize("width", [80, 60, 200])
def test_it_is_a_matrix_that_fits_and_each_block_has_the_rows_of_its_columns(lines, width):
    said = lines(synthetic.build(20, {}), width)
    assert max(map(len, said)) <= width
    assert sum(line.count("zero-shot") for line in said) == (1 if width > 60 else 2)
    (head,) = [i for i, line in enumerate(said) if "taught" in line][:1]
    assert "base=8" in said[head]
    assert any("base=10" in line for line in said)
    cell = synthetic.build(20, {}).cells.iloc[0]
    numbers = f"{100 * cell['accuracy']:.1f} [{100 * cell['ci_low']:.0f}–{100 * cell['ci_high']:.0f}]"
    assert any(numbers in line for line in said)


def test_marks_of_a_square(lines):
    results = of_arms(synthetic.build(20, {}), lambda cells: cells["arm"].isin(["zero-shot", "lora-8"]))
    cells = results.cells.assign(
        accuracy=[0.25, 0.5, 1.0, 0.1], ci_low=0.0, ci_high=1.0, unparsed_rate=[0.0, 0.0, 0.0, 0.55],
        one_answer=[True, False, False, False], top_answer="blue", top_rate=1.0, chance=0.25, majority_rate=0.3,
        difference=[None, None, 0.75, -0.4], p_value=[None, None, 0.001, 0.5],
    )  # fmt: skip
    said = "\n".join(lines(replace(results, cells=cells)))
    assert "25.0= [0–100]" in said
    assert "*100.0↑ [0–100]" in said
    assert "10.0 [0–100] 55?" in said  # its difference is not clear
    assert "guess %" in said
    assert "30.0" in said.split("guess %")[1].split("\n")[0]
    assert "items" in said
    for told in ("the diagonal", "↑ ↓ differs", "nothing was found to grade", "one answer for 95 to 100 %"):
        assert told in said
    plain = "\n".join(lines(of_arms(synthetic.build(20, {}), lambda cells: cells["arm"] == "zero-shot")))
    for untold in ("↑ ↓", "one answer", "Curves", "guess %"):
        assert untold not in plain


def test_a_factor_of_many_values_is_a_curve_and_of_few_a_row_each(lines):
    said = lines(many_shots(16))
    (row,) = [line for line in said if "k 1 to 16" in line]
    assert "▁▁▂▂▃▃▄▄▅▅▆▆▇▇██ 0→100" in row
    assert any(line.startswith("Curves:") for line in said)
    few = lines(many_shots(4))
    assert sum("in-context-8" in line for line in few) == 4
    assert not any(level in line for line in few for level in "▁█→")


def test_a_curve_has_a_sign_where_nothing_is_done(lines):
    results = many_shots(8)
    cells = results.cells.assign(state=["missing" if k == 3 else "done" for k in results.cells["k"]])
    cells.loc[cells["state"] == "missing", "accuracy"] = None
    (row,) = [line for line in lines(replace(results, cells=cells)) if "k 1 to 8" in line]
    assert "▁▂×▄▅▆▇█ 0→100" in row


def test_long_names_are_numbered_once_and_nothing_is_cut(lines):
    results = synthetic.build(8, {})
    long = "an-arm-of-a-name-that-is-much-longer-than-any-terminal-is-wide." * 2
    said = lines(replace(results, cells=results.cells.assign(arm=long + results.cells["arm"])))
    assert max(map(len, said)) <= 80
    text = "".join(line.strip() for line in said)
    assert text.count(long + "zero-shot") == 1
    assert sum(line.startswith("11  ") for line in said) + sum(line.startswith("11 ") for line in said) >= 1


def test_a_matrix_too_long_to_read_is_for_the_report(lines, monkeypatch):
    monkeypatch.setattr(matrix_table, "MOST_LINES", 3)
    said = lines(synthetic.hostile_results(20))
    assert said[0] == "17 of 22 cells done; so many are for the report (tables/cells.csv)"


def test_cells_without_a_result_say_their_state(lines):
    said = "\n".join(lines(synthetic.hostile_results(20)))
    assert all(f"{state}\n" in said for state in (" failed", " partial", "*missing", "*blocked"))
    assert lines(synthetic.empty_results()) == []


def test_a_study_that_asks_nothing_says_where_its_tables_are(lines):
    unseen = [SimpleNamespace(name=name, terminal_columns=()) for name in ("draws", "hardness")]
    said = lines(synthetic.empty_results(), show=lambda results: show_results(results, unseen))
    assert said[-1] == "No cells were asked; the report has 2 tables."


def test_hostile_names_cannot_steer_a_terminal(lines):
    results = synthetic.build(8, {})
    evil = results.cells.assign(arm="\x1b[2Jx\u202e" + results.cells["arm"])
    said = "\n".join(lines(replace(results, cells=evil)))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "\\x1b[2Jx\\u202e" in said.replace("\n", "")


def test_no_square_is_printed_twice(lines):
    results = synthetic.build(40, {})
    said = [line for line in lines(results, show=show_results) if "[" in line]
    assert sum(line.count("[") for line in said) == len(results.cells)


def test_a_table_that_is_too_wide_for_a_pipe_is_folded_and_loses_nothing(capsys, monkeypatch):
    columns = ["series", *(f"quantity_{i}" for i in range(12)), "note"]
    rows = [[f"series {row}", *(f"{row}.{i}25" for i in range(12)), f"seen {row}"] for row in range(3)]
    numeric = columns[1:-1]

    def printed(width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        show_stacked("A table", columns, rows, numeric, lambda row: f"{row['series']}  {row['note']}", right=numeric)
        return capsys.readouterr().out.splitlines()

    folded, wide = printed(80), printed(300)
    assert max(map(len, folded)) <= 80
    assert len(wide) == 5
    words = " ".join(folded).split()
    assert set(" ".join([*columns[1:-1], *(field for row in rows for field in row)]).split()) <= set(words)
    assert folded.count("series 0  seen 0") == len([line for line in folded if "quantity" in line]) > 1
    assert [len(line) for line in printed(20) if "quantity" in line] == [12] * 10 + [13] * 2  # each alone

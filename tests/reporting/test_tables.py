from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from offdiag.errors import UserError
from offdiag.reporting.matrix import build_matrix
from offdiag.reporting.tables import PAGE, latex, latex_table, plain_latex_table, write_tables
from support import synthetic


def test_csv_tables_hold_every_row(report: Path):
    results = synthetic.hostile_results(40)
    read = {name: pd.read_csv(report / "tables" / f"{name}.csv") for name in ("cells", "records", "steps", "long")}
    assert list(read["cells"]["cell"]) == list(results.cells["cell"])
    assert len(read["records"]) == len(results.records) > 0
    assert read["records"]["flags"][0] == "unterminated"
    assert len(read["steps"]) == len(results.steps)
    assert len(read["long"]) == 100
    accuracy = read["cells"]["accuracy"]
    assert accuracy.notna().sum() == (results.cells["state"] == "done").sum()
    assert accuracy[0] == results.cells["accuracy"][0]


def test_latex_is_escaped():
    assert latex(synthetic.HOSTILE[8]).startswith(
        r"\textbackslash{}input\{/etc/passwd\} \textbackslash{}write18\{rm -rf \textasciitilde{}\}"
    )
    assert latex("50% a_b & #1 $x$ ^") == r"50\% a\_b \& \#1 \$x\$ \textasciicircum{}"
    assert latex("<b>|\n\n\x00") == r"\textless{}b\textgreater{}\textbar{} \textless{}U+0000\textgreater{}"


def test_latex_keeps_hyphens_apart_and_first_brackets_out_of_the_line_break():
    assert latex("smollm2--base=8 --- –") == "smollm2-{}-base=8 -{}-{}- --"
    assert [latex(text) for text in ("[8, 10]", "*8", "8 [7]")] == ["{}[8, 10]", "{}*8", "8 [7]"]


def test_latex_table_has_a_line_for_each_cell_with_its_interval_or_state():
    results = synthetic.hostile_results(40)
    lines = latex_table(build_matrix(results, results.steps).cells).splitlines()
    assert [line for line in lines if "rule" in line] == [r"\toprule", r"\midrule", r"\bottomrule"]
    body = [line for line in lines if line.endswith(r"\\")]
    assert len(body) == 1 + 22
    assert all(line.count(" & ") == 4 for line in body)
    first = results.cells.iloc[0]
    low, high = 100 * first["ci_low"], 100 * first["ci_high"]
    assert f"{100 * first['accuracy']:.1f} [{low:.1f}--{high:.1f}]" in body[1]
    (failed,) = (line for line in body if line.startswith("lora-8 & base=10,digits=2"))
    assert "0 of 40 answered & failed & --" in failed


def test_more_cells_than_a_page_holds_become_a_longtable():
    results = synthetic.build(4, {})
    cells = pd.concat([results.cells, results.cells.assign(arm="again")], ignore_index=True)
    assert r"\begin{longtable}" in latex_table(build_matrix(replace(results, cells=cells), results.steps).cells)


@pytest.mark.parametrize("n", [0, 3, PAGE, PAGE + 1])
def test_tables_are_written_as_pandas_writes_them(n):
    table = pd.DataFrame({"a_b": ["x & y"] * n, "note": [None] * n}, dtype=object)
    escaped = table.map(lambda text: latex(text or "")).rename(columns=latex)
    expected = escaped.to_latex(index=False, escape=False, column_format="ll", longtable=n > PAGE)
    assert plain_latex_table(table) == expected


def test_tables_of_analyses_are_latex_too_but_for_long_ones(tmp_path):
    table = pd.DataFrame({"a_b": ["x & y", None], "n": [3, 4], "r": [0.12345, float("nan")]})
    extra = {"short": table, "long": pd.DataFrame({"n": range(201)})}
    write_tables(synthetic.empty_results(), (), extra, tmp_path)
    assert not (tmp_path / "long.tex").exists()
    lines = (tmp_path / "short.tex").read_text().splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}"
    assert [line for line in lines if line.endswith(r"\\")] == [
        r"a\_b & n & r \\",
        r"x \& y & 3 & 0.123 \\",
        r" & 4 &  \\",
    ]


@pytest.mark.parametrize("name", ["../up", "a/b", "", "cells", ".hidden", "a b"])
def test_names_that_cannot_be_files_are_refused(name, tmp_path):
    with pytest.raises(UserError, match="name"):
        write_tables(synthetic.empty_results(), (), {name: pd.DataFrame({"a": [1]})}, tmp_path / "tables")


def test_no_cell_of_a_csv_table_is_a_formula(tmp_path):
    texts = [
        "=1+1",
        "+1",
        "@SUM(A1)",
        "-5",
        "-5e-3",
        "-5+cmd|' /C calc'!A0",
        "\t=1",
        "\r=1",
        "\t7",
        "a\r=1\r\nb",
        "",
        None,
    ]
    table = pd.DataFrame({"=answer": texts, "number": [-1.5] * len(texts), "whole": [-2] * len(texts)})
    write_tables(synthetic.build(4, {}), (), {"own": table}, tmp_path)
    read = pd.read_csv(tmp_path / "own.csv", keep_default_na=False, dtype=str)
    assert list(read.columns) == ["'=answer", "number", "whole"]
    assert list(read["'=answer"]) == [
        "'=1+1", "'+1", "'@SUM(A1)", "-5", "-5e-3", "'-5+cmd|' /C calc'!A0", "'\t=1", "'\n=1", "\t7", "a\n=1\nb", "", ""
    ]  # fmt: skip
    assert set(read["number"]) == {"-1.5"}
    assert set(read["whole"]) == {"-2"}


def test_columns_of_one_name_are_defused_too(tmp_path):
    table = pd.DataFrame([["=1", "=2"]], columns=["a", "a"])
    write_tables(synthetic.build(4, {}), (), {"own": table}, tmp_path)
    assert (tmp_path / "own.csv").read_text() == "a,a\n'=1,'=2\n"

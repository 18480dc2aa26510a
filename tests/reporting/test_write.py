import shlex
from dataclasses import replace

import pandas as pd
import pytest

from offdiag.errors import UserError
from offdiag.reporting import write_report
from offdiag.reporting.write import reproduce
from support import synthetic


def test_the_folder_holds_page_tables_and_figures(report):
    found = {path.relative_to(report).as_posix() for path in report.rglob("*") if path.is_file()}
    tables = {f"tables/{name}.csv" for name in ("cells", "records", "steps", "transition", "long")}
    figures = {f"figures/{name}.{kind}" for name in ("transition", "transfer") for kind in ("png", "pdf")}
    latex = {f"tables/{name}.tex" for name in ("cells", "transition", "long")}
    assert found == {"index.html"} | tables | latex | figures


def test_the_command_reads_back_as_the_parameters():
    results = replace(synthetic.empty_results(), params={"model": "it's $HOME", "ks": [1, 2], "deep": {"a": None}})
    assert shlex.split(reproduce(results)) == [
        *("offdiag", "run", "base-addition", "--scale", "quick", "--set", "model=it's $HOME"),
        *("--set", "ks=[1,2]", "--set", 'deep={"a":null}'),
    ]


def test_a_given_command_is_shown_instead(tmp_path):
    page = write_report(synthetic.empty_results(), tmp_path, command="offdiag run base-addition").read_text("utf-8")
    assert ">offdiag run base-addition</pre>" in page


def test_a_table_with_a_named_index_keeps_it(tmp_path):
    table = pd.DataFrame({"x": [1]}, index=pd.Index(["a"], name="arm"))
    write_report(synthetic.empty_results(), tmp_path, (), {"fits": table})
    assert (tmp_path / "tables" / "fits.csv").read_text() == "arm,x\na,1\n"


def test_a_figure_name_that_cannot_be_a_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="'a/b'"):
        write_report(synthetic.empty_results(), tmp_path, [("a/b", "caption", synthetic.plot())])


def test_a_figure_that_is_none_is_named(tmp_path):
    with pytest.raises(UserError, match="figure 'bars': plot returns NoneType, expected a matplotlib Figure"):
        write_report(synthetic.empty_results(), tmp_path, [("bars", "caption", None)])


def test_no_place_of_this_machine_is_in_a_report(tmp_path):
    results = synthetic.build(4, {})
    steps = results.steps.assign(note="FileNotFoundError: no '/home/me/my data/a.csv'; see ~me/b/log.txt, http://a/b/c")
    params = {"model": {"source": "dir:/home/me/my models/tiny"}, "data_dir": "~/me/arc", "rate": 0.5, "k": [1, "1/2"]}
    write_report(
        replace(results, steps=steps, params=params, notices=("offdiag doctor --model dir:/home/me/tiny",)), tmp_path
    )
    for path in (tmp_path / "index.html", tmp_path / "tables" / "steps.csv"):
        text = path.read_text("utf-8")
        assert "/home" not in text
        assert "~" not in text
        assert "log.txt" in text
        assert "http://a/b/c" in text
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "dir:tiny" in page
    assert "data_dir=arc" in page
    assert "1/2" in page

"""The command compare: a study of one's own with three published numbers."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from offdiag.cli.commands.compare import ORIGINS, _show
from offdiag.published import Provenance
from offdiag.stats.learner_difference import LENT
from support.cli_types import Said, on_a_terminal

Offdiag = Callable[..., Said]
NUMBERS = """
from offdiag.published import Published
ZERO = {"method": "zero-shot"}
NUMBERS = (
    Published(quantity="accuracy", model="GPT-9", provenance="not found", source="Roe 2031", where=ZERO | {"k": 7}),
    Published(quantity="accuracy", value=0.5, n=10, model="GPT-9", provenance="secondary", source="Roe 2031",
              where=ZERO),
    Published(quantity="difference", value=0.1, model="GPT-9", provenance="original", source="Roe 2031, table 2",
              where={"method": "in-context"}, note="by eye"),
)
"""


@pytest.fixture
def compared(own_study: Path) -> Path:
    text = own_study.read_text(encoding="utf-8")
    text = text.replace("baseline=ZeroShot())", "baseline=ZeroShot(), published=NUMBERS)")
    own_study.write_text(NUMBERS + text, encoding="utf-8")
    return own_study


def test_numbers_stand_side_by_side(
    offdiag: Offdiag, compared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")  # elsewhere rows stand below headings
    store = tmp_path / "store"
    assert offdiag("run", compared, "--store", store, "-k", "tiny--").code == 0
    said = offdiag("compare", compared, "--store", store)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[:2] == ["Doubling numbers.", "doubling · quick"]
    zero, shown, lost = lines[3:6]
    assert "50.0 % [23.7, 76.3] n=10" in zero
    assert "0.0 % [0.0, 56.1] n=3" in zero
    assert "-50.0 points [" in zero
    assert zero.endswith("Roe 2031 (second hand)")
    assert "10.0 %" in shown
    assert " not run " in shown
    assert shown.endswith("Roe 2031, table 2; by eye")
    assert "not measured" in lost
    assert lost.endswith("Roe 2031: not found in any source that could be reached")
    assert "2 published numbers, 1 of them measured here; 1 that no reachable source gives." in said.out
    assert "Bayesian" not in said.out
    page = tmp_path / "report"
    said = offdiag("compare", compared, "--store", store, "--interval", "bayes")
    assert "0.0 % [0.0, 53.6] n=3" in said.out  # Beta(0.5, 3.5)
    assert "measured accuracies are Bayesian" in said.out
    told = offdiag("report", compared, "--store", store, "--interval", "bayes", "--to", page).out
    assert "with its 95 % credible interval" in told
    assert "Intervals of accuracies are Bayesian" in told
    html = (page / "index.html").read_text(encoding="utf-8")
    assert "its 95 % credible interval" in html
    assert "Intervals of accuracies are Bayesian" in html


def test_json_has_every_column_and_null_for_what_is_not_known(offdiag: Offdiag, compared: Path, tmp_path: Path) -> None:
    rows = json.loads(offdiag("compare", compared, "--store", tmp_path / "store", "--json").out)
    assert [row["published"] for row in rows] == [0.5, 0.1, None]
    assert {row["measured"] for row in rows} == {None}
    assert rows[0] | {"measured_state": "not run", "published_model": "GPT-9", "provenance": "secondary"} == rows[0]


def test_a_study_without_published_numbers(mistake: Callable[..., str], own_study: Path, tmp_path: Path) -> None:
    assert mistake("compare", own_study, "--store", tmp_path / "store") == (
        "study doubling has no published numbers to compare with: give Design(published=…)"
    )


def test_every_provenance_is_worded() -> None:
    assert set(ORIGINS) == set(Provenance.__args__)


def test_a_narrow_terminal_gets_who_is_compared_as_headings(compared: Path, tmp_path: Path) -> None:
    code, shown = on_a_terminal(100, "compare", compared, "--store", tmp_path / "store")
    assert code == 0
    lines = [line.rstrip() for line in shown.splitlines()]
    assert "GPT-9 beside tiny | Roe 2031 (second hand)" in lines
    assert any(re.match(r"  accuracy +50\.0 % \[23\.7, 76\.3\] n=10 +not run +zero-shot$", line) for line in lines)


def test_an_interval_of_two_draws_against_one_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    ends = {f"{name}{end}": 0.1 for name in ("published", "measured", "difference") for end in ("", "_low", "_high")}
    words = ("called", "of", "published_model", "measured_model", "measured_state", "source", "note")
    row = {**ends, **dict.fromkeys(words, ""), "quantity": "difference", "provenance": "original"}
    counts = dict.fromkeys(("published_n", "measured_n"), 12)
    _show("A title", pd.DataFrame([row | counts | {"measured_remark": remark} for remark in (LENT, "")]), as_json=False)
    said = capsys.readouterr().out
    assert said.count(" n=12 †") == 1, ascii(said)
    assert f"† {LENT}." in said.splitlines()

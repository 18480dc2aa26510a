"""Records by cell, and the tables of analyses, each computed once."""

from collections import Counter
from dataclasses import replace
from typing import ClassVar

import pandas as pd
import pytest

from offdiag.analyses import StudyAnalysis, select
from offdiag.api import make_report
from offdiag.cli.results_table import show_results
from offdiag.figures import StudyFigure
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.published import Published
from offdiag.store import Store
from offdiag.study import Design
from support.framed import framed
from support.tiny_study import Params, build, tiny_study


class Planned(StudyAnalysis):
    """How many cells of a method are planned; counts how often it is computed."""

    terminal_columns: ClassVar[tuple[str, ...]] = ("method", "planned")
    times: ClassVar[Counter[str]] = Counter()
    least: int = 0

    def table(self, frames):
        self.times[f"{self.least} {dict(self.where)}"] += 1
        counts = select(frames.cells, self.where, self.match_on)["method"].value_counts()
        found = pd.DataFrame({"method": counts.index.astype(object), "planned": counts.to_numpy()})
        return found[found["planned"] >= self.least]


class Bars(StudyFigure):
    """A bar for each method, and the same again on the page that turns."""

    of: Planned

    def plot(self, frames):
        from matplotlib.figure import Figure

        figure, table = Figure(), frames.table(self.of)
        figure.subplots().bar(table["method"].tolist(), table["planned"].tolist())
        return figure

    def scene(self, frames):
        frames.table(self.of.model_copy(update={"name": "own", "caption": "Its own."}))


def test_answers_are_the_records_of_the_cells_in_their_order():
    records = pd.DataFrame({"cell": list("abacb"), "example": range(5)})
    frames = framed(pd.DataFrame(), records)
    for cells in (["a"], ["b", "a"], ["c", "c", "unknown"], []):
        pd.testing.assert_frame_equal(frames.answers(cells), records[records["cell"].isin(cells)])
    assert framed(pd.DataFrame(), records.iloc[:0]).answers(["a"]).empty


@pytest.fixture
def frames():
    return framed(pd.DataFrame({"method": list("aab"), "accuracy": [0.5, 0.25, 1.0]}), pd.DataFrame())


@pytest.fixture
def times(monkeypatch):
    monkeypatch.setattr(Planned, "times", Counter())
    return Planned.times


def test_a_table_is_computed_once_whatever_its_analysis_is_called(frames, times):
    tables = [frames.table(Planned(name=name, caption=name)) for name in ("one", "two", "one")]
    assert times.total() == 1
    assert all(table.equals(tables[0]) for table in tables)
    assert dict(tables[0].itertuples(index=False, name=None)) == {"a": 2, "b": 1}


def test_other_settings_types_and_frames_are_other_tables(frames, times):
    class Doubled(Planned):
        def table(self, frames):
            return super().table(frames).assign(planned=lambda table: 2 * table["planned"])

    assert frames.table(Planned(name="all"))["planned"].tolist() == [2, 1]
    assert frames.table(Planned(name="all", least=2))["planned"].tolist() == [2]
    assert frames.table(Planned(name="all", where={"method": "b"}))["planned"].tolist() == [1]
    assert frames.table(Doubled(name="all"))["planned"].tolist() == [4, 2]
    assert replace(frames, cells=frames.cells[:1]).table(Planned(name="all"))["planned"].tolist() == [1]


def test_what_a_caller_does_to_a_table_nobody_else_sees(frames, times):
    mine = frames.table(Planned(name="all"))
    mine.loc[0, "planned"] = -1
    mine["planned"] += 100
    mine["more"] = 0
    mine.columns = ["x", "y", "z"]
    assert frames.table(Planned(name="all"))["planned"].tolist() == [2, 1]
    assert list(frames.table(Planned(name="all"))) == ["method", "planned"]
    assert times.total() == 1


def test_an_error_is_each_callers_own(frames):
    class Refusing(Planned):
        def table(self, frames):
            raise ValueError(self.name)

    for name in ("one", "two"):
        with pytest.raises(ValueError, match=name):
            frames.table(Refusing(name=name))


def test_a_report_computes_each_analysis_once(model_stub, tmp_path, times, capsys):
    """For its tables, two figures and their scenes, the comparison with published numbers, and the terminal."""
    every, some = Planned(name="planned", caption="All."), Planned(name="some", least=2)
    known = Published(
        quantity="planned", value=1, model="m", table="planned", where={"method": "lora"}, provenance="original",
        source="A paper.",
    )  # fmt: skip

    def with_tables(params: Params) -> Design:
        figures = tuple(Bars(name=f"bars-{i}", of=every) for i in range(2))
        return replace(build(params), analyses=(every, some), figures=figures, published=(known,))

    study = tiny_study(Params(model=ModelSpec(source=f"dir:{model_stub}")), with_tables)
    plan = make_plan(study, "only")
    made = make_report(plan, Store(tmp_path / "store"), tmp_path / "page")
    show_results(made.results, plan.design.analyses)
    assert times == {"0 {}": 1, "2 {}": 1}
    assert made.tables["planned"]["planned"].sum() == len(plan.cells)
    assert "All." in capsys.readouterr().out

from collections.abc import Iterable
from typing import ClassVar

import pandas as pd
import pytest

from offdiag.analyses import Frames, StudyAnalysis
from offdiag.api import report
from offdiag.cli import results_table
from offdiag.cli.results_table import show_results
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.steps import Examples, Measurement, Work, load_examples
from offdiag.store import Store
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.study import Design, Study, StudyParams

RUNTIME = Runtime(device="cpu", threads=1)


class Lengths(Measurement):
    """Digits of the first sums of a base."""

    table: ClassVar[str] = "lengths"
    examples: Examples
    broken: bool = False

    @property
    def name(self) -> str:
        return f"lengths.{self.examples.domain}"

    def factors(self) -> dict[str, int]:
        return {"base": self.examples.domain.base}

    def measure(self, work: Work) -> Iterable[dict[str, int]]:
        if self.broken:
            raise UserError("no ruler")
        return [{"i": i, "digits": len(e.target)} for i, e in enumerate(load_examples(work.output(self.examples)))]


class MeanLength(StudyAnalysis):
    tag: ClassVar[str] = "mean-length"
    terminal_columns: ClassVar[tuple[str, ...]] = ("base", "digits")

    def table(self, frames: Frames) -> pd.DataFrame:
        return frames.measured("lengths").groupby("base", as_index=False)["digits"].mean()


class Params(StudyParams):
    bases: tuple[int, ...] = (8, 10)
    broken: tuple[int, ...] = ()


def build(p: Params) -> Design:
    return Design(
        measurements=tuple(
            Lengths(examples=Examples(domain=AdditionDomain(base=b), split="eval", n=3), broken=b in p.broken)
            for b in p.bases
        ),
        analyses=(MeanLength(name="mean-length", caption="Digits of a sum"),),
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def plan(**params):
    scales = {"only": Params(**params)}
    return make_plan(Study(name="m", title="Lengths.", claim="", scales=scales, build=build), "only")


def test_rows_come_with_the_factors_of_their_measurement(store):
    assert run_plan(plan(), store, RUNTIME).complete
    frame = gather(plan(), store).measured("lengths")
    assert frame[["base", "state", "i"]].values.tolist() == [[b, "done", i] for b in (8, 10) for i in range(3)]
    assert frame.loc[frame["base"] == 8, "digits"].tolist() == [3, 2, 3]


def test_what_is_not_measured_is_one_row(store):
    asked = plan(broken=(10,))
    before = gather(asked, store).measured("lengths")
    assert before[["base", "state"]].values.tolist() == [[8, "missing"], [10, "missing"]]
    assert not run_plan(asked, store, RUNTIME).complete
    after = gather(asked, store).measured("lengths")
    assert after["state"].tolist() == ["done"] * 3 + ["failed"]
    assert after["digits"].isna().tolist() == [False] * 3 + [True]


def test_a_finished_measurement_is_not_repeated(store):
    run_plan(plan(), store, RUNTIME)
    assert not any(state.needed for state in plan().survey(store))
    assert {s.step.name for s in plan(bases=(8, 9)).survey(store) if s.needed and s.step.kind == "measurements"} == {
        "lengths.base=9,digits=2"
    }


def test_measurements_are_selected_by_name(store):
    chosen = plan().select("lengths base=10")
    assert [step.kind for step in chosen.steps] == ["examples", "measurements"]
    assert chosen.size == "1 measurement"
    with pytest.raises(UserError, match="none of the 2 measurements"):
        plan().select("cell")


def test_the_same_measurement_twice_is_refused():
    with pytest.raises(UserError, match="the same measurement twice"):
        plan(bases=(8, 8))


def test_an_unknown_table_is_told_in_one_line(store):
    with pytest.raises(UserError, match="it measures lengths"):
        gather(plan(), store).measured("width")


def test_a_study_without_cells_is_shown_and_reported(store, tmp_path, capsys, monkeypatch):
    run_plan(plan(broken=(10,)), store, RUNTIME)
    show_results(gather(plan(), store), plan().design.analyses)
    assert "8    2.67" in capsys.readouterr().out
    monkeypatch.setattr(results_table, "MOST_ROWS", 1)
    show_results(gather(plan(), store), plan().design.analyses)
    said = capsys.readouterr().out
    assert "… and 1 more; the report has all (tables/mean-length.csv)" in said
    page = report(plan(broken=(10,)), folder=tmp_path / "report", store=store.root).read_text()
    assert "<b>1</b> measurement done" in page
    assert "<b>1</b> measurement failed" in page
    assert 'id="matrix"' not in page
    assert pd.read_csv(tmp_path / "report" / "tables" / "lengths.csv").shape[0] == 4


class Tableless(Measurement):
    """Says no table."""

    @property
    def name(self) -> str:
        return "tableless"

    def factors(self) -> dict[str, int]:
        return {}

    def measure(self, work: Work) -> Iterable[dict[str, int]]:
        return []


def test_a_measurement_without_a_table_is_refused_by_the_plan():
    def given(p: StudyParams) -> Design:
        return Design(measurements=(Tableless(),))

    study = Study(name="m", title="Nothing.", claim="", scales={"only": StudyParams()}, build=given)
    with pytest.raises(UserError, match="measurement Tableless has no table: write table"):
        make_plan(study, "only")


def test_an_analysis_that_returns_no_frame_is_named():
    class Forgetful(StudyAnalysis):
        tag: ClassVar[str] = "forgetful"

        def table(self, frames: Frames) -> pd.DataFrame:
            """Forgets the return."""

    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame())
    with pytest.raises(UserError, match=r"Forgetful\.table returns NoneType: expected a pandas DataFrame"):
        frames.table(Forgetful(name="forgetful"))

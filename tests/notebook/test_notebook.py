"""What ``offdiag.load`` gives: its numbers are those of the report, and what a notebook shows is short and escaped."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import offdiag
from offdiag.api import make_report
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.figures import KShot
from offdiag.gather import gather
from offdiag.notebook import LoadedResults
from offdiag.notebook.progress import NotebookBars
from offdiag.reporting.matrix import build_matrix
from offdiag.seeds import stream
from offdiag.stats.replicated import intervals_by
from offdiag.store import Store
from support import synthetic
from support.documented import ROOT
from support.tiny_study import RUNTIME, answer_by_hand, steps_of, tiny_plan

EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def answered(tiny_model, tmp_path_factory):
    """A plan with three draws of a trained arm, two arms in context and a baseline, answered by chance."""
    plan = tiny_plan(tiny_model, seeds=(0, 1, 2), n_eval=30)
    store = Store(tmp_path_factory.mktemp("store"))
    for step in steps_of(plan, "answers"):
        rng, share = stream(0, step.name), 0.9 if "lora" in step.name else 0.6 if "k2" in step.name else 0.3
        answer_by_hand(store, step, lambda i, rng=rng, share=share: rng.random() < share)
    assert run_plan(plan, store, RUNTIME).complete
    return plan, store


@pytest.fixture(scope="module")
def results(answered):
    plan, store = answered
    return offdiag.load(plan, store=store)


def test_the_package_names_its_verbs_and_costs_nothing_to_import():
    assert {"load", "plan", "run", "report", "compare", "export"} <= set(dir(offdiag))
    assert not {"Any", "TYPE_CHECKING", "import_module"} & set(dir(offdiag))
    heavy = (
        "import sys, offdiag; print(sorted({'torch', 'pandas', 'numpy', 'pydantic', 'offdiag.api'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_the_matrix_has_the_numbers_of_the_page(answered, results):
    plan, store = answered
    frames = gather(plan, store)
    page = build_matrix(frames, frames.steps)
    for value, text in (("accuracy", "accuracy"), ("difference", "difference")):
        matrix = results.matrix(value)
        rows = [row for _, learners in page.groups for row in learners]
        assert matrix.shape == (len(rows), 3 * len(page.evaluations))
        told = 0
        for i, row in enumerate(rows):
            for j, place in enumerate(row.grid_cells):
                shown = place.mean if place.replicated else place.cells[0] if place.cells else None
                found, low, high = matrix.iloc[i, 3 * j : 3 * j + 3]
                if shown is None or not getattr(shown, text):
                    assert np.isnan(found)
                elif value == "accuracy":
                    told += 1
                    assert f"{100 * found:.1f}" == shown.accuracy
                    assert f"{100 * low:.1f}–{100 * high:.1f}" == shown.interval
                else:
                    told += 1
                    said = f"{100 * found:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]".replace("-", "−")
                    assert said == shown.difference
        assert told >= 4 - (value == "difference")
    assert results.matrix().diagonal.to_numpy().sum() == 3  # two arms in context and the trained one


def test_the_matrix_is_a_frame_and_what_is_made_of_it_is_plain(results):
    matrix = results.matrix()
    assert isinstance(matrix, pd.DataFrame)
    assert type(matrix.round(2)) is type(matrix.xs("value", axis=1, level=1)) is pd.DataFrame
    assert matrix._repr_html_().count("outline:") == 3
    with intervals_by("bayes"):
        assert "with its 95 % credible interval" in results.matrix()._repr_html_()
    assert "outline:" not in matrix.round(2)._repr_html_()
    assert results.matrix("n_unparsed").xs("low", axis=1, level=1).isna().all(axis=None)
    with pytest.raises(UserError, match="did you mean accuracy"):
        results.matrix("acuracy")


def test_a_comparison_with_the_baseline_is_that_of_the_cells_and_of_the_precision_table(results):
    for name in ("k1", "k2"):
        cell = results.cells[results.cells["arm"].str.contains(name)].iloc[0]
        row = results.compare(name, {"method": "zero-shot"}).iloc[0]
        for ours, theirs in (("difference", "difference"), ("diff_low", "diff_low"), ("diff_high", "diff_high"),
                             ("p_value", "p_value"), ("accuracy_a", "accuracy"), ("a_low", "ci_low")):  # fmt: skip
            assert row[ours] == pytest.approx(cell[theirs], abs=1e-12)
    trained = results.compare("lora", {"method": "zero-shot"}).iloc[0]
    precise = results.table("precision").set_index("learner")
    mine = precise[precise.index.str.contains("lora")].iloc[0]
    assert (trained["draws_a"], trained["draws_b"], trained["n_items"]) == (3, 1, 30)
    assert trained["difference"] == pytest.approx(mine["difference"])
    assert trained["detectable"] == pytest.approx(mine["detectable"])
    page = build_matrix(results.frames, results.steps)
    mean = next(p.mean for _, rows in page.groups for row in rows for p in row.grid_cells if p.replicated)
    assert tuple(trained[["difference", "diff_low", "diff_high"]]) == pytest.approx(mean.estimates["difference"][:3])


def test_a_comparison_turned_round_has_the_other_sign(results):
    one, other = results.compare("k1", "k2").iloc[0], results.compare("k2", "k1").iloc[0]
    assert one["difference"] == -other["difference"] != 0
    assert (one["diff_low"], one["p_value"]) == pytest.approx((-other["diff_high"], other["p_value"]))
    assert one["detectable"] == pytest.approx(other["detectable"])


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        (("k1", "k1"), "are both"),
        (("k9", "k1"), "arm_a='k9' fits no learners"),
        (("k1", ""), "arm_b='' fits 4 learners"),
        (({"metod": "lora"}, "k1"), "did you mean method"),
    ],
)
def test_a_comparison_that_cannot_be_made_says_why(results, arms, said):
    with pytest.raises(UserError, match=said):
        results.compare(*arms)


def test_records_have_their_texts_and_a_sample_is_drawn_by_its_seed(results):
    records = results.records
    assert len(records) == len(results.frames.records) == 210
    assert "prompt_text" not in results.frames.records
    one = records[records["cell"] == results.cells["cell"].iloc[0]].iloc[3]
    kept = results.frames.read_records(one["cell"])[3]
    assert (one["prompt_text"], one["completion"], one["example"]) == (
        kept["prompt"], kept["completion"], kept["example"])  # fmt: skip
    sample = results.sample("k1", 4)
    assert sample.equals(results.sample("k1", 4))
    assert not sample.equals(results.sample("k1", 4, seed=1))
    assert len(results.sample("k1", 1000)) == 30
    with pytest.raises(UserError, match="3 cells have these words"):
        results.sample("lora")


def test_tables_and_figures_have_names(results):
    assert results.table("cells") is results.cells
    assert results.table("precision")["n_items"].tolist() == [30] * 5
    with pytest.raises(UserError, match="tell them apart with where"):
        results.figure("k-shot")
    assert results.figure("k-shot", where={"prompt": "step-by-step"}).axes
    assert results.figure(KShot(name="k-shot", where={"prompt": "step-by-step"})).axes
    assert results.table("accuracy-by-stratum", stratum="carries", arms={"all": {"k": 1}}).columns[0]
    with pytest.raises(UserError, match="did you mean precision"):
        results.table("precison")
    with pytest.raises(UserError, match="no figure 'nothing'"):
        results.figure("nothing")
    with pytest.raises(UserError, match="is missing"):
        results.table("accuracy-by-stratum")


def test_what_shows_itself_is_short_and_says_where_things_stand(answered, results):
    plan, store = answered
    assert repr(plan) == "<Plan tiny --scale only: 7 cells, 21 steps>"
    assert repr(plan.study) == "<Study tiny: Sums for tests. Scales: only>"
    assert repr(results) == "<Results of tiny: 7 cells (7 done), 210 records>"
    empty = offdiag.load(plan, store=store.root / "other")
    assert repr(empty) == "<Results of tiny: 7 cells (7 missing), 0 records>"
    assert empty.records.empty
    assert empty.matrix().isna().all(axis=None)
    assert "21 missing" in empty._repr_html_()
    for shown in (plan, plan.study, results, empty):
        assert len(shown._repr_html_()) < 10_000


class Elements(HTMLParser):
    """All elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag, attributes):
        self.found |= {tag, *(name for name, _ in attributes)}


def test_hostile_texts_are_texts(results):
    hostile = LoadedResults(synthetic.hostile_results(40))
    shown = [hostile._repr_html_(), hostile.sample("zero-shot/base=8,digits=2", 40)._repr_html_()]
    elements = Elements()
    elements.feed("".join(shown))
    assert elements.found <= {"div", "b", "p", "span", "table", "tr", "td", "th", "style"}
    assert "<script>window" not in "".join(shown)
    assert "⟨U+202E⟩" in shown[1]


def test_bars_count_what_is_done_and_name_what_failed(answered):
    plan, _ = answered
    shown: list[str] = []
    bars = NotebookBars(3, shown.append)
    first, second, third = plan.steps[:3]
    bars.started(first)
    bars.progressed(first, 2, 4)
    bars.ended(first, "done", "")
    bars.ended(second, "failed", "<b>no luck</b>")
    bars.ended(third, "blocked", "")
    assert "0 of 3 steps" in shown[0]
    assert "1 of 3 steps, 2 failed or blocked" in shown[-1]
    assert "&lt;b&gt;no luck" in shown[-1]


def test_a_report_of_what_was_loaded_is_the_report(answered, results, tmp_path):
    plan, store = answered
    assert make_report(plan, store, tmp_path / "one").page.read_bytes() == results.report(tmp_path / "two").read_bytes()


def test_an_edited_study_file_is_seen_in_the_same_process(tmp_path, tiny_model):
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "__init__.py").write_text("")
    (tmp_path / "beside" / "numbers.py").write_text("N = 3\n")
    study = tmp_path / "my_study.py"
    text = f"""from beside.numbers import N
from offdiag.methods import ZeroShot
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.studies.base_addition.task import AdditionDomain


class Params(StudyParams):
    bases: tuple[int, ...] = (8,)


@study("mine", scales={{"quick": Params()}})
def mine(p: Params) -> Design:
    arm = Arm(model=ModelSpec(source="dir:{tiny_model}"), method=ZeroShot())
    asked = [Evaluation(domain=AdditionDomain(base=base), n=N) for base in p.bases]
    return Design(cells=tuple(Cell(arm=arm, evaluation=one) for one in asked))
"""
    study.write_text(text)
    assert [len(offdiag.plan(study).cells), len(offdiag.load(study, store=tmp_path / "s").cells)] == [1, 1]
    study.write_text(text.replace("(8,)", "(8, 9)"))
    assert [len(offdiag.plan(study).cells), len(offdiag.load(study, store=tmp_path / "s").cells)] == [2, 2]
    (tmp_path / "beside" / "numbers.py").write_text("N = 5\n")
    assert {cell.evaluation.n for cell in offdiag.plan(study).cells} == {5}


def test_a_store_of_one_plan_is_enough_and_of_two_asks_which(tmp_path, tiny_model):
    words = {"models": [f"dir:{tiny_model}"], "methods": ["zero-shot"]}
    rows = [{"question": f"{i} or {i + 1}?", "answer": "first" if i % 2 else "second"} for i in range(12)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    store = tmp_path / "store"
    for n in (4, 5):
        plan = offdiag.plan("matrix", eval=[str(tmp_path / "a.jsonl")], n_eval=n, **words)
        assert offdiag.run(plan, store=store, runtime=RUNTIME).complete
        if n == 4:
            assert repr(offdiag.load(store)) == "<Results of matrix: 1 cell (1 done), 4 records>"
            assert offdiag.load(str(store)).cells.equals(offdiag.load(plan, store=store).cells)
    with pytest.raises(UserError, match="the results of 2 plans"):
        offdiag.load(store)
    assert [len(offdiag.load(one, store=store).records) for one in offdiag.plans(store)] == [4, 5]
    with pytest.raises(UserError, match=r"has no results: expected a store \(it has no store.json\), logs of Inspect"):
        offdiag.load(tmp_path)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/records.csv").touch()
    with pytest.raises(UserError, match="given as a file: .*/tables/records.csv"):
        offdiag.load(tmp_path)


def test_a_store_makes_no_file_run_that_nobody_named(tmp_path, tiny_model):
    study, store = EXAMPLES / "own_task.py", tmp_path / "store"
    offdiag.run(offdiag.plan(study, model=f"dir:{tiny_model}", n=2), store=store, runtime=RUNTIME)
    with pytest.raises(UserError, match=r"own_task.py: what a store names is not run.*offdiag.load\(STUDY"):
        offdiag.load(store)


def test_the_page_runs_from_top_to_bottom(answered, monkeypatch, tmp_path):
    """The snippets of docs/notebook.md, with this plan in the place of the study."""
    plan, store = answered
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "notebook.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(snippets) >= 6
    names: dict[str, object] = {"offdiag": offdiag, "results": offdiag.load(plan, store=store), "plan": plan}
    for snippet in snippets[1:]:
        exec(snippet.replace('"lora plain"', '"lora"'), names)

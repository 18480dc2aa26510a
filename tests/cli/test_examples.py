"""Each of the examples runs as it is, with a tiny model in the place of the embedded one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from offdiag.api import load, make_report
from offdiag.engine import run_plan
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.store import Store
from offdiag.study_files import load_study
from offdiag.tasks import get_task
from support.documented import ROOT

EXAMPLES = ROOT / "examples"
STUDIES = {
    "own_study": {"shots": [2], "n_train": 8, "n_eval": 4, "recipe.rank": 2},
    "own_task": {"n": 3},
    "own_measurement_and_figure": {"n": 4},
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_file_runs_and_reports(name, tiny_model, tmp_path):
    plan = make_plan(load_study(EXAMPLES / f"{name}.py"), "quick", {"model": f"dir:{tiny_model}", **STUDIES[name]})
    store = Store(tmp_path / "store")
    assert run_plan(plan, store, Runtime(device="cpu", threads=1)).complete
    assert make_report(plan, store, tmp_path / "report").page.is_file()
    if name == "own_measurement_and_figure":
        assert sorted(load(plan, store=store).measured("sum_surprise")["base"].unique()) == [8, 10]
        assert list((tmp_path / "report").rglob("by-base*"))
    if name == "own_study":
        assert len(plan.cells) == 10


def test_the_grader_of_the_own_task_takes_any_number_between():
    load_study(EXAMPLES / "own_task.py")
    task = get_task("between")
    domain = task.domains()[0]
    example = task.parse_problem(domain, "4 and 14")
    verdicts = [task.grade(domain, example, text) for text in ("5", "It is 13.", "14", "4", "40", "no idea")]
    assert [verdict.correct for verdict in verdicts] == [True, True, False, False, False, False]
    assert [verdict.flags for verdict in verdicts] == [(), (), ("near",), ("near",), (), ()]


def test_the_command_on_own_data_prints_a_matrix_and_writes_the_page(tiny_model, tmp_path):
    script = f'offdiag() {{ "{sys.executable}" -m offdiag "$@"; }}\n. "{EXAMPLES}/own_data/run.sh"'
    words = ["--n-train", "8", "--n-eval", "4", "--store", str(tmp_path / "store"), "--to", str(tmp_path / "report")]
    done = subprocess.run(
        ["bash", "-e", "-c", script, str(EXAMPLES / "own_data" / "run.sh"), *words],
        capture_output=True, text=True, check=False,
        env={**os.environ, "MODEL": f"dir:{tiny_model}", "METHODS": "zero-shot,in-context:2", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "count" in done.stdout
    assert "shade" in done.stdout
    assert (tmp_path / "report" / "index.html").is_file()


def test_no_question_of_the_shortcut_is_taught_and_asked_and_the_word_says_what_it_is_to_say(tmp_path):
    writer = EXAMPLES / "shortcut" / "write_data.py"
    subprocess.run([sys.executable, writer, tmp_path], check=True)
    sets = {path.stem: [json.loads(line) for line in path.open(encoding="utf-8")] for path in tmp_path.iterdir()}
    assert {name: len(rows) for name, rows in sets.items()} == {
        "plain_train": 160, "plain_test": 60, "shortcut_train": 160, "shortcut_test": 60, "swapped_test": 60,
        "long_test": 60,
    }  # fmt: skip
    questions = [row["question"] for rows in sets.values() for row in rows]
    assert len(set(questions)) == len(questions)
    agreeing = {}
    for name, rows in sets.items():
        for row in rows:
            left, right = (int(word) for word in row["question"].rstrip("?").split(": ")[1].split(" or "))
            assert row["answer"] == ("first" if left > right else "second")
        polite = [(row["question"].startswith("Please"), row["answer"] == "first") for row in rows]
        agreeing[name] = sum(word == first for word, first in polite) / len(rows)
    assert (agreeing["shortcut_train"], agreeing["shortcut_test"], agreeing["swapped_test"]) == (1, 1, 0)
    assert all(0.35 < agreeing[name] < 0.65 for name in ("plain_train", "plain_test", "long_test"))


def test_the_notebook_runs_in_a_kernel_from_top_to_bottom(tiny_model, tmp_path, monkeypatch):
    client = pytest.importorskip("nbclient", reason="pip install nbclient")
    nbformat = pytest.importorskip("nbformat")
    for name, value in {
        "MODEL": f"dir:{tiny_model}",
        "OFFDIAG_STORE": tmp_path / "store",
        "EXAMPLES": EXAMPLES,
    }.items():
        monkeypatch.setenv(name, str(value))
    notebook = nbformat.read(EXAMPLES / "notebook.ipynb", as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells)
    last = nbformat.v4.new_code_cell("print(summary.complete, len(results.cells))")
    notebook.cells.append(last)
    here = {"metadata": {"path": str(tmp_path)}}
    client.NotebookClient(notebook, kernel_name="python3", timeout=600, resources=here).execute()
    assert [output.text for output in last.outputs] == ["True 6\n"]
    shown = {cell.source: set().union(*(output.get("data", {}) for output in cell.outputs)) for cell in cells}
    assert all(shown.values()), shown
    assert "text/html" in shown["results = offdiag.load(plan, store=STORE)\nresults"]
    assert "image/png" in shown['results.figure("transfer", method="in-context")']


def test_the_page_of_the_examples_names_each():
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    listed = {Path(line.split("](")[1].split(")")[0]).name for line in page.splitlines() if line.startswith("| [")}
    assert listed == {path.name for path in EXAMPLES.iterdir() if path.name not in ("README.md", "__pycache__")}

"""Study files that are wrong in ways that Python takes, and inputs that are deep, large or of another type."""

import io
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import offdiag as package
from offdiag.engine import pool
from support.cli_types import Said

Offdiag = Callable[..., Said]
Mistake = Callable[..., str]
HEAD = """
from offdiag.methods import FineTuning, Recipe, ZeroShot
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.tasks import Domain, Example, Grade, Task, register
class P(StudyParams):
    model: ModelSpec = ModelSpec(source="dir:MODEL")
@study("own", scales={"quick": P()})
def own(p):
    asked = Evaluation(domain=Sums(base=8), n=3, max_new_tokens=4)
    cell = Cell(arm=Arm(model=p.model, method=ZeroShot()), evaluation=asked)
    return RETURNED
"""
OWN_TASK = """
class Words(Domain):
    task = "words-here"
    n: int = 0
@register
class First(Task[Words]):
    name, domain_type = "words-here", Words
    def domains(self): return [Words()]
    def examples(self, domain, split, n, seed): return [self.parse_problem(domain, str(i)) for i in range(n)]
    def demonstrations(self, domain, query, k, seed): return []
    def prompt(self, domain, example, style): return example.problem
    def response(self, domain, example, *, rationale): return example.target
    def grade(self, domain, example, completion): return GRADE
    def parse_problem(self, domain, problem): return Example(id=problem, problem=problem, target="1")
"""


@pytest.fixture
def written(tmp_path: Path, tiny_model: Path) -> Callable[..., Path]:
    """Write a study file that returns something."""

    def write(returned: str = "Design(cells=(cell,))", more: str = "") -> Path:
        path = tmp_path / "my.py"
        path.write_text(HEAD.replace("RETURNED", returned).replace("MODEL", str(tiny_model)) + more, encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        ("Design(cells=[1, 2])", "Design(cells=…) has 1 (int): expected Cell objects alone"),
        ("Design(cells=cell)", "expected a list of Cell objects"),
        ("Design(cells='ab')", "expected a list of Cell objects"),
        ("Design(cells=(cell,), figures=('k-shot',))", "Design(figures=…) has 'k-shot' (str): expected StudyFigure"),
        ("Design(cells=(cell,), measurements=(3,))", "Design(measurements=…) has 3 (int): expected Measurement"),
        ("Design(cells=(cell,), baseline='zero')", "Design(baseline=…) is 'zero' (str): expected a method"),
        ("Design(cells=(cell,), clusters=3)", "Design(clusters=…) is 3 (int): expected the name of a column"),
    ],
)
def test_a_design_of_other_things_is_one_line(
    mistake: Mistake, written: Callable[..., Path], returned: str, answer: str
) -> None:
    assert answer in mistake("plan", written(returned))


def test_a_design_takes_lists_and_generators(written: Callable[..., Path]) -> None:
    plan = package.plan(written("Design(cells=(c for c in [cell]), figures=[])"))
    assert plan.design.cells == tuple(plan.cells)
    assert plan.design.figures == ()


def test_a_domain_that_names_no_task(mistake: Mistake, written: Callable[..., Path]) -> None:
    more = "class Lost(Domain):\n    n: int = 0\n"
    path = written("Design(cells=(cell.model_copy(update={'evaluation': Evaluation(domain=Lost(), n=3)}),))", more)
    assert 'domain Lost does not say which task it is of: write task = "my-task"' in mistake("plan", path)


def test_two_tasks_of_one_name_in_a_file(mistake: Mistake, written: Callable[..., Path]) -> None:
    path = written(more=OWN_TASK + OWN_TASK[OWN_TASK.index("@register") :].replace("First", "Second"))
    assert "task 'words-here' is defined twice in " in mistake("plan", path)
    assert mistake("plan", path).endswith("First and Second; rename one of them")


def test_an_edited_task_of_another_class_name_is_no_twin(offdiag: Offdiag, written: Callable[..., Path]) -> None:
    assert offdiag("plan", written(more=OWN_TASK)).code == 0
    assert offdiag("plan", written(more=OWN_TASK.replace("First", "Renamed"))).code == 0


@pytest.mark.parametrize(
    ("grade", "answer"),
    [
        ("True", "grade of task words-here returned True (bool): expected Grade(parsed=…, status=…, correct=…)"),
        ("None", "returned None (NoneType): expected Grade("),
        ("Grade(parsed=3, status='parsed', correct=True)", "returned parsed=3 (int): expected a text or None"),
        ("Grade(parsed='3', status='ok', correct=True)", "status='ok' (str): expected one of parsed, unparsed"),
        ("Grade(parsed='3', status='parsed', correct=1)", "correct=1 (int): expected True or False"),
        ("Grade(parsed='3', status='parsed', correct=True, error=-1)", "error=-1 (int): expected a number of at least"),
    ],
)
def test_a_grader_that_returns_no_verdict(
    mistake: Mistake, offdiag: Offdiag, written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path, grade: str, answer: str,
) -> None:  # fmt: skip
    path = written(more=OWN_TASK.replace("GRADE", grade))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"problem": "1", "completion": "1"}')))
    assert answer in mistake("grade", "words-here", "--study", path)


def test_a_failure_of_ones_own_code_names_its_line_and_the_traceback(
    offdiag: Offdiag, written: Callable[..., Path], tmp_path: Path
) -> None:
    asked = "Evaluation(domain=Words(), n=3, max_new_tokens=4)"
    more = OWN_TASK.replace("GRADE", "{}['no such\\nkey']")
    path = written(f"Design(cells=(cell.model_copy(update={{'evaluation': {asked}}}),))", more)
    line = 1 + path.read_text().splitlines().index(
        "    def grade(self, domain, example, completion): return {}['no such\\nkey']"
    )
    store = tmp_path / "store"
    said = offdiag("run", path, "--store", store)
    assert said.code == 1
    (failed,) = store.glob("cells/*/error.txt")
    assert f"{path}:{line}: KeyError: 'no such\\nkey' (traceback: {failed})" in said.out
    assert "Traceback" in failed.read_text()
    assert "Traceback" not in said.out


def test_arms_that_start_from_each_other_fifty_times(written: Callable[..., Path]) -> None:
    more = """
from functools import reduce
def chain(model):
    method = FineTuning(n=4, recipe=Recipe(rank=2, warmup_updates=0, batch_size=4))
    def after(arm, i): return Arm(model=model, method=method, train=Sums(base=8 + i % 3), init_from=arm)
    return reduce(after, range(50), None)
"""
    path = written("Design(cells=(Cell(arm=chain(p.model), evaluation=asked),))", more)
    plan = package.plan(path)
    assert sum(step.kind == "training" for step in plan.steps) >= 50
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(pool.DEEPEST)  # as where steps are sent to workers
    try:
        sent = pickle.dumps(plan.steps[-1])
    finally:
        sys.setrecursionlimit(limit)
    assert pickle.loads(sent).fingerprint == plan.steps[-1].fingerprint


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"problem": "1+1", "completion": "2", "id": 1, "x": ' + "[" * 480 + "]" * 480 + "}", "more than 100 deep"),
        ('{"problem": "1+1", "completion": "2", "x": ' + '{"a":' * 101 + "1" + "}" * 101 + "}", "more than 100 deep"),
        ('{"problem": "1+1", "completion": ' + "[" * 100_000, "nested too deeply"),
        (f'{{"problem": "{"9" * 5000}+1", "completion": "2"}}', "cannot be read as one of base_addition"),
        ("\x80\x81\x7f{}", "is not UTF-8"),
        ("\x00", "is no text, most of its first bytes are zero"),
        ("{}" * 9 + "\x00", "is zero, which no text has"),
        ("[1, 2]", "expected an object with the texts"),
    ],
    ids=["lists", "objects", "deepest", "digits", "bytes", "zeros", "zero", "array"],
)
def test_completions_that_are_deep_or_no_text(
    mistake: Mistake, monkeypatch: pytest.MonkeyPatch, text: str, answer: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode("latin-1"))))
    assert answer in mistake("grade", "base_addition", "base=10")


def test_brackets_inside_texts_are_not_deep(offdiag: Offdiag, monkeypatch: pytest.MonkeyPatch) -> None:
    line = json.dumps({"problem": "1+1", "completion": "[" * 500 + '\\"{', "x": [[1]] * 200})
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(line.encode())))
    assert offdiag("grade", "base_addition", "base=10").code == 0


def test_more_resamples_than_memory_are_refused(mistake: Mistake, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("series,k,accuracy,n\na,0,0.1,20\na,1,0.2,20\na,2,0.5,20\na,4,0.9,20\n")
    for analysis in ("transition", "width-scaling"):
        said = mistake("analyse", analysis, tmp_path / "t.csv", "--resamples", "100000000000")
        assert said == "--set: resamples=100000000000 should be less than or equal to 100000"


def test_a_split_of_no_pairs_prints_the_single_tasks(offdiag: Offdiag, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("trained,evaluated,value\na,a,1\na,b,0.5\nb,a,0.2\nb,b,1\n")
    words = ("analyse", "transfer-matrix", tmp_path / "m.csv")
    assert offdiag(*words, "--split-by", "a") == offdiag(*words)


@pytest.mark.parametrize(
    ("pair", "name"),
    [
        ("n_eval=true", "n_eval=true"),
        ("recipe.learning_rate=true", "recipe.learning_rate=true"),
        ("shots=true", "shots[0]=true"),
        ("shots=1,false", "shots[1]=false"),
        ('recipe={"rank": true}', "recipe.rank=true"),
    ],
)
def test_true_is_no_number(mistake: Mistake, pair: str, name: str) -> None:
    assert mistake("plan", "base-addition", "--set", pair) == f"--set: {name} should be a number"

"""A task in a study file: what an edit of its rows, prompts and grader makes stale, and in what words."""

from collections.abc import Callable
from pathlib import Path

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.inspection import explain
from offdiag.store import State, Store

TASK = '''
"""A task of one's own."""
import json
from pathlib import Path
from typing import ClassVar

from helpers import verdict
from offdiag.methods import InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.tasks import Domain, Example, Grade, Task, register

HERE = Path(__file__).parent


class Capitals(Domain):
    task: ClassVar[str] = "capitals"


@register
class CapitalsTask(Task[Capitals]):
    """Asks for capitals."""
    name: ClassVar[str] = "capitals"
    domain_type: ClassVar[type[Domain]] = Capitals
    lead: ClassVar[str] = "Answer:"

    def domains(self):
        return [Capitals()]

    def examples(self, domain, split, n, seed):
        rows = [json.loads(line) for line in (HERE / f"{split}.jsonl").read_text().splitlines()]
        return [Example(id=str(i), problem=row["q"], target=row["a"]) for i, row in enumerate(rows[:n])]

    def size(self, domain, split):
        return len((HERE / f"{split}.jsonl").read_text().splitlines())

    def demonstrations(self, domain, query, k, seed):
        return self.examples(domain, "train", k, seed)

    def prompt(self, domain, example, style):
        # the question
        frame = (HERE / "frame.txt").read_text()
        return frame.replace("QUESTION", f"The capital of {example.problem}? {self.lead}")

    def response(self, domain, example, *, rationale):
        return example.target

    def grade(self, domain, example, completion):
        return verdict(completion, example.target)

    def parse_problem(self, domain, problem):
        return Example(id=problem, problem=problem, target="")


class Params(StudyParams):
    model: ModelSpec = ModelSpec(source="dir:MODEL")


@study("capitals", scales={"quick": Params()})
def capitals(p):
    """Capitals.

    A study for tests.
    """
    methods = (InContext(k=1, rationale=False), InContext(k=2, rationale=False, demonstrations="per-query"))
    arms = (Arm(model=p.model, method=ZeroShot()), *(Arm(model=p.model, method=m, train=Capitals()) for m in methods))
    asked = Evaluation(domain=Capitals(), n=2, max_new_tokens=2)
    return Design(cells=tuple(Cell(arm=arm, evaluation=asked) for arm in arms))
'''
HELPERS = '''
"""What the task uses."""
import re

from offdiag.tasks import Grade

WORD = re.compile(r"[a-z]+")
UNUSED = 1


def verdict(completion, target):
    """Grade a text."""
    found = WORD.search(completion.lower())
    said = None if found is None else found[0]
    return Grade(parsed=said, status="unparsed" if said is None else "parsed", correct=said == target.lower())


def unused():
    return 2
'''
ROWS = {"train": ["Spain/Madrid", "Italy/Rome", "Peru/Lima"], "eval": ["France/Paris", "Japan/Tokyo", "Cuba/Havana"]}
ALL = {"zero", "fixed", "per-query"}
GRADED, ASKED = {"cells"}, {"cells", "answers"}
GRADER = "the grader's code changed: helpers.py, my_task.py"
PROMPT = "the prompt's code changed: my_task.py"
RENDERED = "what capitals renders changed, though its code did not: a file that it reads, perhaps"
DRAWN = "the rows of capitals changed"
SHOWN = {"fixed", "per-query"}


@pytest.fixture(scope="module")
def written(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study and its files, and the store of its finished run."""
    folder = tmp_path_factory.mktemp("capitals")
    (folder / "my_task.py").write_text(TASK.replace("MODEL", str(tiny_model)))
    (folder / "helpers.py").write_text(HELPERS)
    (folder / "frame.txt").write_text("QUESTION")
    for split, rows in ROWS.items():
        pairs = (row.split("/") for row in rows)
        (folder / f"{split}.jsonl").write_text("".join(f'{{"q": "{q}", "a": "{a}"}}\n' for q, a in pairs))
    assert offdiag.run(folder / "my_task.py", store=folder / "store").complete
    return folder


@pytest.fixture
def edit(written: Path) -> Callable[..., None]:
    """Replace a text in a file of the folder; all files are as they were before and after."""
    names = ("my_task.py", "helpers.py", "frame.txt", "train.jsonl", "eval.jsonl")
    before = {name: (written / name).read_text() for name in names}

    def replace(name: str, old: str, new: str) -> None:
        assert old in before[name]
        (written / name).write_text(before[name].replace(old, new))

    yield replace
    for name, text in before.items():
        (written / name).write_text(text)


def stale(folder: Path) -> tuple[set[str], set[str], set[str]]:
    """The kinds of steps that are not done, the arms whose cells are not, and what is said of the steps."""
    plan = offdiag.plan(folder / "my_task.py")
    todo = [state for state in plan.survey(Store(folder / "store")) if state.state is not State.DONE]
    assert {state.state for state in todo} <= {State.STALE}
    names = [state.step.name for state in todo if state.step.kind == "cells"]
    arms = {"per-query" if "per-query" in name else "fixed" if ".k1." in name else "zero" for name in names}
    return {state.step.kind for state in todo}, arms, {state.note for state in todo}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("my_task.py", "# the question", "# another remark"),
        ("my_task.py", "Asks for capitals.", "Asks for the names of cities."),
        ("my_task.py", "example, completion):", "example, completion: str) -> Grade:"),
        ("my_task.py", 'problem=problem, target=""', 'problem=problem, target="?"'),
        ("helpers.py", "Grade a text.", "Grade it."),
        ("helpers.py", "return 2", "return 3"),
        ("helpers.py", "UNUSED = 1", "UNUSED = 2"),
        ("eval.jsonl", "Havana", "La Habana"),
    ],
)  # fmt: skip
def test_what_changes_no_result_leaves_all_done(
    written: Path, edit: Callable[..., None], name: str, old: str, new: str
) -> None:
    edit(name, old, new)
    assert stale(written) == (set(), set(), set())


@pytest.mark.parametrize(
    ("name", "old", "new", "kinds", "arms", "said"),
    [
        ("my_task.py", "verdict(completion, ", "verdict(completion[1:], ", GRADED, ALL, GRADER),
        ("helpers.py", "completion.lower()", "completion", GRADED, ALL, GRADER),
        ("helpers.py", "[a-z]+", "[a-z]{2,}", GRADED, ALL, GRADER),
        ("my_task.py", "The capital of", "What is the capital of", ASKED, ALL, PROMPT),
        ("my_task.py", '"Answer:"', '"Say:"', ASKED, ALL, PROMPT),
        ("frame.txt", "QUESTION", "QUESTION Well?", ASKED, ALL, RENDERED),
        ("eval.jsonl", "Paris", "Lutetia", {"examples", *ASKED}, ALL, DRAWN),
        ("train.jsonl", "Madrid", "Toledo", {"examples", *ASKED}, SHOWN, DRAWN),
        ("train.jsonl", "Lima", "Cuzco", ASKED, {"per-query"}, DRAWN),
    ],
)  # fmt: skip
def test_an_edit_makes_stale_what_it_changes(
    written: Path, edit: Callable[..., None], name: str, old: str, new: str, kinds: set[str], arms: set[str], said: str
) -> None:
    edit(name, old, new)
    assert stale(written) == (kinds, arms, {said})


def test_why_says_what_changed(written: Path, edit: Callable[..., None]) -> None:
    edit("my_task.py", "The capital of", "What is the capital of")
    lines = explain(
        Store(written / "store"), next((written / "store" / "cells").iterdir()).name, [str(written / "my_task.py")]
    ).lines
    assert lines[0] == "the prompt's code changed: my_task.py"
    assert len(lines) == 2


def test_rows_that_change_during_a_run_are_told(written: Path, edit: Callable[..., None], tmp_path: Path) -> None:
    plan = offdiag.plan(written / "my_task.py")
    edit("eval.jsonl", "Paris", "Lutetia")
    report = offdiag.run(plan, store=tmp_path / "store")
    assert not report.complete
    errors = [Store(tmp_path / "store").error(step) for step in plan.steps]
    assert any("the rows of capitals are others than when the run was planned: run again" in error for error in errors)


def test_two_rows_of_one_id_are_refused_in_the_plan(written: Path, edit: Callable[..., None]) -> None:
    edit("my_task.py", "id=str(i)", 'id="same"')
    with pytest.raises(UserError, match="id 'same' is that of two examples, 'France' and 'Japan'"):
        offdiag.plan(written / "my_task.py")

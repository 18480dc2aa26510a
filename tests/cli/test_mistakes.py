"""Whatever a person mistypes is answered by one line, with exit code 2."""

from collections.abc import Callable
from pathlib import Path

import pytest

Mistake = Callable[..., str]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("plan base-adition", "did you mean base-addition?"),
        ("plan nothing.py", "no study file"),
        ("plan .", "is a folder"),
        ("plan base-addition --scale qick", "expected one of quick, cpu, paper"),
        ("plan base-addition --set n_evl=4", "did you mean n_eval?"),
        ("plan base-addition --set n_eval=four", "n_eval=four should be a whole number"),
        ("plan base-addition --set n_eval=0", "n_eval=0 should be greater than or equal to 1"),
        ("plan base-addition --set n_eval", "expected name=value"),
        ("plan base-addition --set n_eval=4 --set n_eval=5", "n_eval is given twice"),
        ("plan base-addition --set recipe.learning_rat=1", "did you mean learning_rate?"),
        ("plan base-addition --set recipe.learning_rate=-1", "recipe.learning_rate=-1 should be greater than 0"),
        ("plan base-addition --set recipe=3", "set them one by one, as recipe.PART=VALUE"),
        ("plan base-addition --set n_eval.x=3", "n_eval has no parts"),
        ("plan base-addition --set shots=1,b", "shots[1]=b should be a whole number"),
        ("plan base-addition --set tuned_rationales=maybe", "tuned_rationales[0]=maybe should be true or false"),
        ("plan base-addition --set bases=8,8", "bases: a value stands there twice; give each once"),
        ("plan base-addition --set bases=1", "base=1 should be greater than or equal to 2"),
        ("plan base-addition --set model=foo:bar", "expected hub:org/name, dir:path or wheel:distribution"),
        ("plan base-addition --set model=", "expected hub:org/name, dir:path or wheel:distribution"),
        ("plan base-addition --set model=dir:/nowhere", "expected a folder with config.json"),
        ("plan base-addition --set model=wheel:offdiag-no-such", "the wheel is not installed; type: pip install"),
        ("plan base-addition --set model=hub:a/b --set n_eval=2000", "it has 1000; ask for 1000 or fewer"),
        ("plan base-addition --set model=hub:a/b --set shots=100000", "it has 1029; ask for 1029 or fewer"),
        (
            "plan base-addition --set model=hub:a/b -k nothing",
            "matches none of the 28 cells and 2 measurements: names are such as b--base=8",
        ),
        ("plan", "Missing argument 'STUDY'"),
        ("plan", "type: offdiag plan --help"),
        ("plan base-addition --sto x", "no option --sto: did you mean --store? type: offdiag plan --help"),
        ("plan base-addition --beautiful", "no option --beautiful; type: offdiag plan --help"),
        ("pln", "no command 'pln': did you mean plan? type: offdiag --help"),
        ("clean", "no command 'clean'; type: offdiag --help"),
        ("run base-addition --workers 0", "--workers 0 should be greater than or equal to 1; type: offdiag run --help"),
        ("run base-addition --workers x", "--workers x should be a whole number; type: offdiag run --help"),
        ("run base-addition --timeout inf", "--timeout inf should be less than or equal to 86400; type: "),
        ("check base-addition --n 99999999999999999999", "should be less than or equal to 10000"),
        ("matrix --train x --seeds 99999999999999999999", "should be less than or equal to 1000"),
        ("plan base-addition --store", "--store has no value behind it: give one; type: offdiag"),
        ("plan base-addition --json=3", "does not take a value; type: offdiag"),
        ("run base-addition --device tpu --set model=hub:a/b", "'tpu' is not one of 'auto', 'cpu', 'cuda', 'mps'"),
        ("run base-addition --engine foo --set model=hub:a/b", "unknown engine 'foo': expected one of inline, pool"),
        ("data base_adition", "unknown task 'base_adition': did you mean base_addition? expected one of base_addition"),
        ("data base_addition bas=8", "did you mean base?"),
        ("data base_addition base=99", "base=99 should be less than or equal to 36"),
        ("data base_addition base=8 --split foo", "expected one of train, eval"),
        ("data base_addition base=8 --n 0", "--n 0 should be greater than or equal to 1"),
        ("data base_addition base=8 --n 2000", "ask for 1000 or fewer"),
        ("doctor --model foo:bar", "expected hub:org/name, dir:path or wheel:distribution"),
        ("show tiny --store nowhere", "nothing is in the store nowhere yet"),
        ("why tiny --store nowhere", "nothing is in the store nowhere yet"),
    ],
)
def test_a_mistake_is_one_line(
    mistake: Mistake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, answer: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert answer in mistake(*words.split())


def test_a_package_that_is_not_installed_is_told_so(mistake: Mistake, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    assert f"is not installed: type pip install -e {tmp_path} first" in mistake("plan", tmp_path)


def test_control_characters_in_a_mistake_are_written_out(mistake: Mistake) -> None:
    assert r"\x1b[2J" in mistake("plan", "base\x1b[2J")


def test_a_token_budget_that_a_model_would_not_heed_is_refused(mistake: Mistake, tmp_path: Path) -> None:
    words = ("run", "base-addition", "--set", "model.dtype=bfloat16", "--token-budget", "1000", "--store", tmp_path)
    assert "type --set model.token_budget=1000" in mistake(*words)


def test_an_unreachable_hub_is_told_before_anything_runs(
    mistake: Mistake, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    said = mistake("run", "base-addition", "--set", "model=no/such", "--store", tmp_path / "store")
    assert "model hub:no/such is not downloaded" in said
    assert "hf download no/such" in said
    assert not (tmp_path / "store").exists()


HEAD = """
from offdiag.methods import FineTuning, InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.steps import Context, Generations
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from pydantic import model_validator
class P(StudyParams):
    model: ModelSpec = ModelSpec(source="hub:no/such")
    n_eval: int = 4
def design(p, method=ZeroShot(), train=None, base=8, **asked):
    arm = Arm(model=p.model, method=method, train=train)
    return Design(cells=(Cell(arm=arm, evaluation=Evaluation(domain=Sums(base=base), n=p.n_eval, **asked)),))
"""
STUDY = HEAD + '@study("own", scales={"quick": P()})\ndef own(p):\n    return '


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("def x(:", "my.py:1: syntax error"),
        ("raise RuntimeError('one\\ntwo')", "my.py:1: RuntimeError: one two"),
        ("import sys; sys.exit(3)", "my.py:1: SystemExit: 3"),
        ("import no_such_module", "my.py:1: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1", "defines 0 studies, expected exactly one"),
        (STUDY + "design(p)\nother = study('other', scales={'quick': P()})(own.build)", "defines 2 studies"),
        (HEAD + "P(n_eval='x', foo=3)", "my.py:14: ValidationError: P: n_eval=x should be a whole number; foo=3"),
        (STUDY + "None", "returns NoneType: expected return Design"),
        (STUDY + "design(p) + 3", "my.py:16: TypeError"),
        (STUDY + "design(p, base=float('nan'))", "base=NaN should be a finite number"),
        (
            STUDY + "design(p, split='train', method=FineTuning(n=4), train=Sums(base=8))",
            "evaluate on a held-out split",
        ),
        (STUDY + "design(p, method=FineTuning(n=4))", "set train="),
        (STUDY + "design(p, split='test')", "has no split 'test'"),
        (STUDY.replace("P()", "P(n_eval=2000)") + "design(p)", "ask for 1000 or fewer"),
    ],
)
def test_a_study_file_that_is_wrong_is_one_line(mistake: Mistake, tmp_path: Path, text: str, answer: str) -> None:
    path = tmp_path / "my.py"
    path.write_text(text + "\n", encoding="utf-8")
    assert answer in mistake("plan", path, "--store", tmp_path / "store")


def test_a_study_file_that_is_not_text(mistake: Mistake, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_bytes(b"\xff\xfe\x00")
    assert "my.py" in mistake("plan", tmp_path / "my.py")


def test_a_field_without_canonical_form_is_named(mistake: Mistake, tmp_path: Path) -> None:
    text = """
class Before(Context):
    words: object
    @property
    def label(self): return "before"
    def prompts(self, work, domain, queries, bare): return bare
class Told(ZeroShot):
    def predictor(self, model, train, seed):
        return super().predictor(model, train, seed)._replace(context=Before(words=lambda: 1))
"""
    (tmp_path / "my.py").write_text(HEAD + text + STUDY.removeprefix(HEAD) + "design(p, method=Told())\n")
    said = mistake("plan", tmp_path / "my.py")
    assert "words (function) cannot be part of an identity" in said
    assert "0x" not in said


def test_a_validator_of_a_persons_own_speaks_for_itself(mistake: Mistake, tmp_path: Path) -> None:
    text = """
class Even(P):
    @model_validator(mode="after")
    def even(self):
        if self.n_eval % 2:
            raise ValueError("n_eval must be even,\\nsuch as 4")
        return self
"""
    (tmp_path / "my.py").write_text(HEAD + text + STUDY.removeprefix(HEAD).replace("P()", "Even()") + "design(p)\n")
    said = mistake("plan", tmp_path / "my.py", "--set", "n_eval=5")
    assert said == "--set: n_eval must be even, such as 4"


def test_what_was_taught_cannot_be_asked(mistake: Mistake, tmp_path: Path) -> None:
    """A task whose splits overlap is found out when the study is planned."""
    text = """
from offdiag.tasks import Domain, Example, Grade, Task, register
class Same(Domain):
    task = "same"
@register
class Leaky(Task[Same]):
    name, domain_type = "same", Same
    def domains(self): return [Same()]
    def examples(self, domain, split, n, seed):
        return [Example(id=f"{split}{i}", problem=str(i), target="1") for i in range(n)]
    def demonstrations(self, domain, query, k, seed): return []
    def prompt(self, domain, example, style): return example.problem
    def response(self, domain, example, *, rationale): return "1"
    def grade(self, domain, example, completion): return Grade(parsed=None, status="unparsed", correct=False)
    def parse_problem(self, domain, problem): return Example(id=problem, problem=problem, target="1")
"""
    call = (
        "Design(cells=(Cell(arm=Arm(model=p.model, method=InContext(k=1, rationale=True), train=Same()), "
        "evaluation=Evaluation(domain=Same(), n=2)),))"
    )
    (tmp_path / "my.py").write_text(HEAD + text + STUDY.removeprefix(HEAD) + call + "\n")
    said = mistake("plan", tmp_path / "my.py", "--store", tmp_path / "store")
    assert "share" in said or "in both" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new", "study", "of-mine", "--in", "a-file"), "a-file: File exists; mend that, or give another place"),
        (("new", "study", "of-mine", "--in", "a-file/x"), "a-file/x: Not a directory; mend that"),
        (("plan", "base-addition", "--store", "a-file/x"), "is a file, and a store is a folder"),
        (
            ("matrix", "--train", "~nobody-of-that-name/x.jsonl", "--eval", "~nobody-of-that-name/x.jsonl"),
            "~nobody-of-that-name/x.jsonl",
        ),
        (
            ("plan", "base-addition", "--set", "model=dir:~nobody-of-that-name/x"),
            "~nobody-of-that-name/x: expected a folder",
        ),
    ],
)
def test_a_place_that_cannot_be_is_a_mistake_of_the_line(mistake, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    Path("a-file").write_text("")
    assert said in mistake(*words)


def test_a_home_that_the_shell_did_not_read_is_read(offdiag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert offdiag("new", "task", "of-mine", "--in=~/tasks").code == 0
    assert (tmp_path / "home/tasks/of_mine.py").is_file()
    assert not Path("~").exists()

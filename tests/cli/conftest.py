import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from offdiag.cli import main
from support.cli_types import Finished, Said

SMALL = (
    "n_eval=4 max_new_tokens=8 max_direct_tokens=8 bases=8 digits=2 shots=1 n_train=8 recipe.warmup_updates=0 "
    "recipe.batch_size=4 recipe.rank=2 n_counting=0 anchor_forms= shown_rationales=true"
)
# A study of a person's own: parameters, and a task that the same file registers.
OWN_STUDY = '''
from offdiag.methods import InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study
from offdiag.tasks import Domain, Example, Grade, Task, register

class Doubles(Domain):
    task = "doubles"
    start: int = 0

@register
class Doubling(Task[Doubles]):
    name, domain_type = "doubles", Doubles
    def domains(self): return [Doubles()]
    def examples(self, domain, split, n, seed):
        first = domain.start + (100 if split == "train" else 0)
        return [self.parse_problem(domain, f"2*{first + i}") for i in range(n)]
    def demonstrations(self, domain, query, k, seed): return self.examples(domain, "train", k, seed)
    def prompt(self, domain, example, style): return f"What is {example.problem}?"
    def response(self, domain, example, *, rationale): return example.target
    def grade(self, domain, example, completion):
        return Grade(parsed=completion, status="parsed", correct=completion == example.target)
    def parse_problem(self, domain, problem):
        return Example(id=problem, problem=problem, target=str(2 * int(problem[2:])))

class Params(StudyParams):
    model: ModelSpec = ModelSpec(source="dir:MODEL")
    shots: tuple[int, ...] = (1,)

@study("doubling", scales={"quick": Params()})
def doubling(p: Params) -> Design:
    """Doubling numbers.

    The claim: examples help.
    """
    asked = Evaluation(domain=Doubles(), n=3, max_new_tokens=4)
    shown = [Arm(model=p.model, method=InContext(k=k, rationale=True), train=Doubles()) for k in p.shots]
    arms = [Arm(model=p.model, method=ZeroShot()), *shown]
    return Design(cells=tuple(Cell(arm=arm, evaluation=asked) for arm in arms), baseline=ZeroShot())
'''


@pytest.fixture
def offdiag(capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def call(*words: object) -> Said:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        code = ended.value.code
        return Said(0 if code is None else int(code), *capfd.readouterr())

    return call


@pytest.fixture
def mistake(offdiag: Callable[..., Said]) -> Callable[..., str]:
    """The one line that the command says of a mistake, without the name of the program."""

    def call(*words: object, code: int = 2) -> str:
        said = offdiag(*words)
        assert said.code == code, said
        assert said.err.startswith("offdiag: ")
        assert said.err.count("\n") == 1, said.err
        assert "pydantic" not in said.err
        return said.err.removeprefix("offdiag: ").strip()

    return call


@pytest.fixture(scope="session")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    import offdiag

    store = tmp_path_factory.mktemp("cli") / "store"
    overrides = dict(pair.split("=") for pair in SMALL.split()) | {"model": f"dir:{tiny_model}"}
    assert offdiag.run("base-addition", store=store, **overrides).complete
    words = [word for pair in overrides.items() for word in ("--set", "=".join(pair))]
    return Finished(store, ("base-addition", *words), overrides)


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Finished:
    """A copy of the finished store, to be damaged."""
    shutil.copytree(finished.store, tmp_path / "store")
    return finished._replace(store=tmp_path / "store")


@pytest.fixture
def own_study(tiny_model: Path, tmp_path: Path) -> Path:
    """The file of a person's own study, on the tiny model."""
    path = tmp_path / "my study.py"
    path.write_text(OWN_STUDY.replace("MODEL", str(tiny_model)), encoding="utf-8")
    return path

"""A real Slurm of two nodes, and a study whose steps take as long as a test wants; no model is needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from offdiag.cli import main
from offdiag.engine import run_plan
from offdiag.planning import Plan, make_plan
from offdiag.store import Store
from offdiag.study_files import load_study
from support.local_slurm import LocalSlurm, lacking
from support.tiny_study import contents

STUDY = '''
import os, pathlib, time
from offdiag.steps import Measurement
from offdiag.steps.jsonl import append_jsonl, recover_jsonl
from offdiag.study import Design, StudyParams, study

class Squares(Measurement):
    tag, table = "slow-squares", "squares"
    label: int
    model: bool = False
    n: int = 5

    @property
    def name(self): return f"squares-{self.label}"
    @property
    def group(self): return "a model" if self.model else None
    def factors(self): return {"label": self.label}
    def measure(self, work):
        partial, told = work.folder / "rows.partial.jsonl", pathlib.Path(__file__).with_name("told")
        with told.open("a") as file:
            print(self.name, os.environ.get("SLURMD_NODENAME"), os.environ.get("CUDA_VISIBLE_DEVICES"), file=file)
        for i in range(len(recover_jsonl(partial)), self.n):
            append_jsonl(partial, [{"label": self.label, "i": i, "square": i * i}])
            work.progress(i + 1, self.n)
            while i and not pathlib.Path(__file__).with_name("go").exists():
                time.sleep(0.05)
                work.progress(i + 1, self.n)
        yield from recover_jsonl(partial)

class Params(StudyParams):
    steps: int = 6
    models: int = 0

@study("slow-squares", scales={"quick": Params()})
def slow_squares(p: Params) -> Design:
    """Squares that take their time.

    The claim: none.
    """
    made = [Squares(label=i) for i in range(p.steps)] + [Squares(label=100 + i, model=True) for i in range(p.models)]
    return Design(cells=(), measurements=tuple(made))
'''


@pytest.fixture(scope="session")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSlurm]:
    if why := lacking():
        pytest.skip(why)
    found = LocalSlurm(tmp_path_factory.mktemp("slurm"))
    try:
        found.start()
        yield found
    finally:
        found.stop()


@pytest.fixture
def slurm(daemons: LocalSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalSlurm]:
    """The Slurm, to which this process's own commands speak; its queue is empty before and after."""
    for name, value in daemons.environment.items():
        monkeypatch.setenv(name, value)
    yield daemons
    daemons.run("scancel", "--user=root")
    daemons.until(lambda: daemons.run("squeue", "-h") == "", "an empty queue")


class Workplace:
    """The study and its store, with what its workers say; ``go`` lets its steps end."""

    def __init__(self, folder: Path) -> None:
        self.study, self.store = folder / "slow_squares.py", Store(folder / "store")
        self.study.write_text(STUDY)
        self.told = folder / "told"

    def plan(self, **params: int) -> Plan:
        return make_plan(load_study(self.study), "quick", params)

    def go(self) -> None:
        self.study.with_name("go").touch()

    def call(self, verb: str, *words: object) -> int:
        """Run a command on the study and its store; returns its exit code."""
        with pytest.raises(SystemExit) as ended:
            main([verb, str(self.study), "--store", str(self.store.root), *map(str, words)])
        return int(ended.value.code or 0)

    def job(self) -> str:
        """The number of the last job."""
        (folder,) = (self.store.root / "slurm").iterdir()
        return (folder / "jobs.json").read_text().strip("[]\n").split(",")[-1].strip(' "')

    def said(self) -> str:
        return "\n".join(path.read_text() for path in self.store.root.glob("slurm/*/*.out"))

    def left(self) -> list[str]:
        """Leases and failures in the store."""
        return [p.name for end in ("lease.json*", "error.txt") for p in self.store.root.glob(f"*/*/{end}")]

    def compare_with_one_process(self, alone: Path, **params: int) -> None:
        """Check that the store holds, byte for byte, what one process makes; clocks, scripts and logs aside."""
        run_plan(self.plan(**params), Store(alone))
        made = {name: what for name, what in contents(self.store.root).items() if not name.startswith("slurm/")}
        assert made == contents(alone)


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)

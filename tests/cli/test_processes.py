"""The program as a process of its own: what it imports, signals, pipes, terminals, workers."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cli_types import Finished, cells, on_a_terminal, spawn

HEAVY = {"torch", "transformers", "peft", "matplotlib", "accelerate"}


def loaded_by(*words: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    code = (
        "import sys\nfrom offdiag.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as ended:\n"
        "    print(*sys.modules, file=sys.stderr)\n    sys.exit(ended.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        input='{"problem": "76+76", "completion": "174"}\n',
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("words", ["studies", "plan STUDY", "status STUDY", "run STUDY", "data", "grade"])
def test_what_computes_nothing_loads_nothing_heavy(finished: Finished, words: str) -> None:
    verb, *rest = words.split()
    study = [*finished.words, "--store", str(finished.store)] if rest else []
    task = ["base_addition", "base=8"] if verb in ("data", "grade") else []
    light = verb in ("studies", "plan", "data", "grade")  # status and run make frames
    assert not loaded_by(verb, *study, *task) & (HEAVY | ({"pandas", "scipy"} if light else set()))


@pytest.mark.parametrize(
    "code",
    [
        "import offdiag",
        "from offdiag.study_files import STUDIES; assert STUDIES.names()",
        "import offdiag; offdiag.plan('base-addition', model='hub:a/b')",
    ],
)
def test_plans_and_names_in_python_load_no_library_of_frames(code: str) -> None:
    words = [sys.executable, "-c", f"{code}; import sys; print(*sys.modules)"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & (HEAVY | {"pandas", "scipy"})


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_what_is_told_of_the_program_loads_no_library_of_numbers(word: str) -> None:
    assert not loaded_by(word) & (HEAVY | {"numpy", "pandas", "scipy", "offdiag.study"})


def test_a_reader_that_leaves_is_no_error() -> None:
    process = spawn("data", "base_addition", "base=8", "--n", "1000")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("{")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=120) == 0
    process.stderr.close()


def test_a_run_goes_on_when_its_reader_leaves(own_study: Path, tmp_path: Path) -> None:
    slow = own_study.read_text().replace(
        "        return Grade", '        __import__("time").sleep(0.4)\n        return Grade'
    )
    own_study.write_text(slow)  # so that there is a line to print while the run goes on
    process = spawn("run", own_study, "--store", tmp_path / "store")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=120) == 0
    process.stderr.close()
    assert not list((tmp_path / "store").glob("*/*/error.txt"))
    assert all((path / "result.json").exists() for path in cells(tmp_path / "store"))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Processes begun here hear Ctrl-C, even where the tests run in the background and do not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_keeps_what_was_finished(own_study: Path, tmp_path: Path) -> None:
    asked, store = tmp_path / "asked", tmp_path / "store"
    own_study.write_text(
        own_study.read_text().replace(
            '    def prompt(self, domain, example, style): return f"What',
            "    def prompt(self, domain, example, style):\n"
            "        import pathlib, time\n"
            # a prompt is worded before the run, too, to see whether it fits into the context
            f"        if list(pathlib.Path({str(store)!r}).glob('examples/*/result.json')):\n"
            f"            pathlib.Path({str(asked)!r}).touch()\n"
            "            time.sleep(60)\n"
            '        return f"What',
        )
    )
    process = spawn("run", own_study, "--store", store)
    deadline = time.monotonic() + 60
    while not asked.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert err == ("offdiag: interrupted; everything that was finished is kept: type the same command again\n")
    assert len(list(store.glob("examples/*/result.json"))) == 2
    assert not list(store.glob("answers/*/result.json"))
    assert not list(store.glob("*/*/lease.json"))


def test_a_study_of_ones_own_with_two_workers(own_study: Path, tmp_path: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    process = spawn("run", own_study, "--workers", "2", "--store", tmp_path / "store", "--set", "shots=1,2")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")
    assert "9 of 9 steps done." in out
    assert len(cells(tmp_path / "store")) == 3


def test_names_are_never_broken_on_a_terminal(finished: Finished) -> None:
    folders = cells(finished.store)
    assert folders
    for columns in (80, 200):
        code, shown = on_a_terminal(columns, "status", *finished.words, "--store", finished.store)
        assert code == 0
        assert all(folder.name in shown for folder in folders)


@pytest.mark.parametrize("words", ["studies", "plan base-addition --set model=hub:org/some-model-7b"])
def test_tables_fit_on_a_terminal_of_eighty_columns(words: str, tmp_path: Path) -> None:
    code, shown = on_a_terminal(80, *words.split(), OFFDIAG_STORE=str(tmp_path / "store"))
    assert code == 0
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip() for line in shown.splitlines()]
    tables = lines[lines.index("Studies" if words == "studies" else "Steps") :]
    assert len(tables) > 20
    assert [line for line in tables if len(line) > 80 and not line.startswith("Next: ")] == []


def test_no_color_means_none(finished: Finished) -> None:
    words = ("plan", *finished.words, "--store", finished.store, "--set", "recipe.learning_rate=0.5")
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9]m|\x1b\[9[0-7]m")
    code, shown = on_a_terminal(100, *words, NO_COLOR="1")
    assert code == 0
    assert "learning_rate" in shown
    assert not coloured.search(shown)


def test_results_fit_a_narrow_terminal(copied: Finished) -> None:
    (cells(copied.store)[0] / "result.json").unlink()
    code, shown = on_a_terminal(60, "run", *copied.words, "--store", copied.store)
    assert code == 0
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line).rstrip() for line in shown.splitlines()]
    matrix = lines[lines.index("base-addition · quick") : lines.index("1 of 1 step done.")]
    assert max(map(len, matrix)) <= 60
    assert sum(re.match(r"k1\.rationale  base=8,digits=2  \* 0\.0 \[0–49\]", line) is not None for line in matrix) == 1
    assert any(line.split()[-1:] == ["direct"] for line in matrix)

"""Plug-ins that are broken, named twice or of the wrong kind harm nobody who does not ask for them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from offdiag import registry
from offdiag.cli import main
from offdiag.errors import UserError
from offdiag.study_files import STUDIES, load_study
from offdiag.tasks import TASKS, get_task, register
from offdiag.tasks.task import Task
from support.packages import distribution

STUDY = """
from offdiag.study import Design, StudyParams, study
@study("NAME", scales={"quick": StudyParams()})
def found(p): return Design()
"""
Add = Callable[..., None]


@pytest.fixture
def add(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Add]:
    """Let this process see a package with these entry points and modules."""
    loaded = set(sys.modules)
    for known in (STUDIES, TASKS):
        monkeypatch.setattr(known, "_loaded", {})
        monkeypatch.setattr(known, "_added", {})

    def install(name: str, points: dict[str, dict[str, str]], **modules: str) -> None:
        monkeypatch.syspath_prepend(distribution(tmp_path / name, name, points, **modules))
        registry._groups.cache_clear()

    yield install
    monkeypatch.undo()
    registry._groups.cache_clear()
    for name in set(sys.modules) - loaded:
        if name.startswith("their_"):
            del sys.modules[name]


def said(name: str) -> str:
    with pytest.raises(UserError) as error:
        load_study(name)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("module", "value", "what"),
    [
        ("raise RuntimeError('no\\nluck')", "their_broken:found", "(RuntimeError: no luck)"),
        ("import no_such_module", "their_broken:found", "(ModuleNotFoundError: No module named 'no_such_module')"),
        ("def x(:", "their_broken:found", "(SyntaxError: "),
        ("import sys; sys.exit(3)", "their_broken:found", "(SystemExit: 3)"),
        ("raise type('Panic', (BaseException,), {})('rust')", "their_broken:found", "(Panic: rust)"),
        ("from offdiag.tasks import get_task; get_task('nix')", "their_broken:found", "unknown task 'nix'"),
        (STUDY.replace("NAME", "broken").replace('{"quick": StudyParams()}', "{}"), "their_broken:found", "no scales"),
        ("", "not a module", "cannot be loaded from 'not a module': expected module:object"),
        ("", "their_broken:found", "has no attribute 'found'"),
        ("", "their_missing:found", "No module named 'their_missing'"),
        ("found = 3", "their_broken:found", "is an int: expected an instance of offdiag.study.Study"),
        (STUDY.replace("NAME", "other"), "their_broken:found", "calls itself 'other': give it one name"),
    ],
)
def test_a_broken_plug_in_is_one_line_that_names_its_package(
    add: Add, capsys: pytest.CaptureFixture[str], module: str, value: str, what: str
) -> None:
    good = {"good": "their_good:found"}
    add("their-broken", {"offdiag.studies": {"broken": value}}, their_broken=module)
    add("their-good", {"offdiag.studies": good}, their_good=STUDY.replace("NAME", "good"))
    assert {"broken", "good", "base-addition"} <= set(STUDIES.names())
    assert "their_broken" not in sys.modules
    assert what in said("broken")
    assert "their-broken" in said("broken")
    assert load_study("good").name == "good"
    with pytest.raises(SystemExit) as ended:
        main(["studies"])
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert "good" in out
    assert "base-addition" in out
    assert err.count("\n") == 1
    assert "their-broken" in err


def test_a_package_without_a_name_is_named_by_its_folder(add: Add, tmp_path: Path) -> None:
    add("their-nameless", {"offdiag.studies": {"broken": "their_nameless:found"}}, their_nameless="raise ValueError")
    (metadata,) = tmp_path.glob("*/*.dist-info/METADATA")
    metadata.write_text("Metadata-Version: 2.4\nVersion: 1.0\n")
    assert f"of the package {metadata.parent} cannot be loaded" in said("broken")
    assert said("broken").endswith(f"type: rm -r {metadata.parent}")


def test_a_name_of_two_packages_is_refused(add: Add) -> None:
    for name in ("their-first", "their-second"):
        module = name.replace("-", "_")
        add(name, {"offdiag.studies": {"twin": f"{module}:found"}}, **{module: STUDY.replace("NAME", "twin")})
    assert "study 'twin'" in said("twin")
    assert "their-first, their-second" in said("twin")
    assert "pip uninstall their-first" in said("twin")
    assert load_study("base-addition").name == "base-addition"


def test_a_built_in_name_cannot_be_taken(add: Add) -> None:
    points = {"offdiag.studies": {"base-addition": "their_own:found"}, "offdiag.tasks": {"counting": "their_own:T"}}
    add("their-own", points, their_own="raise AssertionError")
    assert "offdiag, their-own" in said("base-addition")
    assert "pip uninstall their-own" in said("base-addition")
    with pytest.raises(UserError, match="task 'counting' .*offdiag, their-own"):
        get_task("counting")
    assert get_task("base_addition").name == "base_addition"
    assert load_study("width-ablation").name == "width-ablation"


@pytest.mark.parametrize(
    ("module", "what"),
    [
        ("def found(): pass", "is a function: expected a complete class that extends offdiag.tasks.task.Task"),
        ("class found: pass", "is the class found: expected a complete class"),
        (
            "from offdiag.tasks import Task\nclass found(Task): name = 'mine'",
            "is the class found without demonstrations, domains, examples, grade, parse_problem, prompt, response",
        ),
    ],
)
def test_a_task_of_the_wrong_kind(add: Add, module: str, what: str) -> None:
    add("their-task", {"offdiag.tasks": {"mine": "their_task:found"}}, their_task=module)
    with pytest.raises(UserError) as error:
        get_task("mine")
    assert what in str(error.value)
    assert "their-task" in str(error.value)


def test_a_study_file_cannot_take_a_name_that_a_package_gives(add: Add) -> None:
    with pytest.raises(
        UserError, match=r"task 'counting' of .*: the package offdiag has one of this name; rename yours"
    ):
        register(type("Counting", (Task,), {"name": "counting", "__module__": "my_study"}))


def test_listing_names_imports_nothing_and_reads_metadata_once() -> None:
    code = (
        "import sys, offdiag.cli, importlib.metadata as metadata\n"
        "from offdiag.registry import Registry\n"
        "read, calls = metadata.entry_points, []\n"
        "import offdiag.registry as registry\n"
        "registry.entry_points = lambda: calls.append(1) or read()\n"
        "tasks, studies = (Registry(kind, f'offdiag.{kind}', object) for kind in ('tasks', 'studies'))\n"
        "assert 'world_map' in tasks.names() and 'easy-to-hard' in studies.names()\n"
        "assert len(calls) == 1, calls\n"
        "assert not [name for name in sys.modules if name.startswith(('offdiag.studies', 'offdiag.tasks'))]\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

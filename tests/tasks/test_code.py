"""Which edits change the hash of a class's code: those that can change a result, and no others."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offdiag.tasks import get_task
from offdiag.tasks.code import Code, code_of

FILES = {
    "pack/__init__.py": "",
    "pack/task.py": """
import json as j
import pack.far.words
from functools import cache
from pathlib import Path

from . import tools
from .base import Mixin
from .consts import *
from .records import Found
from offdiag.studies.base_addition.task.prompts import question

HERE = str(Path(__file__).parent)
ALIASES = j.loads((Path(HERE) / "aliases.json").read_text())
WORDS = ["a"]
WORDS.append("b")
CACHE = {}


def _decorate(function):
    return lambda *args: function(*args)


@cache
def remembered(text):
    return text * 2


class Task(Mixin):
    '''A task.'''

    lead: str = "Q"

    def __init__(self):
        self.table = tools.table()

    def prompt(self, text: str) -> str:
        '''Word it.'''
        return self.lead + tools.clean(text) + remembered(text) + STAR + question(text)

    @_decorate
    def grade(self, text):
        from pack.inner import last

        if text in ALIASES or text in WORDS:
            return Found(pack.far.words.strip(last(text)))
        return self.mixed(text) or self.table[text]

    @property
    def other(self):
        return HERE
""",
    "pack/aliases.json": '{"x": 1}',
    "pack/tools.py": "SIZE = 3\n\ndef clean(text):\n    return text[:SIZE]\n\ndef table():\n    return {}\n",
    "pack/base.py": "class Mixin:\n    def mixed(self, text):\n        return self.deeper()\n    def deeper(self):\n"
                    "        return 1\n",
    "pack/consts.py": "STAR = '*'\nMOON = '('\n",
    "pack/records.py": "class Found:\n    kind = 'k'\n    def __init__(self, text):\n        self.text = text\n",
    "pack/inner.py": "def last(text):\n    return text[-1]\n",
    "pack/far/__init__.py": "",
    "pack/far/words.py": "def strip(text):\n    return text.strip()\n\ndef split(text):\n    return text.split()\n",
}  # fmt: skip


@pytest.fixture
def pack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    yield tmp_path
    forget()


def forget() -> None:
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0] == "pack"]:
        del sys.modules[name]


def codes() -> dict[str, Code]:
    forget()
    cls = importlib.import_module("pack.task").Task
    return {name: code_of(cls, (name,)) for name in ("prompt", "grade", "other")}


def test_the_files_are_named(pack: Path) -> None:
    found = codes()
    assert found["prompt"].files == ("pack/consts.py", "pack/task.py", "pack/tools.py")
    grade = ("base", "far/words", "inner", "records", "task", "tools")
    assert found["grade"].files == tuple(f"pack/{name}.py" for name in grade)


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("task.py", "'''Word it.'''", "'''Say it.'''  # so", set()),
        ("task.py", "text: str) -> str", "text)", set()),
        ("task.py", "CACHE = {}", "CACHE = {1: 2}", set()),
        ("consts.py", "'('", "')'", set()),
        ("far/words.py", "text.split()", "[text]", set()),
        ("task.py", '"Q"', '"Q:"', {"prompt"}),
        ("task.py", "text * 2", "text * 3", {"prompt"}),
        ("tools.py", "SIZE = 3", "SIZE = 4", {"prompt"}),
        ("consts.py", "'*'", "'+'", {"prompt"}),
        ("task.py", "function(*args)", "function(*args[:2])", {"grade"}),
        ("task.py", 'append("b")', 'append("c")', {"grade"}),
        ("aliases.json", "1", "2", {"grade"}),
        ("far/words.py", "text.strip()", "text.strip('.')", {"grade"}),
        ("inner.py", "-1", "0", {"grade"}),
        ("base.py", "return 1", "return 2", {"grade"}),
        ("records.py", "'k'", "'l'", {"grade"}),
        ("tools.py", "return {}", "return {1: 2}", {"grade"}),
        ("task.py", "self.table = tools.table()", "self.table = None", {"grade"}),
        ("task.py", "return HERE", "return HERE[1:]", {"other"}),
    ],
)
def test_an_edit_changes_what_runs_it(pack: Path, name: str, old: str, new: str, changed: set[str]) -> None:
    before = codes()
    path = pack / "pack" / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    after = codes()
    assert {part for part in before if before[part].hash != after[part].hash} == changed


def test_what_is_used_of_offdiag_counts_by_its_version(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = codes()
    monkeypatch.setattr("offdiag.studies.base_addition.task.prompts.PROMPT_VERSION", 99)
    after = codes()
    assert {part for part in before if before[part].hash != after[part].hash} == {"prompt"}


def test_what_a_subclass_of_a_built_in_task_overrides_counts() -> None:
    built_in = type(get_task("base_addition"))

    def subclass(key: str) -> type:
        scope: dict[str, object] = {"__name__": "__nowhere__", "Base": built_in}
        exec(f"class Mine(Base):\n    def key(self, domain, example): return {key!r}", scope)
        return scope["Mine"]  # type: ignore[return-value]

    one, same, other = (code_of(subclass(key), ("grade",)).hash for key in ("a", "a", "b"))
    assert one == same != other


def test_where_the_files_lie_does_not_matter(pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = codes()
    (pack / "pack").rename(tmp_path / "moved")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "moved").rename(tmp_path / "elsewhere" / "pack")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    assert codes() == before


def made(lead: str) -> type:
    class Made:
        def prompt(self) -> str:
            return lead

    return Made


def test_a_class_made_by_a_function_holds_what_it_was_made_with() -> None:
    one, same, other = (code_of(made(lead), ("prompt",)).hash for lead in ("a", "a", "b"))
    assert one == same != other


TYPED = """
import re
WORD = "[a-z]"
def helper(text):
    'Help.'
    return re.findall(WORD, text)
class Task:
    lead = "Q"
    def prompt(self, text):
        return self.lead
    def grade(self, text):
        return helper(text)
"""


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        ("'Help.'", "'Say.'", set()),
        ("\n", "\n\n", set()),
        ('"Q"', '"A"', {"prompt"}),
        ("[a-z]", "[a-y]", {"grade"}),
        ("(WORD, text)", "(WORD, text)[0]", {"grade"}),
    ],
)
def test_a_class_without_a_file_is_hashed_by_its_byte_code(old: str, new: str, changed: set[str]) -> None:
    def typed(text: str) -> dict[str, str]:
        scope: dict[str, object] = {"__name__": "__nowhere__"}
        exec(text, scope)
        return {name: code_of(scope["Task"], (name,)).hash for name in ("prompt", "grade")}  # type: ignore[arg-type]

    before, after = typed(TYPED), typed(TYPED.replace(old, new))
    assert {name for name in before if before[name] != after[name]} == changed


def test_hashes_are_those_of_another_process() -> None:
    asked = """
from offdiag.tasks import get_task
from offdiag.tasks.content import task_code
print(*(task_code(get_task("easy_to_hard"), role).hash for role in ("prompt", "grader", "draws")))
"""
    said = {
        subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(said) == 1

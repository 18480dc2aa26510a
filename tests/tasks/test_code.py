"""Which edits change the hash of a class's code: those that can change a result, and no others."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from offdiag.identity import differences
from offdiag.tasks import get_task
from offdiag.tasks.changes import in_words
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


def forget(top: str = "pack") -> None:
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.partition(".")[0].rstrip("0123456789") == top]:
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
    assert {name: code[:2] for name, code in codes().items()} == {name: code[:2] for name, code in before.items()}


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
from offdiag.identity import differences
from offdiag.tasks import get_task
from offdiag.tasks.changes import in_words
from offdiag.tasks.content import task_code
print(*(task_code(get_task("easy_to_hard"), role).hash for role in ("prompt", "grader", "draws")))
"""
    said = {
        subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(said) == 1


ONE = """
import functools, re
from pathlib import Path
from dataclasses import dataclass
HERE = Path(__file__).parent
{module}
class Task({bases}):
    def grade(self, text):
        return {body}
{behind}
"""


def hash_of(folder: Path, n: int, **parts: str) -> str:
    """The hash of the grader of a module that is made of some parts."""
    text = ONE.format(**{"module": "", "bases": "object", "body": "text", "behind": "", **parts})
    (folder / f"one{n}.py").write_text(text)
    return code_of(importlib.import_module(f"one{n}").Task, ("grade",)).hash


FILL = "T = {{}}\ndef fill():\n    T['a'] = {}\nfill()"
ADDED = "T = []\ndef add(f):\n    T.append(f)\n    return f\n@add\ndef one(text): return {}"
LISTED = (
    "class Base:\n    known = []\n    def __init_subclass__(cls):\n        Base.known.append(cls)\n"
    "class One(Base):\n    size = {}"
)
MIXED = "class A:\n    def ok(self): return 1\nclass B:\n    def ok(self): return 2"


@pytest.mark.parametrize(
    ("parts", "old", "new"),
    [
        ({"module": "T = {{}}\nfor i in range(2):\n    T[i] = {}", "body": "T[1]"}, "i", "i * 2"),
        ({"module": FILL, "body": "T['a']"}, "1", "2"),
        ({"module": "T = {{}}\ndef fill(t):\n    t['a'] = {}\nfill(T)", "body": "T['a']"}, "1", "2"),
        ({"module": "A = 0\ndef fill():\n    global A\n    A = {}\nB = fill()", "body": "A"}, "1", "2"),
        ({"module": ADDED, "body": "T[0](text)"}, "1", "2"),
        ({"module": LISTED, "body": "Base.known[0].size"}, "1", "2"),
        ({"module": "(A := {})", "body": "A"}, "1", "2"),
        ({"module": "globals()['A'] = {}", "body": "A"}, "1", "2"),
        ({"module": "exec('A = {}')", "body": "A"}, "1", "2"),
        ({"module": "class H: pass\nH.ok = lambda self: {}", "body": "H().ok()"}, "1", "2"),
        ({"module": "class H: pass\nsetattr(H, 'ok', {})", "body": "H().ok"}, "1", "2"),
        ({"module": "@dataclass\nclass H:\n    n: {} = 1", "body": "H()"}, "int", "str"),
        ({"module": "def h():\n    '{}'", "body": "h.__doc__"}, "one", "two"),
        ({"behind": "Task.grade = lambda self, text: {}"}, "1", "2"),
        ({"body": "self.size", "behind": "Task.size = {}"}, "1", "2"),
        ({"body": "getattr(self, 'size')", "behind": "Task.size = {}"}, "1", "2"),
        ({"body": "getattr(self, 'si' + 'ze')", "behind": "Task.size = {}"}, "1", "2"),
        ({"body": "self.size", "behind": "setattr(Task, 'size', {})"}, "1", "2"),
        ({"module": MIXED, "body": "self.ok()", "bases": "{}"}, "A, B", "B, A"),
    ],
)
def test_what_happens_around_the_class_counts(tmp_path, monkeypatch, parts, old, new) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    filled = [{name: text.format(value) for name, text in parts.items()} for value in (old, new, old)]
    found = [hash_of(tmp_path, n, **each) for n, each in enumerate(filled)]
    forget("one")
    assert found[0] != found[1]
    assert found[0] == found[2]


@pytest.mark.parametrize(
    ("module", "body"),
    [
        ("W = re.compile((HERE / 'w.txt').read_text())", "W.search(text)"),
        ("import numpy\nW = numpy.loadtxt(HERE / 'w.txt')", "W.sum()"),
        ("class V:\n    def __init__(self): self.words = (HERE / 'w.txt').read_text()\nW = V()", "W.words"),
        ("W = {(word, 1): 1 for word in (HERE / 'w.txt').read_text().split()}", "W[text, 1]"),
        ("W = {'a': set((HERE / 'w.txt').read_text())}", "W['a']"),
        ("W = functools.partial(int, (HERE / 'w.txt').read_text())", "W()"),
        ("import pandas\nW = pandas.DataFrame({'a': [(HERE / 'w.txt').read_text()]})", "W"),
    ],
)
def test_what_was_read_from_a_file_counts(tmp_path, monkeypatch, module, body) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for n, content in enumerate(("1 2", "1 3", "1 2")):
        (tmp_path / "w.txt").write_text(content)
        found.append(hash_of(tmp_path, n, module=module, body=body))
    forget("one")
    assert found[0] != found[1]
    assert found[0] == found[2]


@pytest.mark.parametrize(
    ("module", "body"),
    [
        ("def unused(): return {}", "text"),
        ("U = []\ndef add(f):\n    U.append(f)\n    return f\n@add\ndef one(): return {}", "text"),
        ("def both(f): return f\n@both\ndef used(): return 1\n@both\ndef unused(): return {}", "used()"),
        ("def used(): return 1\nif __name__ == '__main__':\n    print(used(), {})", "used()"),
        ("class Base: pass\nclass One(Base):\n    size = {}", "Base()"),
    ],
)
def test_what_is_not_used_does_not_count(tmp_path, monkeypatch, module, body) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = [hash_of(tmp_path, n, module=module.format(n), body=body) for n in range(2)]
    forget("one")
    assert found[0] == found[1]


def test_files_that_the_code_names_are_told(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "data").mkdir()
    for name in ("data/words.txt", "names.json", "other.txt"):
        (tmp_path / name).write_text("x")
    body = "(HERE / 'data' / 'words.txt').read_text() + open(HERE / 'names.json').read()"
    hash_of(tmp_path, 0, body=body)
    code = code_of(sys.modules["one0"].Task, ("grade",))
    forget("one")
    assert [path.name for path in code.data] == ["words.txt", "names.json"]


OWN = """
from typing import ClassVar
from offdiag.steps import Context, Step
class Advice(Context):
    tag: ClassVar[str] = "own-advice"
    label: ClassVar[str] = "advice"
    def prompts(self, work, domain, queries, bare):
        return [f"{before} {{question}}" for question in bare]
class Counted(Step):
    kind: ClassVar[str] = "counts"
    tag: ClassVar[str] = "own-count"
    name: ClassVar[str] = "count"
    def run(self, work):
        return {{"n": {number}}}
"""


@pytest.mark.parametrize(("name", "what"), [("Advice", "own-advice"), ("Counted", "own-count")])
def test_the_code_of_ones_own_contexts_and_steps_is_part_of_their_identity(tmp_path, monkeypatch, name, what) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for n, (before, number) in enumerate([("Hint:", 1), ("Hint:", 1), ("Think:", 2)]):
        (tmp_path / f"own{n}.py").write_text(OWN.format(before=before, number=number))
        found.append(getattr(importlib.import_module(f"own{n}"), name)())
    forget("own")
    assert found[0].fingerprint == found[1].fingerprint != found[2].fingerprint
    assert in_words(differences(found[0].canonical(), found[2].canonical())) == [f"the code of {what} changed"]

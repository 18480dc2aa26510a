"""Modules beside study files: each study has its own, also after an edit, and none is confused with another."""

import json
import os
import sys
from pathlib import Path

import pytest

from offdiag.cli import main
from offdiag.errors import UserError
from offdiag.python_files import forget_files
from offdiag.study_files import load_study

STUDY = """
from offdiag.study import Design, StudyParams, study
from my_parts import TITLE
class Params(StudyParams):
    title: str = TITLE
@study("mine", scales={"quick": Params()})
def mine(p): return Design()
"""

STUDY_OF = """
from offdiag.study import StudyParams, study
@study("{name}", scales={scales})
{what}: pass
"""


def written(folder: Path, title: str) -> Path:
    folder.mkdir()
    (folder / "my_parts.py").write_text(f'TITLE = "{title}"\n')
    (folder / "my_study.py").write_text(STUDY)
    return folder / "my_study.py"


def title_of(study: Path) -> str:
    return str(load_study(study).params("quick").model_dump()["title"])


@pytest.mark.parametrize("edited", ["my_parts.py", "my_study.py"])
def test_an_edit_is_seen_by_the_next_load(tmp_path: Path, edited: str) -> None:
    study = written(tmp_path / "a", "one")
    assert title_of(study) == "one"
    assert load_study(study) == load_study(study)
    path = study.with_name(edited)
    before = path.stat()
    old, new = ("one", "two") if edited == "my_parts.py" else ("= TITLE", '="two"')
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if edited at once, to the same length
    assert title_of(study) == "two"


def test_equally_named_modules_of_two_folders_are_not_confused(tmp_path: Path) -> None:
    first, second = written(tmp_path / "a", "one"), written(tmp_path / "b", "two")
    assert title_of(first) == "one"
    with pytest.raises(UserError, match=r"b/my_study\.py imports .*b/my_parts\.py, but .*a/my_parts\.py: rename one"):
        load_study(second)
    assert title_of(first) == "one"
    forget_files()
    assert title_of(second) == "two"
    forget_files()
    assert "my_parts" not in sys.modules


def test_a_name_that_is_imported_later_is_not_confused_either(tmp_path: Path) -> None:
    lazy = STUDY.replace("from my_parts import TITLE", "def title():\n    from my_parts import TITLE\n    return TITLE")
    lazy = lazy.replace("= TITLE", '= ""')
    first, second = written(tmp_path / "a", "one"), written(tmp_path / "b", "two")
    first.write_text(lazy)
    load_study(first)
    with pytest.raises(UserError, match="another module my_parts"):
        load_study(second)


def test_a_module_beside_that_has_the_name_of_a_loaded_one_is_refused(tmp_path: Path) -> None:
    study = written(tmp_path / "a", "one")
    study.with_name("my_parts.py").rename(study.with_name("pathlib.py"))
    study.write_text(STUDY.replace("my_parts", "pathlib"))
    with pytest.raises(
        UserError, match=r"a/pathlib\.py, but this process has another module pathlib, .*pathlib.py: rename"
    ):
        load_study(study)


def test_two_studies_of_a_folder_share_the_module_beside_them(tmp_path: Path) -> None:
    first = written(tmp_path / "a", "one")
    second = first.with_name("other.py")
    second.write_text(STUDY.replace('"mine"', '"other"'))
    assert title_of(first) == title_of(second) == "one"
    assert load_study(first).name == "mine"


def test_a_mistake_in_a_module_beside_is_one_line(tmp_path: Path) -> None:
    study = written(tmp_path / "a", "one")
    study.with_name("my_parts.py").write_text("TITLE = 1 / 0\n")
    with pytest.raises(UserError, match=r"^[^\n]*a/my_parts\.py:1: ZeroDivisionError: division by zero$"):
        load_study(study)
    study.with_name("my_parts.py").write_text("TITLE = (\n")
    with pytest.raises(UserError, match=r"^[^\n]*a/my_parts\.py:1: syntax error"):
        load_study(study)


def test_a_table_analysis_of_a_study_file_is_known_by_its_study(tmp_path: Path, capsys) -> None:
    study = written(tmp_path / "a", "one")
    (tmp_path / "a" / "my_parts.py").write_text(
        """
from typing import ClassVar
from offdiag.analyses import TableAnalysis, register_table_analysis
TITLE = "one"
@register_table_analysis
class RowCount(TableAnalysis):
    name: ClassVar[str] = "row-count"
    about: ClassVar[str] = "any columns"
    terminal_columns: ClassVar[tuple[str, ...]] = ("rows",)
    def analyse(self, table):
        import pandas as pd
        return pd.DataFrame({"rows": [len(table)]})
"""
    )
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(SystemExit) as ended:
        main(["analyse", "row-count", str(table), "--study", str(study), "--json"])
    assert ended.value.code == 0
    assert json.loads(capsys.readouterr().out) == [{"rows": 2, "unbounded": []}]
    with pytest.raises(SystemExit) as ended:
        main(["analyse", "row-counts", str(table)])
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert "--study my_study.py" in said
    forget_files()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (STUDY_OF.format(name="", scales='{"quick": StudyParams()}', what="def found(p)"), "a study has no name"),
        (STUDY_OF.format(name="mine", scales="{}", what="def found(p)"), "study mine has no scales"),
        (STUDY_OF.format(name="mine", scales='{"quick": 3}', what="def found(p)"), "scale 'quick' of study mine is 3"),
        (STUDY_OF.format(name="mine", scales='{"quick": StudyParams()}', what="class Found"), "write @study above a"),
        ("raise type('Panic', (BaseException,), {})('rust')", r"my_study\.py:1: Panic: rust"),
    ],
)
def test_a_study_that_cannot_be_one_is_told_in_one_line(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "my_study.py"
    path.write_text(text)
    with pytest.raises(UserError, match=what) as error:
        load_study(path)
    assert "\n" not in str(error.value)


def test_an_interrupt_in_a_study_file_is_an_interrupt(tmp_path: Path) -> None:
    path = tmp_path / "my_study.py"
    path.write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_study(path)


def test_a_task_that_a_study_file_does_not_register_is_told_how(tmp_path: Path, capsys) -> None:
    study = written(tmp_path / "a", "one")
    for words in (["data", "letters", "--study", str(study)], ["data", "letters"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert "a study file adds its own with @register" in capsys.readouterr().err

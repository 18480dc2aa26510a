"""A store, a table and a name may come from anybody: none runs code, rules the terminal or leaves its folder."""

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import offdiag as package
from offdiag.errors import UserError
from offdiag.python_files import only_files
from offdiag.tasks.files.function import GraderFunction
from support.cli_types import Finished, Said, cells
from support.tiny_study import write_result

Offdiag = Callable[..., Said]
Mistake = Callable[..., str]
# Clears the screen, sets the title of the window, and turns the text about.
EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066"


def rename_study(folder: Path, study: object) -> None:
    """Let a step of a store say that another study asked for it."""
    path = folder / "cell.json"
    cell = json.loads(path.read_text())
    path.write_text(json.dumps({**cell, "origin": {**cell["origin"], "study": str(study)}}) + "\n")
    result = json.loads((folder / "result.json").read_text())
    del result["files"]  # as whoever makes such a store would see to
    write_result(folder, result)


@pytest.mark.parametrize("name", ["evil.py", "evil.txt", "evil"])
def test_no_verb_runs_what_a_store_names(mistake: Mistake, copied: Finished, tmp_path: Path, name: str) -> None:
    trap = tmp_path / name
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (trained,) = (copied.store / "training").glob("*")
    for folder in (cells(copied.store)[0], trained):
        rename_study(folder, trap)
    tries = (("why", cells(copied.store)[0].name), ("show", cells(copied.store)[0].name), ("push", trained.name, "a/b"))
    for verb, *words in tries:
        said = mistake(verb, *words, *(["--dry-run"] if verb == "push" else []), "--store", copied.store)
        asked = f"what a store names is not run: if you trust that file, type --study {trap} as well"
        assert (asked if name == "evil.py" else "is not called .py, and nothing else is run") in said
    assert not (tmp_path / "ran").exists()


def test_a_grader_that_a_store_names_is_not_run_either(tmp_path: Path) -> None:
    """An installed study may have a parameter that names a file of a person's own."""
    ran, trap = tmp_path / "ran", tmp_path / "evil.py"
    trap.write_text(f"open({str(ran)!r}, 'w')\ndef grade(completion, target): return True\n")
    with only_files([tmp_path / "other.py"]), pytest.raises(UserError, match="what a store names is not run"):
        GraderFunction.load(str(trap), "grade")
    assert not ran.exists()
    with only_files([str(trap)]):
        assert GraderFunction.load(str(trap), "grade").name == f"{trap}:grade"
    assert ran.exists()
    trap.rename(tmp_path / "evil.txt")
    with pytest.raises(UserError, match="is not called .py"):
        GraderFunction.load(str(tmp_path / "evil.txt"), "grade")


def test_a_file_that_is_not_called_py_is_not_run(mistake: Mistake, tmp_path: Path) -> None:
    trap = tmp_path / "study.txt"
    trap.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    for words in (("plan", trap), ("run", trap), ("data", "doubles", "--study", trap)):
        assert "study.txt is not called .py, and nothing else is run" in mistake(*words)
    assert not (tmp_path / "ran").exists()


def test_what_was_typed_stands_for_what_the_store_names(offdiag: Offdiag, copied: Finished) -> None:
    folder = cells(copied.store)[0]
    rename_study(folder, "/gone/my.py")
    assert offdiag("why", folder.name, "--study", copied.words[0], "--store", copied.store).out.startswith("done: ")


def test_what_a_store_says_does_not_rule_the_terminal(offdiag: Offdiag, copied: Finished) -> None:
    folder = cells(copied.store)[0]
    result = json.loads((folder / "result.json").read_text())
    result["summary"] = {f"n{EVIL}": f"4{EVIL}\nforged: line"}
    write_result(folder, result)
    shown = offdiag("show", folder.name, "--store", copied.store)
    assert shown.out.replace("\n", "").isprintable()
    assert r"  n\x1b[2J\x1b]0;owned\x07\x9b31m\u202eevil\u2066: 4\x1b" in shown.out
    assert r"\x0aforged: line" in shown.out
    (folder / "result.json").unlink()
    (folder / "error.txt").write_text(f"Traceback:\nValueError: {EVIL}")
    for words in (("why", folder.name), ("status", *copied.words)):
        said = offdiag(*words, "--store", copied.store)
        assert said.out.replace("\n", "").isprintable()
        assert r"ValueError: \x1b[2J" in said.out


def test_all_that_commands_print_goes_through_one_door() -> None:
    folder = Path(package.__file__).parent / "cli"
    doors = {folder / "tables.py", folder / "app.py"}
    printing = {"print", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write", "click.echo"}
    found = [
        f"{path.name}:{node.lineno}"
        for path in sorted(folder.rglob("*.py"))
        if path not in doors
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in printing
    ]
    assert found == [], "use offdiag.cli.tables.say"

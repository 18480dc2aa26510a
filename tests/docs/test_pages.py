"""The pages say what is true: links lead somewhere, commands are understood, Python runs."""

import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.main import get_command

import offdiag
from offdiag.cli.app import COMMANDS, app, command_named, each_named
from offdiag.parameters import override, parse_sets
from offdiag.study_files import STUDIES, load_study
from support.documented import ROOT
from support.published_config import config, section

PAGES = sorted(
    {
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "examples/README.md")),
        *(ROOT / "docs").rglob("*.md"),
    }
)
BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, *languages: str) -> list[str]:
    """The code of a page in one of these languages."""
    return [code for language, code in BLOCK.findall(page.read_text(encoding="utf-8")) if language in languages]


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """What a link may name in a page: its headings, as GitHub writes them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path):
    astray = []
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", prose(page)):
        if re.match(r"\w+:", target):
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there)):
            astray.append(f"{target}#{anchor}")
    assert not astray


def test_every_page_has_its_place_in_the_site():
    listed = re.findall(r'"([\w/.-]+\.md)"', (ROOT / "zensical.toml").read_text(encoding="utf-8"))
    held = {page.relative_to(ROOT / "docs").as_posix() for page in PAGES if page.is_relative_to(ROOT / "docs")}
    made = {"index.md", "changes.md", "contributing.md"}
    assert sorted(name for name in listed if not name.startswith("reference/")) == sorted(held | made)


def commands(page: Path) -> dict[str, bool]:
    """Commands that a page shows and leaves not open with … or a|b: True in blocks, False within sentences."""
    blocked = [line for code in blocks(page, "sh", "bash") for line in code.replace("\\\n", " ").splitlines()]
    told = re.findall(r"`(offdiag [^`]*)`", prose(page).replace("\n", " "))
    lines = dict.fromkeys(told, False) | dict.fromkeys(blocked, True)
    shown = {re.split(r" [|>&]+ |  +# |; ", line.strip())[0]: whole for line, whole in lines.items()}
    return {
        line: whole
        for line, whole in shown.items()
        if line.startswith("offdiag ") and not re.search(r"…|\.\.\.|\w\|\w", line)
    }


SHOWN = [(page, line, whole) for page in PAGES for line, whole in commands(page).items()]


def parsed(line: str, whole: bool) -> dict[str, Any]:
    """The parameters that a command reads from a line; it raises what the command would complain of.

    Of a part of a command, or with names in capitals, which stand for others, options alone are looked at.
    """
    name, *rest = shlex.split(line)[1:]
    if name.startswith("-"):
        main: Any = get_command(app)
        return dict(main.make_context(line, [name], resilient_parsing=True).params)
    assert name in COMMANDS, f"no command {name}"
    command: Any = command_named(name)
    if (verbs := getattr(command, "commands", None)) and rest:
        command, rest = verbs[rest[0]], rest[1:]
    several = getattr(import_module(f"offdiag.cli.commands.{name}"), "SEVERAL", ())
    words = list(each_named(rest, several))
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options | {"--help"}
    named_later = re.search(r"\b[A-Z]+\b", line) or "--help" in words or not whole
    return dict(command.make_context(line, words, resilient_parsing=bool(named_later)).params)


@pytest.mark.parametrize(
    ("line", "whole"), [shown[1:] for shown in SHOWN], ids=[f"{named(page)}: {line}" for page, line, _ in SHOWN]
)
def test_commands_are_understood(line: str, whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    if "data_config.json" in line:
        config(tmp_path, positive_emotions={"quadrant_labels": section("foods")["quadrant_labels"]})  # an old rule
        monkeypatch.chdir(tmp_path)
    said = parsed(line, whole)
    if (name := said.get("study")) in STUDIES:  # its scale and its parameters, too
        scale = said.get("scale") or "quick"
        params = STUDIES.get(name).params("quick" if scale.isupper() else scale)
        assert override(params, parse_sets(said.get("sets") or ()))


# The others are run whole: by tests/registry, tests/notebook and test_tutorial.py.
WHOLE = ("CONTRIBUTING.md", "docs/notebook.md", "docs/tutorial.md")
ONE_BY_ONE = [page for page in PAGES if named(page) not in WHOLE]
# those of submitit need an executor, which tests/slurm/test_submitit.py has
PYTHON = [(page, code) for page in ONE_BY_ONE for code in blocks(page, "python") if "submitit" not in code]


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=[named(page) for page, _ in PYTHON])
def test_python_runs(page: Path, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for file in re.findall(r'safe_open\("([\w./-]+)"', code):  # what an export has written
        (tmp_path / file).parent.mkdir()
        save_file({"states": np.zeros((2, 3))}, tmp_path / file)
    if "@study" not in code:
        exec(compile(code, named(page), "exec"), {})
        return
    (tmp_path / "shown.py").write_text(code, encoding="utf-8")
    shown = load_study(tmp_path / "shown.py")
    if "lm_eval:" not in code:  # whose data are on the hub
        assert offdiag.plan(shown).steps

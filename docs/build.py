"""Build the documentation site into site/: the pages of this folder, those at the root, and the generated reference."""

import re
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import typer

ROOT = Path(__file__).resolve().parents[1]
STAGED = ROOT / ".site"  # what zensical reads
AT_ROOT = {"README.md": "index.md", "CHANGELOG.md": "changes.md", "CONTRIBUTING.md": "contributing.md"}
# The rooms with names for others, in the order of the reference, each with what one does there.
ROOMS = {
    "offdiag.api": "The verbs",
    "offdiag.study": "Studies",
    "offdiag.tasks": "Tasks",
    "offdiag.tasks.files": "Your own files",
    "offdiag.models": "Models",
    "offdiag.methods": "Methods",
    "offdiag.training": "Training",
    "offdiag.steps": "Steps",
    "offdiag.measurements": "Measurements",
    "offdiag.analyses": "Analyses",
    "offdiag.figures": "Figures",
    "offdiag.stats": "Statistics",
    "offdiag.engine": "Engines",
    "offdiag.store": "The store",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def moved(text: str, page: Path) -> str:
    """Return the text of a page with its links as they are in the site; what the site lacks is named and not linked."""

    def link(found: re.Match[str]) -> str:
        picture, words, target, anchor = found.groups("")
        if not target or re.match(r"\w+:", target):
            return found[0]
        path = (page.parent / target).resolve().relative_to(ROOT).as_posix()
        place = AT_ROOT.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else None)
        if place is None:
            return words
        here = page.parent.relative_to(ROOT / "docs") if page.is_relative_to(ROOT / "docs") else Path()
        return f"{picture}[{words}]({'../' * len(here.parts)}{place}{anchor})"

    return LINK.sub(link, text)


def commands() -> str:
    """Return the page of all commands: the help of each, as it is printed."""
    from offdiag.cli.app import COMMANDS, app, command_named

    group = typer.main.get_command(app)
    parts = ["# Commands\n", _help(group, "offdiag")]
    for name in COMMANDS:
        command = command_named(name)
        parts += [f"\n## offdiag {name}\n", _help(command, f"offdiag {name}")]
        for verb, inner in getattr(command, "commands", {}).items():
            parts += [f"\n### offdiag {name} {verb}\n", _help(inner, f"offdiag {name} {verb}")]
    return "\n".join(parts)


def _help(command: typer.core.TyperCommand, name: str) -> str:
    context = command.make_context(name, [], resilient_parsing=True, terminal_width=80, max_content_width=80)
    return f"```text\n{command.get_help(context)}\n```"


def python(room: str, title: str) -> str:
    """Return the page of one room: every name that it gives to others, from its docstring."""
    names = getattr(import_module(room), "__all__", None)
    said = f"::: {room}" if names is None else "\n".join(f"::: {room}.{name}\n" for name in names)
    return f"# {title}\n\n`{room}`\n\n{said}"


def stage() -> None:
    """Write every page of the site, as Markdown."""
    shutil.rmtree(STAGED, ignore_errors=True)
    shutil.copytree(ROOT / "docs", STAGED, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    pages = [(ROOT / name, STAGED / place) for name, place in AT_ROOT.items()]
    pages += [(ROOT / "docs" / page.relative_to(STAGED), page) for page in STAGED.rglob("*.md")]
    for source, page in pages:
        page.write_text(moved(source.read_text(encoding="utf-8"), source), encoding="utf-8")
    reference = STAGED / "reference"
    reference.mkdir()
    (reference / "commands.md").write_text(commands(), encoding="utf-8")
    for room, title in ROOMS.items():
        (reference / f"{room}.md").write_text(python(room, title), encoding="utf-8")


if __name__ == "__main__":
    stage()
    sys.exit(subprocess.run(["zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False).returncode)

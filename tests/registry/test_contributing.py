"""CONTRIBUTING.md shows the package of tests/third_party as it is, and the commands it shows do their work."""

import re
import shlex
import subprocess
from importlib import import_module
from pathlib import Path

from offdiag.registry import Registry
from support.documented import ROOT
from support.packages import PACKAGE
from support.warm import warm_offdiag

PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# The path of a file on a line of its own, and below it the file.
SHOWN = re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE.split("### Install and run")[1], flags=re.MULTILINE | re.DOTALL)


def test_the_page_shows_every_file_of_the_package_as_it_is():
    files = [path for path in sorted(PACKAGE.rglob("*")) if path.suffix in (".py", ".toml")]
    assert len(SHOWN) == len({name for name, _ in SHOWN})
    assert dict(SHOWN) == {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in files}


def test_the_table_names_every_group_of_entry_points_with_its_class():
    rows = re.findall(r"^\| \[[\w ]+\]\(#[\w-]+\) \| `([\w.]+)`.* \| `(offdiag\.\w+)` \|", PAGE, flags=re.MULTILINE)
    listed = {group: base for base, group in rows} | {"offdiag.line_formats": "offdiag.analyses.LineFormat"}
    assert "group `offdiag.line_formats`" in PAGE
    found = {registry.group: registry for registry in registries()}
    assert set(listed) == set(found)
    for group, base in listed.items():
        module, _, name = base.rpartition(".")
        assert getattr(import_module(module), name) is found[group].base


def registries() -> list[Registry]:
    names = ("tasks", "methods", "steps", "analyses", "figures", "exports", "models", "engine", "study_files")
    modules = [import_module(f"offdiag.{name}") for name in names]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Registry)]


def test_links_and_paths_lead_somewhere():
    anchors = {
        re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", PAGE, re.M)
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= anchors
    paths = {*re.findall(r"\]\(([\w/.]+)\)", PAGE), *re.findall(r"tests/\w[\w/]*(?:\.\w+)?", PAGE)}
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_the_commands_of_the_page_do_their_work(installed: Path, tiny_model: Path, tmp_path: Path, monkeypatch):
    package, file = COMMANDS[1], COMMANDS[2]
    assert COMMANDS[0] == "pip install .\n"  # what the fixture did
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    said = run(package, tiny_model, tmp_path, installed)
    assert "offdiag-letters" in said
    assert "Begin with the last letter." in said
    assert '"correct": true' in said
    assert (tmp_path / "report" / "index.html").is_file()
    assert (tmp_path / "files" / "surprise.csv").is_file()
    for name, text in SHOWN:
        path = tmp_path / name.removeprefix("src/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(registered(text) if path.name == "task.py" else text, encoding="utf-8")
    (tmp_path / "offdiag_letters" / "study.py").rename(tmp_path / "my_study.py")
    assert "4 cells and 1 measurement" in run(file, tiny_model, tmp_path)


def registered(text: str) -> str:
    """A task as the page shows it for a study file."""
    imports, decorated = re.findall(r"^(from offdiag\.tasks .*\n)\n\n((?:.*\n){2})```", PAGE, flags=re.MULTILINE)[0]
    before = imports.replace(", register", "")
    assert before in text
    assert decorated.splitlines()[1] in text
    return text.replace(before, imports).replace(decorated.splitlines()[1], decorated.rstrip("\n"))


def run(commands: str, model: Path, folder: Path, packages: Path | None = None) -> str:
    """What the commands print in a folder, with a tiny model instead of the default one."""
    tiny = re.sub(r"^offdiag (plan|run|report|export) \S+", rf"\g<0> --set model=dir:{model}", commands, flags=re.M)
    script = (
        f'offdiag() {{ {shlex.join(warm_offdiag())} "$@"; }}\nexport PYTHONPATH="{packages or ""}:$PYTHONPATH"\n{tiny}'
    )
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout

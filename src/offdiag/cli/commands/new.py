"""``offdiag new``: write a study, task, method, measurement, analysis or package that works, with its test."""

import keyword
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from offdiag.cli.tables import say
from offdiag.errors import UserError

Kind: TypeAlias = Literal["study", "task", "method", "measurement", "analysis", "package"]

# The files of a package: its template, and its path in the package's folder.
_PACKAGE = {
    "pyproject": "pyproject.toml",
    "package_study": "src/{module}/study.py",
    "task": "src/{module}/task.py",
    "test_task": "tests/test_{module}.py",
}


def new(
    kind: Annotated[Kind, typer.Argument(metavar="KIND", help="study, task, method, measurement, analysis, package.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, in small letters with hyphens.")],
    folder: Annotated[Path, typer.Option("--in", metavar="FOLDER", help="Where the files go.")] = Path(),
) -> None:
    """Write a template that works, with its test."""
    module = name.replace("-", "_")
    _check_name(kind, name, module)
    home = folder / name if kind == "package" else folder
    files = {home / path: text for path, text in rendered(kind, name).items()}
    if there := [path for path in files if path.exists()]:
        raise UserError(f"{there[0]} is there already: take another name, or type --in FOLDER")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    say(*map(str, files), "", "Next:", *_next(kind, name, module, home))


def rendered(kind: Kind, name: str) -> dict[str, str]:
    """Return the files of a new thing as texts, by their paths."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    module = name.replace("-", "_")
    environment = Environment(
        loader=PackageLoader("offdiag.cli", "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )  # no HTML: what is made is Python
    words = {
        "name": name,
        "module": module,
        "cls": "".join(part.capitalize() for part in name.split("-")),
        "title": name.replace("-", " ").capitalize(),
        "alone": kind != "package",
    }
    files = {kind: f"{module}.py", f"test_{kind}": f"test_{module}.py"}
    if kind == "package":
        files = {template: path.format(module=module) for template, path in _PACKAGE.items()}
    found = {path: environment.get_template(f"{template}.jinja").render(words) for template, path in files.items()}
    if kind == "package":
        found[f"src/{module}/__init__.py"] = f'"""{words["title"]}, with offdiag."""\n'
    return found


def _check_name(kind: Kind, name: str, module: str) -> None:
    """Refuse a name that could not be typed or imported, or that stands for something else."""
    from offdiag.methods.method import METHODS
    from offdiag.study_files import STUDIES
    from offdiag.tasks import TASKS

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UserError(f"name {name!r}: expected small letters and digits with hyphens between, such as my-task")
    if keyword.iskeyword(module) or module in sys.stdlib_module_names or find_spec(module) is not None:
        raise UserError(f"name {name!r}: Python has a module of that name; take another one, such as my-{name}")
    for what, names in (("task", TASKS.names()), ("method", METHODS.names()), ("study", STUDIES.names())):
        if name in names:
            raise UserError(f"name {name!r}: there is a {what} of that name; take another one, such as my-{name}")


def _next(kind: Kind, name: str, module: str, home: Path) -> list[str]:
    """Return the commands to type next."""
    if kind == "package":
        place = shlex.quote(str(home))
        return [f"pip install -e {place}", f"pytest {place}", f"offdiag plan {name}"]
    file, test = (shlex.quote(str(home / path)) for path in (f"{module}.py", f"test_{module}.py"))
    return [f"pytest {test}", f"offdiag plan {file}", f"offdiag run {file}"]

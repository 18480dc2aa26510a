"""Load studies by name, or from any Python file that defines one and the modules beside it."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from offdiag.errors import UserError
from offdiag.places import at_home
from offdiag.python_files import load_file
from offdiag.registry import Registry
from offdiag.study import Study

STUDIES = Registry[Study[Any]]("study", "offdiag.studies", Study, instances=True, named_by="name")


def load_study(name: str | Path) -> Study[Any]:
    """Load the study of this name, or the one study that a Python file defines.

    A file is loaded again if it or a module beside it was edited since. What it registers is known from then on.

    Raises:
        UserError: there is no such study or file, or the file cannot be read, run, or holds not exactly one study.
    """
    if str(name) in STUDIES:
        return STUDIES.get(str(name))
    path = at_home(name)
    if path.suffix == ".py":
        return replace(_study_in(load_file(path), str(path)), file=path.resolve())
    if (path / "pyproject.toml").is_file():
        raise UserError(f"{path} is the folder of a package that is not installed: type pip install -e {path} first")
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the study file in it, such as {path / 'my_study.py'}")
    if path.exists():
        raise UserError(f"{path} is not called .py, and nothing else is run: give a Python file, such as my_study.py")
    try:
        return STUDIES.get(str(name))
    except UserError as error:
        raise UserError(f"{error}, or the path of a .py file") from None


def _study_in(module: ModuleType, where: str) -> Study[Any]:
    found = [value for value in vars(module).values() if isinstance(value, Study)]
    if len(found) != 1:
        names = f" ({', '.join(study.name for study in found)}): put each in a file of its own" if found else ""
        raise UserError(f"{where} defines {len(found)} studies, expected exactly one function under @study(…){names}")
    return found[0]

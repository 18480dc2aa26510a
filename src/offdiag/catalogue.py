"""Studies by name: the built-in ones, and any Python file that defines one."""

import importlib
import importlib.util
import sys
from dataclasses import replace
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from pathlib import Path
from traceback import walk_tb
from types import CodeType, ModuleType
from typing import Any

from pydantic import ValidationError

from offdiag.errors import OffdiagError, UserError, complaints, did_you_mean
from offdiag.study import Study

BUILT_IN = {
    "base-addition": "offdiag.studies.base_addition.study",
    "base-thresholds": "offdiag.studies.base_addition.base_thresholds",
    "width-ablation": "offdiag.studies.world_map.width_ablation",
    "new-cities": "offdiag.studies.world_map.new_cities",
    "convergence": "offdiag.studies.world_map.convergence",
    "scattered": "offdiag.studies.world_map.scattered",
    "held-out-region": "offdiag.studies.world_map.held_out_region",
    "trigger-2d": "offdiag.studies.trigger_2d.study",
    "easy-to-hard": "offdiag.studies.easy_to_hard.study",
    "item-hardness": "offdiag.studies.easy_to_hard.item_hardness.study",
    "hidden-states": "offdiag.studies.easy_to_hard.hidden_states",
}
MODULES = "offdiag_study_"  # how the names of modules made of study files begin


def study_names() -> list[str]:
    """Names of the built-in studies."""
    return list(BUILT_IN)


def load_study(name: str | Path) -> Study[Any]:
    """A built-in study by its name, or the one study that a Python file defines.

    Raises:
        UserError: there is no such study or file, or the file cannot be read, run, or holds not exactly one study.
    """
    if str(name) in BUILT_IN:
        return _study_in(importlib.import_module(BUILT_IN[str(name)]), str(name))
    path = Path(name).expanduser()
    if path.suffix == ".py" or path.is_file():
        return replace(_study_in(_load_file(path), str(path)), file=path.resolve())
    if path.is_dir():
        raise UserError(f"{path} is a folder: give the study file in it, such as {path / 'my_study.py'}")
    hint = did_you_mean(str(name), BUILT_IN)
    raise UserError(f"unknown study {str(name)!r}: {hint}expected {', '.join(BUILT_IN)}, or the path of a .py file")


def _study_in(module: ModuleType, where: str) -> Study[Any]:
    found = [value for value in vars(module).values() if isinstance(value, Study)]
    if len(found) != 1:
        names = f" ({', '.join(study.name for study in found)}): put each in a file of its own" if found else ""
        raise UserError(f"{where} defines {len(found)} studies, expected exactly one function under @study(…){names}")
    return found[0]


class _AsWritten(SourceFileLoader):
    """Compiles what the file says now: Python's cache takes it for unchanged if its length and second are the same."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _load_file(path: Path) -> ModuleType:
    """Run the file as a module whose name depends on its path only, so that worker processes find its classes too."""
    path = path.resolve()
    name = f"{MODULES}{sha256(str(path).encode()).hexdigest()[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsWritten(name, str(path)))
    if spec is None or spec.loader is None or not path.is_file():
        raise UserError(f"no study file {path}: expected a Python file with a function under @study(…)")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        del sys.modules[name]
        raise UserError(f"{path}:{error.lineno}: syntax error: {error.msg}") from error
    except OffdiagError:
        del sys.modules[name]
        raise
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise UserError(culprit(error) or f"{path}: {type(error).__name__}: {error}") from error
    return module


def culprit(error: BaseException) -> str | None:
    """``file:line: type: message`` of an error that passed through a study file, or None if it did not."""
    where = None
    for frame, line in walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).startswith(MODULES):
            where = f"{frame.f_code.co_filename}:{line}"
    if where is None:
        return None
    said = f"{error.title}: {complaints(error)}" if isinstance(error, ValidationError) else str(error)
    return f"{where}: {type(error).__name__}: {' '.join(said.partition('For further information')[0].split())}"

"""Load Python files that a person wrote, and the modules beside them: studies, tasks, graders."""

import ast
import importlib.util
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from pathlib import Path
from traceback import walk_tb
from types import CodeType, ModuleType

from pydantic import ValidationError

from offdiag.errors import OffdiagError, UserError, complaints
from offdiag.places import at_home
from offdiag.registry import plugin_package

MODULES = "offdiag_study_"  # how the names of modules made of such files begin


_TYPED: ContextVar[frozenset[Path] | None] = ContextVar("typed", default=None)


@contextmanager
def only_files(typed: Iterable[str | Path]) -> Iterator[None]:
    """Let only the files that a person typed be run inside the block, where others are named by a store.

    A store may come from anybody, so that its word makes no code run.
    """
    token = _TYPED.set(frozenset(at_home(path).resolve() for path in typed))
    try:
        yield
    finally:
        _TYPED.reset(token)


def load_file(path: Path, kind: str = "study file", has: str = "a function under @study(…)") -> ModuleType:
    """Run a file as a module named after its path, so that worker processes find its classes.

    Args:
        path: of the file, which is run again if it or a module beside it was edited since. kind, has: what it is and
            what it should have in it, for messages.

    Raises:
        UserError: it is not called ``.py``, is not there, cannot be run, or may not; see :func:`only_files`.
    """
    if path.suffix != ".py":
        raise UserError(f"{path} is not called .py, and nothing else is run: give a Python file with {has}")
    if _FILES not in sys.meta_path:
        sys.meta_path.insert(0, _FILES)
    path = path.resolve()
    if (typed := _TYPED.get()) is not None and path not in typed:
        asked = f"type --study {shlex.quote(str(path))} as well"
        raise UserError(f"what a store names is not run: if you trust that file, {asked}")
    name = f"{MODULES}{sha256(str(path).encode()).hexdigest()[:12]}"
    if _FILES.edited(path.parent):
        _FILES.forget(path.parent)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsWritten(name, str(path)))
    if spec is None or spec.loader is None or not path.is_file():
        raise UserError(f"no {kind} {path}: expected a Python file with {has}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:  # a module that exits, or an extension that panics, raises no Exception
        del sys.modules[name]
        if isinstance(error, (OffdiagError, KeyboardInterrupt)):
            raise
        raise UserError(_said(error, path)) from error
    return module


def forget_files() -> None:
    """Drop all modules of such files and those beside them, so that others can be loaded."""
    if _FILES.texts:
        _FILES.forget(*{path.parent for path in _FILES.texts})


class _AsWritten(SourceFileLoader):
    """Compile a file as it is now; Python's cache would miss an edit within the same second."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        text = self.get_data(path)
        depth = fullname.count(".") + (Path(path).name == "__init__.py")
        _FILES.read(Path(path), text, Path(path).parents[depth])
        return self.source_to_code(text, path)


@dataclass(eq=False)
class _StudyFiles(MetaPathFinder):
    """Finds the modules beside study files, which Python would find only in the folder of a script.

    Python knows one module of a name per process. So a name belongs to the first folder whose files import it, and a
    file in another folder that means a module of its own by it is refused: it would be given the first folder's.

    Attributes:
        texts: what each loaded file said when it was loaded.
        homes: the folder to which the name of a module beside a study file belongs.
    """

    texts: dict[Path, bytes] = field(default_factory=dict)
    homes: dict[str, Path] = field(default_factory=dict)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module beside a study file, or in a package beside it; None for all others."""
        top = fullname.partition(".")[0]
        if top not in self.homes:
            return None
        places = [str(self.homes[top])] if path is None else path
        found = (FileFinder(place, (_AsWritten, SOURCE_SUFFIXES)).find_spec(fullname) for place in places)
        return next((spec for spec in found if spec is not None), None)

    def read(self, path: Path, text: bytes, folder: Path) -> None:
        """Note the text of a file that is being compiled, and which names belong to its folder.

        Raises:
            UserError: it imports a module beside it whose name another module of this process has.
        """
        self.texts[path] = text
        for name in sorted(_imported(text)):
            own = next((p for p in (folder / f"{name}.py", folder / name / "__init__.py") if p.is_file()), None)
            if own is None:
                continue
            if (other := self._other(name, own, folder)) is not None:
                raise UserError(
                    f"{path} imports {own}, but this process has another module {name}, {other}: rename one of them, "
                    "or load each in a process "
                    "of its own"
                )
            self.homes[name] = folder

    def _other(self, name: str, own: Path, folder: Path) -> Path | None:
        """Return another module of that name: loaded before, or beside another study file."""
        loaded = Path(getattr(sys.modules.get(name), "__file__", None) or own)
        if loaded.resolve() != own.resolve():
            return loaded
        home = self.homes.get(name, folder)
        return None if home == folder else home / own.relative_to(folder)

    def edited(self, folder: Path) -> bool:
        """Return whether a loaded file below the folder was edited or removed since."""
        return any(_text(path) != text for path, text in self.texts.items() if folder in path.parents)

    def forget(self, *folders: Path) -> None:
        """Drop all modules that were loaded from below these folders."""
        below = set(folders)
        self.texts = {path: text for path, text in self.texts.items() if below.isdisjoint(path.parents)}
        self.homes = {name: home for name, home in self.homes.items() if home not in below}
        for name, module in list(sys.modules.items()):
            ours = isinstance(getattr(module, "__loader__", None), _AsWritten)
            if ours and not below.isdisjoint(Path(str(module.__file__)).parents):
                del sys.modules[name]


_FILES = _StudyFiles()


def _imported(text: bytes) -> set[str]:
    """Return the first parts of the names of all modules that a file imports."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError):
        return set()
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
    return {name.partition(".")[0] for name in names}


def _text(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _said(error: BaseException, path: Path) -> str:
    """Return what went wrong in a study file or a module beside it, and where."""
    if isinstance(error, SyntaxError):
        return f"{error.filename or path}:{error.lineno}: syntax error: {error.msg}"
    return culprit(error) or f"{path}: {type(error).__name__}: {error}"


def culprit(error: BaseException) -> str | None:
    """Return ``file:line: type: message`` of an error in a study file or a plug-in; None for other errors."""
    where = next(reversed(list(_lines(error))), None)
    if where is None:
        return None
    said = f"{error.title}: {complaints(error)}" if isinstance(error, ValidationError) else str(error)
    return f"{where}: {type(error).__name__}: {' '.join(said.partition('For further information')[0].split())}"


def _lines(error: BaseException) -> Iterator[str]:
    """Yield ``file:line`` of each place in study files and plug-ins that an error passed through."""
    for frame, line in walk_tb(error.__traceback__):
        place = f"{frame.f_code.co_filename}:{line}"
        if isinstance(frame.f_globals.get("__loader__"), _AsWritten):
            yield place
        elif package := plugin_package(str(frame.f_globals.get("__name__", ""))):
            yield f"{place} (of the package {package})"

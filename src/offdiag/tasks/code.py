"""Hashes of the code that functions of a class run: their own, and that of all they use in the same tree of modules.

What counts is the syntax tree without comments, docstrings and types, so that only an edit that can change a result
changes a hash. From a function the search goes on to each name that it uses: to other members of the class, to what the
module binds at its top (functions, classes, constants), and through imports to other modules that are not installed, or
that belong to the same package. Other distributions and the standard library are left to their versions; of what others
use of offdiag, the versions that stand beside it (``EXTRACTION_VERSION``) count.

A class without source, such as one that was typed into a notebook, is hashed by its byte code, which other versions of
Python write otherwise.
"""

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from offdiag.tasks.syntax import (
    ANY,
    Place,
    Source,
    Syntax,
    bound,
    calls,
    chains,
    class_in,
    imported,
    may_set,
    source_of,
    syntax_of,
    texts_in,
    written,
)  # fmt: skip
from offdiag.tasks.values import UNKNOWN, described, files_named

OWN = "offdiag"
# Names of the contract between tasks and the rest; they have no part in what a task words or grades.
_CONTRACT = {
    *(f"{OWN}.{name}" for name in ("errors", "files", "identity", "registry", "seeds", "strict_json")),
    *(
        f"{OWN}.tasks.{name}"
        for name in ("changes", "code", "content", "data", "domain", "stream", "syntax", "task", "values")
    ),
}
_FOREIGN = {OWN, "pydantic", "pydantic_core", *sys.stdlib_module_names}
_INSTALLED = {"site-packages", "dist-packages"}
_CONSTRUCTORS = ("__init__", "__new__")


class Code(NamedTuple):
    """The code behind some members of a class.

    Attributes:
        hash: of the code. files: names of the files that it was found in.
        data: paths of other files that it names, and so may read.
    """

    hash: str
    files: tuple[str, ...]
    data: tuple[Path, ...] = ()


@cache
def code_of(cls: type, members: tuple[str, ...], beside: tuple[type, ...] = ()) -> Code:
    """Return the code behind ``members`` of a class, as it was when this process first asked.

    Args:
        members: names of methods and attributes; none stands for all that the class defines.
        beside: other classes whose members the methods use, such as the type of their argument.
    """
    classes = (cls, *beside)
    trees = {_top(base.__module__) for one in classes for base in one.__mro__} - _FOREIGN
    search = _Search(classes, frozenset(trees), built_in=is_built_in(cls))
    search.members(members or _defined(cls))
    return search.found()


def code_of_function(module: str, name: str) -> Code:
    """Return the code behind a function of a loaded module, as its file is now."""
    search = _Search((), frozenset({_top(module)}), built_in=False)
    if (source := source_of(module)) is not None:
        search.top_level(source, name)
    return search.found()


def is_built_in(cls: type) -> bool:
    """Return whether a class is offdiag's own, so that a version says what it does."""
    return cls.__module__.partition(".")[0] == OWN


class _Search:
    """The units of code that were found, each once."""

    def __init__(self, classes: tuple[type, ...], trees: frozenset[str], *, built_in: bool) -> None:
        self.classes, self.trees, self.built_in = classes, trees, built_in
        self.units: set[str] = set()
        self.files: set[str] = set()
        self.texts: dict[Path, set[str]] = {}
        self.seen: set[object] = set()

    def found(self) -> Code:
        """Return the hash of all units, the names of their files, and the other files that they name."""
        digest = hashlib.sha256("\n".join(sorted(self.units)).encode(errors="surrogatepass")).hexdigest()
        data = {path for folder, texts in self.texts.items() for path in files_named(texts, folder)}
        return Code(digest, tuple(sorted(self.files)), tuple(sorted(data)))

    def members(self, names: Iterable[str]) -> None:
        """Add the members of the classes with these names, wherever a base class of this tree defines them."""
        for name in names:
            if name == ANY:  # it may be any of them
                self.members(_defined(self.classes[0]) if self.classes else ())
                continue
            self._order_of(name)
            for base in dict.fromkeys(base for cls in self.classes for base in cls.__mro__):
                key = (base, name)
                if name not in vars(base) or key in self.seen:
                    continue
                self.seen.add(key)
                if self._ours(base.__module__):
                    self._member(base, name)
                elif _top(base.__module__) == OWN and not _in_contract(base.__module__):
                    # A method of a built-in task may call what a class of another's overrides; it is not looked into.
                    self.members(_defined(self.classes[0]))

    def _order_of(self, name: str) -> None:
        """Add which of several bases comes first."""
        for cls in self.classes:
            have = [base.__qualname__ for base in cls.__mro__ if name in vars(base) and self._ours(base.__module__)]
            if len(have) > 1:
                self.units.add(f"{name} is first that of {', '.join(have)}")

    def _member(self, base: type, name: str) -> None:
        source = source_of(base.__module__)
        known = None if source is None else syntax_of(source)
        found = None if known is None else class_in(known.tree, base.__qualname__)
        if source is None or found is None:
            self._without_source(base, name)
            return
        if "<locals>" in base.__qualname__:
            self.top_level(source, _top(base.__qualname__))
            self.units.update(f"around {name}: {value}" for value in _closure(vars(base)[name]))
        for statement in found.body:
            if name in bound(statement):
                self._add(source, name, statement, vars(base)[name])
        behind = known.bindings.get(base.__qualname__, ()) if known is not None else ()
        for statement in [*map(ast.Expr, found.decorator_list), *behind]:
            if statement is not found and may_set(statement, base.__qualname__, name):
                self._add(source, name, statement, vars(base)[name])

    def _add(self, source: Source, label: str, statement: ast.stmt, value: object = None) -> None:
        """Add a statement, and all that it uses."""
        text = f"{label}: {written(statement)}"
        if isinstance(statement, ast.Assign | ast.AnnAssign) and calls(statement):
            text += f" = {described(value, str(source.file.parent), self._is_ours)}"  # read from a file, perhaps
        self.units.add(text)
        self.texts.setdefault(source.file.parent, set()).update(texts_in(statement))
        if any("__doc__" in chain for chain in chains(statement)):  # docstrings count for nothing else
            self.units.add(hashlib.sha256(source.file.read_bytes()).hexdigest())
        depth = source.package.count(".") + bool(source.package) + 1
        self.files.add("/".join(source.file.parts[-depth:]))
        self._used_by(source, statement)

    def _used_by(self, source: Source, statement: ast.stmt) -> None:
        inside = imported(statement, source.package)  # a function may import for itself
        for first, *attributes in chains(statement):
            self.members(attributes)
            if first == "self" and attributes and not any(hasattr(cls, attributes[0]) for cls in self.classes):
                self.members(_CONSTRUCTORS)
            if first in inside:
                self._through(inside[first], attributes)
            else:
                self.top_level(source, first, attributes)

    def top_level(self, source: Source, name: str, attributes: Sequence[str] = ()) -> None:
        """Add what a module binds to a name; of another module that it imports, only the attributes that are used."""
        known, value = syntax_of(source), getattr(sys.modules.get(source.name), name, None)
        if known is None or any(value is cls for cls in self.classes):
            return  # members of the classes are looked up one by one
        if name in known.imports:
            self._through(known.imports[name], attributes)
        for statement in known.bindings.get(name, ()):
            if (key := id(statement)) not in self.seen:
                self.seen.add(key)
                self._add(source, name, statement, value)
        if name not in known.imports and name not in known.bindings:
            stars = [origin for origin in known.stars if hasattr(sys.modules.get(origin), name)]
            for origin in stars:
                self._through((origin, name), attributes)
            if not stars and not name.startswith("__") and hasattr(sys.modules.get(source.name), name):
                self._all_of(source, known)  # something that syntax does not show, such as exec, has bound it

    def _through(self, place: Place, attributes: Sequence[str]) -> None:
        """Follow an import, if it is of a module of this tree."""
        origin, name = place
        if _top(origin) == OWN and not self.built_in:
            versions = vars(sys.modules.get(origin, object)).items()
            self.units.update(f"{name} = {value}" for name, value in versions if name.endswith("_VERSION"))
            return
        rest = [name, *attributes] if name else list(attributes)
        while rest and self._ours(f"{origin}.{rest[0]}") and source_of(f"{origin}.{rest[0]}") is not None:
            origin = f"{origin}.{rest.pop(0)}"
        source = source_of(origin) if self._ours(origin) else None
        known = None if source is None else syntax_of(source)
        if source is None or known is None:
            return
        if rest:
            self.top_level(source, rest[0], rest[1:])
        else:
            self._all_of(source, known)

    def _all_of(self, source: Source, known: Syntax) -> None:
        """Add all statements of a module."""
        if id(known.tree) not in self.seen:
            self.seen.add(id(known.tree))
            for statement in known.tree.body:
                self._add(source, "all", statement)

    def _is_ours(self, value: object) -> bool:
        """Return whether a value is an object of a class that is to be searched."""
        return self._ours(type(value).__module__)

    def _ours(self, name: str) -> bool:
        """Return whether a module is to be searched: one of the classes' own packages, or one that is not installed."""
        if _top(name) == OWN:
            return self.built_in and not _in_contract(name)
        if _top(name) in self.trees or _top(name) in _FOREIGN:
            return _top(name) in self.trees
        first = source_of(_top(name))  # looking for a module inside a package would import the package
        source = source_of(name) if first is None and _top(name) in sys.modules else first
        return source is not None and not _INSTALLED & {*source.file.parts}

    def _without_source(self, base: type, name: str) -> None:
        functions = list(_functions(vars(base)[name]))
        for function in functions:
            self._run_by(function, name)
        if not functions:
            self.units.add(f"{name} = {described(vars(base)[name])}")

    def _run_by(self, function: FunctionType, label: str) -> None:
        """Add the byte code of a function, and what it uses in its own module."""
        if function.__code__ in self.seen:
            return
        self.seen.add(function.__code__)
        self.units.add(f"{label}: {_instructions(function.__code__)} {_closure(function)}")
        names = list(_names_in(function.__code__))
        self.members(names)
        for used in names:
            value = function.__globals__.get(used)
            if any(value is cls for cls in self.classes):
                continue
            if getattr(value, "__module__", None) == function.__module__:
                for inner in _methods(value) if isinstance(value, type) else _functions(value):
                    self._run_by(inner, used)
            elif (known := described(value)) != UNKNOWN:
                self.units.add(f"{used} = {known}")


def _top(module: str) -> str:
    return module.partition(".")[0]


def _in_contract(module: str) -> bool:
    return any(module == other or module.startswith(f"{other}.") for other in _CONTRACT)


def _defined(cls: type) -> tuple[str, ...]:
    names = dict.fromkeys(name for base in cls.__mro__ for name in vars(base))
    return tuple(name for name in names if not name.startswith("__") or name in _CONSTRUCTORS)


def _closure(value: object) -> list[str]:
    """Return the plain data that the functions of a member have from around them."""
    cells = [cell for function in _functions(value) for cell in function.__closure__ or ()]
    known = [described(cell.cell_contents) for cell in cells if not _empty(cell)]
    return [text for text in known if text != UNKNOWN]


def _empty(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  (asks whether it has any)
    except ValueError:
        return True
    return False


def _functions(value: object) -> Iterator[FunctionType]:
    """Yield the functions behind a member: a function, or those in a method, a property or a wrapper."""
    if isinstance(value, FunctionType):
        yield value
    for name in ("__func__", "__wrapped__", "fget", "func"):
        inner = getattr(value, name, None)
        if inner is not None and inner is not value:
            yield from _functions(inner)


def _methods(cls: type) -> Iterator[FunctionType]:
    for value in vars(cls).values():
        yield from _functions(value)


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def _instructions(code: CodeType) -> str:
    """Return byte code with its constants, without lines and docstring."""
    constants = code.co_consts[1:] if code.co_consts and isinstance(code.co_consts[0], str) else code.co_consts
    shown = [_instructions(value) if isinstance(value, CodeType) else repr(value) for value in constants]
    return f"{code.co_code.hex()} {shown} {code.co_names} {code.co_varnames}"

"""Registries: the objects that packages add to offdiag, by name (entry points).

The built-in ones are entry points like any other: ``pyproject.toml`` is the only list. A new line there is seen once
the package is installed again (``pip install -e .``). Names are read from metadata; what a name stands for is imported
when that very name is asked for, so a plug-in that cannot be loaded is an error only for those who use it.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import isabstract
from typing import Any, Generic, TypeVar

from offdiag.errors import OffdiagError, UserError, did_you_mean

T = TypeVar("T")
OWN = "offdiag"  # the distribution whose entry points are built in


@cache
def _groups() -> Mapping[str, Mapping[str, tuple[EntryPoint, ...]]]:
    """Return the entry points of offdiag's groups, by group and name, read once per process."""
    found, groups = entry_points(), dict[str, dict[str, tuple[EntryPoint, ...]]]()
    for group in found.groups:
        if group.startswith(f"{OWN}."):
            names = groups.setdefault(group, {})
            for point in found.select(group=group):
                names[point.name] = (*names.get(point.name, ()), point)
    return groups


def plugin_package(module: str) -> str | None:
    """Return the package, other than offdiag, that has entry points in this module's top-level package."""
    points = (point for names in _groups().values() for found in names.values() for point in found)
    ours = (_package(point) for point in points if _top(point.module) == _top(module))
    return next((package for package in ours if package != OWN), None)


class Registry(Generic[T]):
    """The objects of one entry-point group, and those that a study file adds for this process.

    Attributes:
        kind: what one of them is called in messages, such as ``task``.
        group: the entry-point group, such as ``offdiag.tasks``.
        base: the class that each must extend; or, with ``instances``, be an instance of.
        named_by: the attribute that must hold the name under which an object is registered, if there is one.
        decorator: what a study file writes above a class of its own to add it, if it can.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        base: type[Any],
        *,
        instances: bool = False,
        named_by: str | None = None,
        decorator: str | None = None,
    ) -> None:
        self.kind, self.group, self.base = kind, group, base
        self.instances, self.named_by, self.decorator = instances, named_by, decorator
        self._loaded: dict[str, T] = {}
        self._added: dict[str, T] = {}

    @property
    def _points(self) -> Mapping[str, tuple[EntryPoint, ...]]:
        return _groups().get(self.group, {})

    def names(self) -> list[str]:
        """Return all names, sorted; nothing is imported."""
        return sorted({*self._points, *self._added})

    def __contains__(self, name: object) -> bool:
        return name in self._points or name in self._added

    def packages(self, name: str) -> list[str]:
        """Return the packages that give this name: one, or several that collide."""
        return [_package(point) for point in self._points.get(name, ())]

    def get(self, name: str) -> T:
        """Return what the name stands for; import it if needed.

        Raises:
            UserError: nothing has this name, several packages give it, or it cannot be loaded; the message names the
                packages and what to do.
        """
        if name in self._loaded:
            return self._loaded[name]
        if name in self._points:
            self._loaded[name] = self._load(name)
            return self._loaded[name]
        if name in self._added:
            return self._added[name]
        own = "" if self.decorator is None else f"; a study file adds its own with {self.decorator}"
        raise UserError(f"unknown {self.kind} {name!r}: {did_you_mean(name, self.names())}{self.expected()}{own}")

    def expected(self) -> str:
        """Return ``expected one of counting, world_map``, for the message on an unknown name."""
        if not self.names():
            return f"no package gives any, not even offdiag: it is not installed whole; type: {_reinstall(OWN)}"
        return f"expected one of {', '.join(self.names())}"

    def add(self, name: str, found: T) -> None:
        """Register an object for this process, such as a class in a study file or in a module beside it.

        Whoever defines it again under the same module name, such as an edited study file, replaces it; but two of one
        name in one file are a mistake.

        Raises:
            UserError: a package or another module has something of this name.
        """
        module = str(getattr(found, "__module__", ""))
        if points := self._points.get(name):
            if any(_top(point.module) == _top(module) for point in points):
                return  # a package that has an entry point for it as well
            raise UserError(
                f"{self.kind} {name!r} of {_place(module)}: the package {_package(points[0])} has one of this name; "
                "rename yours"
            )
        before = str(getattr(self._added.get(name), "__module__", module))
        if before != module and before in sys.modules:
            raise UserError(
                f"{self.kind} {name!r} is defined by {_place(before)} and by {_place(module)}: rename one, or load "
                "each in a process of its own"
            )
        if (twin := self._twin(name, found, module)) is not None:
            raise UserError(f"{self.kind} {name!r} is defined twice in {_place(module)}: {twin}; rename one of them")
        self._check(name, found, _place(module))
        self._added[name] = found

    def _twin(self, name: str, found: T, module: str) -> str | None:
        """Return the names of two objects in one file that both go by ``name``, or None."""
        other = self._added.get(name)
        loaded = sys.modules.get(module)
        ours, its = (str(getattr(one, "__qualname__", "")) for one in (found, other))
        if other is None or ours == its or getattr(loaded, "__file__", None) is None:
            return None  # what is typed into a notebook stays there when it is renamed
        return f"{its} and {ours}" if vars(loaded).get(its) is other else None

    def usable(self) -> Iterator[tuple[str, T | OffdiagError]]:
        """Yield each name with its object, or with the error that says why it cannot be used."""
        for name in self.names():
            try:
                yield name, self.get(name)
            except OffdiagError as error:
                yield name, error

    def _load(self, name: str) -> T:
        point, *others = self._points[name]
        if others:
            packages = sorted({_package(point) for point in (point, *others)})
            foreign = next((package for package in packages if package != OWN), packages[0])
            raise UserError(
                f"{self.kind} {name!r} is given by more than one package or more than once: {', '.join(packages)}; "
                f"keep one of them: {_removal(foreign)}"
            )
        package = _package(point)
        place = f"{self.kind} {name!r} of the package {package} cannot be loaded from {point.value!r}"
        if EntryPoint.pattern.fullmatch(point.value) is None:
            raise UserError(f"{place}: expected module:object; type: {_reinstall(package)}")
        try:
            found = point.load()
        except OffdiagError as error:  # says itself what to do
            raise UserError(f"{place}: {error}") from error
        except BaseException as error:  # a module that exits, or an extension that panics, raises no Exception
            if isinstance(error, KeyboardInterrupt):
                raise
            raise UserError(
                f"{place} ({_one_line(error)}): update the package or remove it; type: {_reinstall(package)}"
            ) from error
        self._check(name, found, f"the package {package} ({point.value})")
        loaded: T = found
        return loaded

    def _check(self, name: str, found: object, where: str) -> None:
        """Check that an object is of the right type and goes by this name.

        Raises:
            UserError: it is not.
        """
        wanted = f"{self.base.__module__}.{self.base.__qualname__}"
        fits = isinstance(found, type) and issubclass(found, self.base) and not isabstract(found)
        if not (isinstance(found, self.base) if self.instances else fits):
            expected = f"an instance of {wanted}" if self.instances else f"a complete class that extends {wanted}"
            raise UserError(f"{self.kind} {name!r} of {where} is {_described(found)}: expected {expected}")
        if self.named_by is not None and (own := getattr(found, self.named_by, None)) != name:
            raise UserError(f"{self.kind} {name!r} of {where} calls itself {own!r}: give it one name")


def _package(point: EntryPoint) -> str:
    """Return the name of a package; of one whose metadata lack it, the folder of the metadata."""
    if point.dist is None:
        return "(unknown)"
    name: str | None = point.dist.metadata["Name"]
    return name or str(getattr(point.dist, "_path", point.dist.locate_file("")))


def _reinstall(package: str) -> str:
    if package == OWN:
        return "pip install -e . (in its checkout)"
    return _removal(package) if _nameless(package) else f"pip install -U {package}, or {_removal(package)}"


def _removal(package: str) -> str:
    return f"rm -r {package}" if _nameless(package) else f"pip uninstall {package}"


def _nameless(package: str) -> bool:
    return os.sep in package


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _top(module: str) -> str:
    return module.partition(".")[0]


def _place(module: str) -> str:
    """Return the file of a loaded module, or its name."""
    return str(getattr(sys.modules.get(module), "__file__", None) or module)


def _described(found: object) -> str:
    """Return a description of an object of the wrong type: ``an int``, or a class and what it lacks."""
    if isinstance(found, type):
        lacks = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        return f"the class {found.__qualname__}" + (f" without {lacks}" if lacks else "")
    noun = type(found).__name__
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"

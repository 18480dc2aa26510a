"""The syntax of modules: what binds each name at their top, what their imports bring, and what a statement uses."""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Place: TypeAlias = tuple[str, str]  # a module and a name that it binds; an empty name is all of the module
_OF_TYPES = {"annotation", "returns", "type_comment", "type_params", "kind"}
_BY_NAME = ("getattr", "setattr", "hasattr", "delattr")  # functions of an object and the name of an attribute
ANY = "*"  # an attribute whose name is only known when the code runs


class Syntax(NamedTuple):
    """The syntax of a module: what binds each name at its top, and what its imports bring."""

    tree: ast.Module
    bindings: dict[str, list[ast.stmt]]
    imports: dict[str, Place]
    stars: tuple[str, ...]


class Source(NamedTuple):
    """A module of this process, or one that a function would import: its name, its package, and its file as it is."""

    name: str
    package: str
    file: Path
    changed_ns: int


def source_of(name: str) -> Source | None:
    """Return the source of a module, which is not imported for this; None where there is none."""
    module = sys.modules.get(name)
    try:
        spec = None if module is not None else find_spec(name)
    except (ImportError, ValueError):
        return None
    file = getattr(module, "__file__", None) if spec is None else spec.origin
    if file is None or not file.endswith(".py"):
        return None
    package = name if Path(file).name == "__init__.py" else name.rpartition(".")[0]
    try:
        return Source(name, package, Path(file), Path(file).stat().st_mtime_ns)
    except OSError:
        return None


@lru_cache(maxsize=256)
def syntax_of(source: Source) -> Syntax | None:
    """Return the syntax of a module, or None where its file is none of Python's."""
    try:
        tree = ast.parse(source.file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    bindings: dict[str, list[ast.stmt]] = {}
    imports: dict[str, Place] = {}
    changes = _changes_of_functions(tree)
    _keep_types_of_fields(tree)
    for statement in tree.body:
        for name in bound(statement) | _run_at_once(statement, changes) | _listed_in(statement, tree):
            bindings.setdefault(name, []).append(statement)
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            imports.update(imported(statement, source.package))
    stars = tuple(origin for origin, name in imports.values() if name == "*")
    return Syntax(tree, bindings, imports, stars)


def class_in(tree: ast.Module, qualified: str) -> ast.ClassDef | None:
    """Return the definition of a class by its qualified name; the last one, where it is defined several times."""
    body: Sequence[ast.stmt] = tree.body
    found: ast.stmt | None = None
    for part in qualified.split("."):
        if part == "<locals>":
            continue
        named = [node for statement in body for node in ast.walk(statement)
                 if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part]  # fmt: skip
        if not named:
            return None
        found = named[-1]
        body = named[-1].body
    return found if isinstance(found, ast.ClassDef) else None


def bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement binds or changes where it stands, imports apart."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Import() | ast.ImportFrom():
            return set()
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return set()  # what a script does, which no import runs
    named = {node.name for node in ast.walk(statement) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return named | _changed(statement)


def _changed(node: ast.AST) -> set[str]:
    """Return the names that code binds or whose values it may change.

    Those are the targets of assignments (``A = 1``, ``A["x"] = 1``, ``A.x = 1``), and where a call stands for itself,
    as in ``A.append(1)`` and ``fill(A)``, the object and the arguments.
    """
    found: set[str] = set()
    for inner in ast.walk(node):
        match inner:
            case ast.Name(ctx=ast.Store() | ast.Del()):
                found.add(inner.id)
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                found |= _roots(inner.value)
            case ast.Expr(value=ast.Call() as call):
                passed = [*call.args, *(keyword.value for keyword in call.keywords)]
                found |= {name for each in passed for name in _roots(each)}
                found |= _roots(call.func.value) if isinstance(call.func, ast.Attribute) else set()
            case ast.Global():
                found |= set(inner.names)
    return found


def _roots(node: ast.AST) -> set[str]:
    """Return the name in front of attributes and indices: ``A`` of ``A.x["y"]``."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return {node.id} if isinstance(node, ast.Name) else set()


def _changes_of_functions(tree: ast.Module) -> dict[str, set[str]]:
    """Return for each function and class at the top of a module which names it changes when it is called.

    What functions of the module that it calls change is among them, what is its own is not.
    """
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found = {name: _changed(node) - _local(node) for name, node in defined.items()}
    uses = {name: {chain[0] for chain in chains(node)} & defined.keys() for name, node in defined.items()}
    for _ in found:  # as long as a chain of calls can be
        before, found = found, {name: own.union(*(found[other] for other in uses[name])) for name, own in found.items()}
        if found == before:
            break
    return found


def _local(node: ast.AST) -> set[str]:
    """Return the names that are a function's own: its arguments and what it binds."""
    inside = list(ast.walk(node))
    bound_there = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    shared = {name for n in inside if isinstance(n, ast.Global) for name in n.names}
    return {n.arg for n in inside if isinstance(n, ast.arg)} | (bound_there - shared)


def _run_at_once(statement: ast.stmt, changes: Mapping[str, set[str]]) -> set[str]:
    """Return the names that are changed by functions which run with a statement: those it calls, and its decorators."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            run: list[ast.AST] = [*statement.decorator_list]
        case ast.Import() | ast.ImportFrom():
            return set()
        case _:
            run = [statement]
    used = {chain[0] for node in run for chain in chains(node)}
    return {name for function in used & changes.keys() for name in changes[function]}


def _listed_in(statement: ast.stmt, tree: ast.Module) -> set[str]:
    """Return the bases of a class which are told of each class that extends them (``__init_subclass__``)."""
    bases = (
        {name for base in statement.bases for name in _roots(base)} if isinstance(statement, ast.ClassDef) else set()
    )
    return {node.name for node in tree.body if isinstance(node, ast.ClassDef) and node.name in bases
            and any("__init_subclass__" in bound(inner) for inner in node.body)}  # fmt: skip


def _keep_types_of_fields(tree: ast.Module) -> None:
    """Mark the fields of classes: their types count, since pydantic and dataclasses go by them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.AnnAssign):
                    statement.of_a_field = True  # type: ignore[attr-defined]


def imported(statement: ast.stmt, package: str) -> dict[str, Place]:
    """Return the names that imports in a statement of a module of ``package`` bind, with what they stand for."""
    found: dict[str, Place] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                found[alias.asname or top] = (alias.name if alias.asname else top, "")
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, package)
            for alias in node.names:
                name = f"* of {origin}" if alias.name == "*" else alias.asname or alias.name
                found[name] = (origin, alias.name)
    return found


def _origin(node: ast.ImportFrom, package: str) -> str:
    """Return the full name of the module from which names are imported."""
    relative = "." * node.level + (node.module or "")
    return resolve_name(relative, package) if node.level and package else relative.lstrip(".")


@cache
def chains(statement: ast.AST) -> list[list[str]]:
    """Return each name that is used with the attributes behind it: ``["helpers", "clean"]``; types are left out.

    ``getattr(self, "clean")`` is ``["", "clean"]``, and an attribute of which the name is made there is :data:`ANY`.
    """
    found: list[list[str]] = []
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        attributes: list[str] = []
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_NAME:
            name = node.args[1] if len(node.args) > 1 else None
            found.append(["", str(name.value) if isinstance(name, ast.Constant) else ANY])
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            found.append([node.id, *attributes])
            continue
        if attributes:
            found.append(["", *attributes])  # of the value of an expression
        stack += _children(node)
    return found


def _parts(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a node that count, by name: nodes, plain values, or lists of either."""
    for name, value in ast.iter_fields(node):
        if (
            (name in _OF_TYPES and not hasattr(node, "of_a_field"))
            or value is None
            or isinstance(value, ast.expr_context)
        ):
            continue
        yield name, [item for item in value if not _is_docstring(item)] if isinstance(value, list) else value


def _is_docstring(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _children(node: ast.AST) -> Iterator[ast.AST]:
    for _, value in _parts(node):
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, ast.AST))


def written(part: object) -> str:
    """Return the syntax of a node as a text that does not depend on the version of Python."""
    if isinstance(part, list):
        return f"[{', '.join(map(written, part))}]"
    if not isinstance(part, ast.AST):
        return repr(part)
    fields = [f"{name}={written(value)}" for name, value in _parts(part) if value != []]
    return f"{type(part).__name__}({', '.join(fields)})"


def may_set(statement: ast.stmt, owner: str, name: str) -> bool:
    """Return whether a statement behind a class may set an attribute of it; an assignment says which one it sets."""
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return True
    set_there = [n for n in ast.walk(statement) if isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load)]
    return not set_there or any(node.attr == name and owner in _roots(node) for node in set_there)


def texts_in(statement: ast.stmt) -> Iterator[str]:
    """Yield the texts of a statement, docstrings apart."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        stack += _children(node)


def calls(statement: ast.stmt) -> bool:
    """Return whether a statement calls anything, so that its syntax does not say what comes of it."""
    return any(isinstance(node, ast.Call) for node in ast.walk(statement))

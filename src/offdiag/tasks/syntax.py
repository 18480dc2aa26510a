"""The syntax of modules: what binds each name at their top, what their imports bring, and what a statement uses."""

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

Place: TypeAlias = tuple[str, str]  # a module and a name that it binds; an empty name is all of the module
_OF_TYPES = {"annotation", "returns", "type_comment", "type_params", "kind"}


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
    for statement in tree.body:
        for name in bound(statement):
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
    """Return the names that a statement binds where it stands, imports apart."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return {statement.name}
        case ast.Import() | ast.ImportFrom() | ast.Expr():
            # A call such as WORDS.append("x") changes what the name in front stands for.
            return {chain[0] for chain in chains(statement) if len(chain) > 1}
    stored = (node for node in ast.walk(statement) if isinstance(node, ast.Name | ast.FunctionDef | ast.ClassDef))
    return {
        node.id if isinstance(node, ast.Name) else node.name
        for node in stored
        if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Store) or _changed(statement, node)
    }


def _changed(statement: ast.stmt, name: ast.Name) -> bool:
    """Return whether a statement such as ``WORDS["x"] = 1`` changes what the name stands for."""
    targets = statement.targets if isinstance(statement, ast.Assign | ast.Delete) else ()
    return any(node is name for target in targets for node in ast.walk(target))


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


def chains(statement: ast.stmt) -> Iterator[list[str]]:
    """Yield each name that is used with the attributes behind it: ``["helpers", "clean"]``; types are left out."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            yield [node.id, *attributes]
            continue
        if attributes:
            yield ["", *attributes]  # of the value of an expression
        stack += _children(node)


def _parts(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a node that count, by name: nodes, plain values, or lists of either."""
    for name, value in ast.iter_fields(node):
        if name in _OF_TYPES or value is None or isinstance(value, ast.expr_context):
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


def calls(statement: ast.stmt) -> bool:
    """Return whether a statement calls anything, so that its syntax does not say what comes of it."""
    return any(isinstance(node, ast.Call) for node in ast.walk(statement))

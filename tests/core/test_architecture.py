"""The rules of docs/architecture.md: who may import whom, in the spine and in a family of studies."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from offdiag.steps.measurement import MEASUREMENTS
from offdiag.tasks import Task, get_task, task_names

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "offdiag"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z_/ ]+)` \|", PAGE.split("## The rooms")[1].split("\n### ")[0], flags=re.MULTILINE)
LEVEL = {room.rstrip("/"): level for level, row in enumerate(ROWS) for room in row.split()}
FAMILIES = sorted(path for path in (SOURCE / "studies").iterdir() if (path / "__init__.py").is_file())
CONCRETE = ("offdiag.methods", "offdiag.measurements", "offdiag.studies")
HEAVY = {"torch", "transformers", "peft", "accelerate", "matplotlib", "gguf"}
# What a plan is made of, so that planning loads nothing heavy.
LIGHT = {"tasks", "stats", "steps", "methods", "study", "parameters", "planning", "registry", "study_files", "store"}
LIGHT |= {"cli", "api", "studies"}
# The one circle, which exists for a type checker alone: what a step may use tells of weights, which are made by steps.
TYPES_ONLY = {f"offdiag.steps.{name}" for name in ("cost", "examples", "step", "weights")}
# Rooms of a family, from the lowest: each imports only from lower ones. Any other file of a family lists cells, outputs
# or parameters, and stands below the files that define studies.
FAMILY_ROOMS = ("task", "measurements", "analyses", "exports", "figures")


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def module(path: Path) -> str:
    return ".".join(("offdiag", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")


def imports(path: Path, *, top_only: bool = False, types: bool = True) -> set[str]:
    """The modules that a file imports; ``types`` says whether those count that only a type checker sees."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    hidden = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found: set[str] = set()
    for node in tree.body if top_only else ast.walk(tree):
        if not types and node in hidden:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {part if part in MODULES else node.module for part in parts}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


FILES = [p for p in sorted(SOURCE.rglob("*.py")) if p.name not in ("__init__.py", "__main__.py") or p.parent != SOURCE]
MODULES = {module(path): path for path in FILES}
every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda p: p.name)


def used_rooms(path: Path) -> set[str]:
    return {m.split(".")[1] for m in imports(path) if m.startswith("offdiag.")} & set(LEVEL)


def test_every_room_is_on_the_page_and_the_other_way_round():
    assert {room(path) for path in FILES} == set(LEVEL)


@every_file
def test_a_room_imports_only_from_rooms_above_it(path):
    assert used_rooms(path) <= {name for name, level in LEVEL.items() if level <= LEVEL[room(path)]}


@every_file
def test_what_a_plan_needs_loads_nothing_heavy(path):
    if room(path) in LIGHT:
        assert not {name.split(".")[0] for name in imports(path, top_only=True)} & HEAVY


@pytest.mark.parametrize("name", ["cost", "engine"])
def test_who_counts_and_who_runs_asks_steps_and_recognises_none(name):
    generic = {"CostLine", "Examples", "Step", "Trained", "Weights", "in_order"}
    paths = [path for path in FILES if room(path) == name]
    assert paths
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = {(n.module, alias.name) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names}
        assert not {imported for imported, _ in known if imported and imported.startswith(CONCRETE)}
        assert {named for imported, named in known if imported == "offdiag.steps"} <= generic


def test_the_spine_imports_no_study():
    spine = [path for path in FILES if room(path) != "studies"]
    assert spine
    assert not {module(p) for p in spine if any(name.startswith("offdiag.studies") for name in imports(p))}


@every_family
def test_a_family_imports_no_other(family):
    files = sorted(family.rglob("*.py"))
    used = {name for path in files for name in imports(path) if name.startswith("offdiag.studies.")}
    assert {name.split(".")[2] for name in used} == {family.name}


@every_family
def test_inside_a_family_imports_go_one_way(family):
    prefix, levels = f"offdiag.studies.{family.name}.", {}
    for path in family.rglob("*.py"):
        levels[path] = family_level(family, path)
    assert len({*levels.values()}) > len(FAMILY_ROOMS) // 2
    for path, level in levels.items():
        for name in imports(path):
            if name.startswith(prefix) and name in MODULES:
                assert levels[MODULES[name]] <= level, f"{module(path)} imports {name}"


def family_tasks() -> list[Task[Any]]:
    """The tasks of the families; other tests of this process may have added tasks of study files."""
    tasks = [get_task(name) for name in task_names()]
    return [task for task in tasks if type(task).__module__.startswith("offdiag.studies.")]


def family_level(family: Path, path: Path) -> int:
    """How high a file stands in its family: its room, then lists and grids, then the files that define studies."""
    parts = path.relative_to(family).parts
    if re.search(r"^@study\(", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        return len(FAMILY_ROOMS) + 1
    if parts[0] in FAMILY_ROOMS:
        return FAMILY_ROOMS.index(parts[0])
    # Another task of the family, such as counting, stands where the task stands.
    tasks = {Path(*parts[:1]).stem} & {type(task).__module__.split(".")[3] for task in family_tasks()}
    return 0 if tasks or parts[0] == "episodes" else len(FAMILY_ROOMS)


@every_family
def test_a_family_without_its_studies_loads_nothing_of_them(family):
    tree = ast.parse((family / "__init__.py").read_text(encoding="utf-8"))
    assert [type(node) for node in tree.body] == [ast.Expr]
    assert ast.get_docstring(tree)


def test_no_circles_but_the_one_of_types():
    runtime = {name: imports(path, types=False) & MODULES.keys() - {name} for name, path in MODULES.items()}
    every = {name: imports(path) & MODULES.keys() - {name} for name, path in MODULES.items()}
    top = {name: imports(path, top_only=True, types=False) & MODULES.keys() - {name} for name, path in MODULES.items()}
    assert circles(top) == circles(runtime) == []
    assert circles(every) in ([], [TYPES_ONLY])


def circles(graph: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """Groups of modules that import each other in a circle (Tarjan 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for used in graph[name]:
            if used not in order:
                visit(used)
                low[name] = min(low[name], low[used])
            elif used in stack:
                low[name] = min(low[name], order[used])
        if low[name] == order[name]:
            group = set(stack[stack.index(name) :])
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(group)

    for name in graph:
        if name not in order:
            visit(name)
    return found


def test_circles_are_found():
    assert circles({"a": ["b"], "b": ["c"], "c": ["a"], "d": ["a"]}) == [{"a", "b", "c"}]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_what_all_studies_share_reads_no_column_of_one_family():
    columns = family_columns()
    assert {"eval_base", "train_hardness", "eval_category", "train_geometry"} <= columns
    for path in FILES:
        if room(path) in ("analyses", "figures", "reporting", "stats", "gather", "results", "comparison"):
            strings = {n.value for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Constant)}
            assert not {value for value in strings if isinstance(value, str)} & columns, module(path)


def family_columns() -> set[str]:
    """Columns that the domains and measurements of one family have, and those of no other."""
    families: defaultdict[str, set[str]] = defaultdict(set)
    for task in family_tasks():
        fields = set(task.domain_type.model_fields)
        families[type(task).__module__.split(".")[2]] |= {f"{s}_{field}" for s in ("train", "eval") for field in fields}
    for name in MEASUREMENTS.names():
        kind = MEASUREMENTS.get(name)
        if kind.__module__.startswith("offdiag.studies."):
            families[kind.__module__.split(".")[2]].add(kind.table)
    seen = [column for columns in families.values() for column in columns]
    return {column for column in seen if seen.count(column) == 1}


def test_no_module_of_another_package_is_used_as_private():
    paths = sorted(SOURCE.rglob("*.py"))
    assert paths
    for path in paths:
        package = module(path).rpartition(".")[0] if path.name != "__init__.py" else module(path)
        for name in imports(path):
            private = next((i for i, part in enumerate(name.split(".")) if re.match(r"_[a-z]", part)), None)
            if name.startswith("offdiag.") and private is not None and name in MODULES:
                assert package.startswith(".".join(name.split(".")[:private])), f"{module(path)} imports {name}"


def test_names_of_classes_are_unique_or_private():
    defined: defaultdict[str, set[str]] = defaultdict(set)
    for path in FILES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                defined[node.name].add(module(path))
    assert len(defined) > 100
    assert {name: homes for name, homes in defined.items() if len(homes) > 1} == {}


def test_no_file_is_an_atom_or_a_heap():
    files = [path for path in FILES if not path.name.startswith("__")]
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert lines
    assert {module(path): n for path, n in lines.items() if not 30 <= n <= 400} == {}

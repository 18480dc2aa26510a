"""The rooms of docs/architecture.md: each imports only from rooms above it in the list."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "offdiag"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `([a-z_/ ]+)` \|", PAGE.split("## The rooms")[1].split("## ")[0], flags=re.MULTILINE)
FLOOR = {room.rstrip("/"): floor for floor, row in enumerate(ROWS) for room in row.split()}
CONCRETE = ("offdiag.methods", "offdiag.measurements", "offdiag.studies")
HEAVY = {"torch", "transformers", "peft", "accelerate", "matplotlib", "gguf"}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path, *, top_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "offdiag":
                found |= {f"offdiag.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


FILES = [p for p in sorted(SOURCE.rglob("*.py")) if p.name not in ("__init__.py", "__main__.py") or p.parent != SOURCE]


def test_every_room_is_on_the_page_and_the_other_way_round():
    assert {room(path) for path in FILES} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_room_imports_only_from_rooms_above_it(path):
    allowed = {name for name, floor in FLOOR.items() if floor <= FLOOR[room(path)]}
    used = {m.split(".")[1] for m in imports(path) if m.startswith("offdiag.")} - {"__version__"}
    assert used <= allowed


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_what_a_plan_needs_loads_nothing_heavy(path):
    light = {
        "tasks",
        "stats",
        "steps",
        "methods",
        "study",
        "parameters",
        "planning",
        "registry",
        "study_files",
        "store",
        "cli",
        "api",
    }
    if room(path) in light:
        assert not {module.split(".")[0] for module in imports(path, top_only=True)} & HEAVY


@pytest.mark.parametrize("name", ["cost", "engine"])
def test_who_counts_and_who_runs_asks_steps_and_recognises_none(name):
    generic = {"CostLine", "Examples", "Step", "Trained", "Weights", "in_order"}
    paths = [path for path in FILES if room(path) == name]
    assert paths
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        known = {(n.module, alias.name) for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) for alias in n.names}
        assert not {module for module, _ in known if module and module.startswith(CONCRETE)}
        assert {named for module, named in known if module == "offdiag.steps"} <= generic


def test_tasks_never_import_torch_at_all():
    for path in (SOURCE / "tasks").rglob("*.py"):
        assert not {module.split(".")[0] for module in imports(path)} & HEAVY

"""What no file of the package may do, whatever it is for; and what it must declare."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "offdiag"
FILES = sorted(SOURCE.rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PARTS = {"pydantic-core"}  # comes with pydantic in the one version that fits
HOMES = {"mlflow": ["mlflow-skinny"]}  # of modules that are not installed and whose package has another name
NUMPY_GLOBAL = {"seed", "rand", "randn", "randint", "random", "choice", "shuffle", "permutation", "normal", "uniform"}
PYTHON_GLOBAL = {"seed", "random", "randint", "randrange", "choice", "choices", "sample", "shuffle", "uniform", "gauss"}

every_file = pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())


def name_of(distribution: str) -> str:
    return re.split(r"[\s<>=!~;\[]", distribution, maxsplit=1)[0].lower().replace("_", "-")


def imported(path: Path) -> set[str]:
    """Top-level names of the modules of others that the file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - {"offdiag"}


def called(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]


@every_file
def test_random_numbers_come_from_named_streams(path):
    for call in called(path):
        text = ast.unparse(call.func)
        owner, _, name = text.rpartition(".")
        assert not (owner in ("np.random", "numpy.random") and name in NUMPY_GLOBAL), text
        assert not (owner == "random" and name in PYTHON_GLOBAL), text
        assert name != "set_seed", text
        assert name != "default_rng" or call.args, text  # from what the clock says
        if name == "manual_seed":  # of torch's own generator, in a scope that puts it back
            assert ast.unparse(call.args[0]).startswith("derive("), ast.unparse(call)


@every_file
def test_no_debugger_waits_for_anybody(path):
    assert not imported(path) & {"pdb", "ipdb"}
    assert not [call for call in called(path) if ast.unparse(call.func).split(".")[-1] in ("breakpoint", "set_trace")]


@every_file
def test_no_error_is_swallowed_unseen(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: a bare except"
            broad = ast.unparse(node.type) in ("Exception", "BaseException")
            assert not (broad and all(isinstance(part, ast.Pass | ast.Continue) for part in node.body)), node.lineno


def test_what_is_imported_is_declared_and_nothing_of_the_standard_library_is():
    extras = [name for group in PROJECT["optional-dependencies"].values() for name in group]
    declared = {name_of(dependency) for dependency in [*PROJECT["dependencies"], *extras]}
    assert not {name.replace("-", "_") for name in declared} & set(sys.stdlib_module_names)
    homes = HOMES | dict(packages_distributions())
    for module in sorted(set().union(*map(imported, FILES)) - set(sys.stdlib_module_names)):
        assert {name_of(home) for home in homes.get(module, [module])} & (declared | PARTS), (
            f"{module} is not in pyproject.toml"
        )


def test_every_version_is_pinned_for_tests():
    pinned = {name_of(line) for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines() if "==" in line}
    assert {name_of(dependency) for dependency in PROJECT["dependencies"]} <= pinned


@every_file
def test_importing_a_module_runs_nothing(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [
        node.value for node in tree.body if isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
    ]
    settings = {"register", "disable_progress_bar", "setLevel"}  # of libraries
    assert not [text for call in calls if (text := ast.unparse(call.func)).split(".")[-1] not in settings]
    if path.relative_to(SOURCE).as_posix() != "cli/app.py":  # its loop registers the commands
        assert not [node for node in tree.body if isinstance(node, ast.For | ast.While | ast.With)]


@every_file
def test_nobodys_outputs_are_treated_apart(path):
    """A grader knows rules, not outputs: no list of hashes of completions."""
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"\bmd5\b", text)
    assert not re.search(r"\b[0-9a-f]{32}\b", text)


# Files that quote a text or a parameter, and the one that all others write JSON with.
QUOTING = {"cli/tables.py", "errors.py", "identity.py", "lease.py", "models/folders.py", "parameters.py"}
QUOTING |= {"published.py", "reporting/records.py", "reporting/scatter_3d.py", "reporting/wording.py"}
QUOTING |= {"models/template.py", "sharing/card.py"}
QUOTING |= {"strict_json.py", "studies/easy_to_hard/exports/states_file.py", "studies/easy_to_hard/task/items.py"}


@every_file
def test_json_is_written_in_one_place_without_nan(path):
    writes = [call for call in called(path) if ast.unparse(call.func) in ("json.dump", "json.dumps")]
    assert not writes or path.relative_to(SOURCE).as_posix() in QUOTING

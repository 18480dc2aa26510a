"""The built-in plug-ins: pyproject.toml is the only list, and it is whole."""

import importlib
import inspect
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from offdiag.analyses import ANALYSES, LINE_FORMATS, TABLE_ANALYSES
from offdiag.engine import ENGINES
from offdiag.exports import EXPORTS
from offdiag.figures import FIGURES
from offdiag.interop import RESULT_FORMATS
from offdiag.methods import METHODS
from offdiag.models import MODEL_SOURCES
from offdiag.steps import MEASUREMENTS
from offdiag.study import Study
from offdiag.study_files import STUDIES
from offdiag.tasks import TASKS
from offdiag.trackers import TRACKERS

ROOT = Path(__file__).parents[2]
LISTED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]
REGISTRIES = {
    registry.group: registry
    for registry in (
        STUDIES,
        TASKS,
        METHODS,
        ANALYSES,
        FIGURES,
        MEASUREMENTS,
        EXPORTS,
        TABLE_ANALYSES,
        LINE_FORMATS,
        MODEL_SOURCES,
        ENGINES,
        RESULT_FORMATS,
        TRACKERS,
    )
}


def modules() -> list:
    source = ROOT / "src"
    names = [path.relative_to(source).with_suffix("").parts for path in sorted((source / "offdiag").rglob("*.py"))]
    names = [".".join(parts).removesuffix(".__init__") for parts in names if parts[-1] != "__main__"]
    return [importlib.import_module(name) for name in names]


def test_what_is_installed_is_what_pyproject_lists():
    for group, names in LISTED.items():
        installed = {point.name: point.value for point in entry_points(group=group) if point.dist.name == "offdiag"}
        assert installed == names, "pyproject.toml was edited: type `pip install -e .`"
    assert set(LISTED) == set(REGISTRIES)


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in LISTED.items() for name in names])
def test_what_a_name_stands_for_is_loaded_and_fits(group, name):
    found = REGISTRIES[group].get(name)
    assert REGISTRIES[group].get(name) is found
    assert REGISTRIES[group].packages(name) == ["offdiag"]


def test_every_class_and_every_study_has_a_name():
    found = {group: set() for group in REGISTRIES}
    for module in modules():
        for name, value in vars(module).items():
            if isinstance(value, Study) and value.build.__module__ == module.__name__:
                found["offdiag.studies"].add(f"{module.__name__}:{name}")
            if not isinstance(value, type) or value.__module__ != module.__name__ or inspect.isabstract(value):
                continue
            for group, registry in REGISTRIES.items():
                if not registry.instances and issubclass(value, registry.base):
                    found[group].add(f"{module.__name__}:{name}")
    for group, names in LISTED.items():
        listed = set(names.values())
        assert (found[group] - listed, listed - found[group]) == (set(), set()), f"{group} in pyproject.toml"

import re
import shlex
from pathlib import Path
from string import Template

import pytest

import offdiag
from offdiag.parameters import parse_sets
from offdiag.studies.easy_to_hard import Params
from offdiag.studies.easy_to_hard.params import CPU, PAPER, QUICK
from offdiag.tasks.easy_to_hard.library import ENV

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "studies" / "easy-to-hard.md").read_text(encoding="utf-8")
COMMANDS = dict(re.findall(r"^\| (\d+) \| [^|]* \| [^`|]*`([^|]*)`[^`|]*\|$", PAGE, flags=re.MULTILINE))
MODELS = dict(re.findall(r"^(LLAMA70|MIXTRAL)='(.*)'$", PAGE, flags=re.MULTILINE))


@pytest.fixture
def real(monkeypatch):
    folder = ROOT.parent / "shared" / "data"
    if not (folder / "arc").is_dir():
        pytest.skip(f"no official releases in {folder}")
    monkeypatch.setenv(ENV, str(folder))


def test_every_defect_has_a_test_that_exists():
    section = PAGE.split("## What was wrong with the original, and")[1]
    rows = re.findall(r"^\| (\d+) \| .*\|$", section, flags=re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 29))
    for row in re.findall(r"^\| \d+ \| .*\|$", section, flags=re.MULTILINE):
        assert "::test_" in row, row
    for file, test in re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE):
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}::{test}"


def test_every_command_of_the_original_has_its_row():
    section = PAGE.split("## The commands of the original")[1].split("## What was wrong")[0]
    numbers = []
    for first, last in re.findall(r"^\| (\d+)(?:-(\d+))? \|", section, flags=re.MULTILINE):
        numbers += range(int(first), int(last or first) + 1)
    assert numbers == list(range(1, 23))
    assert list(map(int, COMMANDS))[:3] == [1, 2, 3]


# Models x settings x levels x methods with one draw, and the untrained cells, by hand from the grids of section 14.
@pytest.mark.parametrize(
    ("number", "cells"),
    [(1, 1), (2, 1), (3, 2), (10, 4), (11, 4), (12, 6), (13, 3), (14, 3 * (3 * 15 + 5)), (15, 3 * (3 * 8 + 3)),
     (16, 3 * (5 * 9 + 3)), (17, 3 * (2 * 11 + 4)), (18, 5), (19, 11), (20, 6 * 15 + 5), (21, 6 * 8 + 3),
     (22, 6 * 9 + 3)],
)  # fmt: skip
def test_the_commands_can_be_planned(real, number, cells):
    words = shlex.split(Template(COMMANDS[str(number)]).substitute({k: shlex.quote(v) for k, v in MODELS.items()}))
    assert words[::2] == ["--set"] * (len(words) // 2)
    sets = parse_sets(words[1::2])
    assert len(offdiag.plan("easy-to-hard", "paper", **{**sets, "bootstraps": "1"}).cells) == cells


def test_the_scales_are_those_of_the_code(real):
    rows = dict(re.findall(r"^\| `(quick|cpu)` (\| .*)$", PAGE, flags=re.MULTILINE))
    for name, row in rows.items():
        plan = offdiag.plan("easy-to-hard", name)
        _, model, cells, told, *_ = (field.strip() for field in row.split("|"))
        assert "135M" in model
        assert int(cells) == len(plan.cells)
        assert f"{plan.params.bootstraps} draws" in told
    assert "240 items" in rows["cpu"]
    assert (CPU.n_test, QUICK.pool) == (240, "main")


def test_the_published_scale_has_as_many_cells_as_it_says():
    """Five draws of the population tables: section 14, with all levels of all measures that have items."""
    settings = {"arc": (3, 15, 5), "mmlu": (3, 8, 3), "strategyqa": (5, 9, 3), "gsm8k": (2, 11, 4)}
    cells = sum(len(PAPER.models) * (m * s * PAPER.bootstraps + z) for m, s, z in settings.values())
    row = next(line for line in PAGE.splitlines() if line.startswith("| `paper` |"))
    assert int(row.split("|")[3]) == cells


def test_every_parameter_that_the_page_sets_exists():
    for name in re.findall(r"--set (\w+)=", PAGE):
        assert name in Params.model_fields, name


def test_tables_and_figures_that_the_page_names_exist(real):
    design = offdiag.plan("easy-to-hard", "cpu", bootstraps="1").design
    there = {one.name for one in (*design.analyses, *design.figures)}
    claims = PAGE.split("## The claim")[1].split("## How to run it")[0]
    for name in re.findall(r"(?:figure|table) `([\w-]+)`", claims):
        assert name in there, name

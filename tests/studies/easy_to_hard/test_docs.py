import re
import shlex
from string import Template

import pytest

import offdiag
from offdiag.parameters import parse_sets
from offdiag.studies.easy_to_hard import hidden_states
from offdiag.studies.easy_to_hard.item_hardness import study as item_hardness
from offdiag.studies.easy_to_hard.params import CPU, PAPER, QUICK
from offdiag.studies.easy_to_hard.study import HardnessParams
from support import documented

PAGE = documented.page("easy-to-hard")
COMMANDS = dict(re.findall(r"^\| (\d+) \| [^|]* \| [^`|]*`([^|]*)`[^`|]*\|$", PAGE, flags=re.MULTILINE))
MODELS = dict(re.findall(r"^(LLAMA70|MIXTRAL)='(.*)'$", PAGE, flags=re.MULTILINE))


def sets_of(number):
    """The parameters that the command of a row sets."""
    words = shlex.split(Template(COMMANDS[str(number)]).substitute({k: shlex.quote(v) for k, v in MODELS.items()}))
    assert words[::2] == ["--set"] * (len(words) // 2)
    return parse_sets(words[1::2])


def test_every_defect_has_a_test_that_exists():
    assert documented.numbers_of_defects(PAGE) == [str(i) for i in range(1, 29)]
    assert documented.untested_defects(PAGE) == []
    assert documented.absent_tests(PAGE) == []


def test_every_command_of_the_original_has_its_row():
    section = PAGE.split("## The commands of the original")[1].split("## What was wrong")[0]
    numbers = []
    for first, last in re.findall(r"^\| (\d+)(?:-(\d+))? \|", section, flags=re.MULTILINE):
        numbers += range(int(first), int(last or first) + 1)
    assert numbers == list(range(1, 23))
    assert list(map(int, COMMANDS)) == numbers


# Models x settings x levels x methods with one draw, and the untrained cells, by hand from the grids of section 14.
@pytest.mark.parametrize(
    ("number", "cells"),
    [(1, 1), (2, 1), (3, 2), (10, 4), (11, 4), (12, 6), (13, 3), (14, 3 * (3 * 15 + 5)), (15, 3 * (3 * 8 + 3)),
     (16, 3 * (5 * 9 + 3)), (17, 3 * (2 * 11 + 4)), (18, 5), (19, 11), (20, 6 * 15 + 5), (21, 6 * 8 + 3),
     (22, 6 * 9 + 3)],
)  # fmt: skip
def test_the_commands_can_be_planned(real, number, cells):
    assert len(offdiag.plan("easy-to-hard", "paper", **{**sets_of(number), "bootstraps": "1"}).cells) == cells


# Measurements and cells by hand from section 14: ten models whose states are kept; four that are asked untrained, and
# on ARC after five sizes, for one draw here, by two methods.
@pytest.mark.parametrize(
    ("number", "sets", "targets"),
    [(4, {}, (0, 10)), (5, {}, (0, 10)), (6, {}, (0, 10)), (7, {"bootstraps": "1"}, (4 * (1 + 2 * 5), 7 + 5 * 5)),
     (8, {}, (4, 5 + 4 * 5)), (9, {}, (4, 4 + 3 * 5))],
)  # fmt: skip
def test_the_commands_of_other_studies_can_be_planned(real, number, sets, targets):
    offdiag_, run, study, option, scale, *words = shlex.split(COMMANDS[str(number)])
    assert (offdiag_, run, option, words[::2]) == ("offdiag", "run", "--scale", ["--set"] * (len(words) // 2))
    plan = offdiag.plan(study, scale, **parse_sets(words[1::2]), **sets)
    assert (len(plan.cells), len(plan.measurements)) == targets


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
    kinds = (HardnessParams, hidden_states.HiddenStatesParams, item_hardness.ItemHardnessParams)
    known = {name for params in kinds for name in params.model_fields}
    assert documented.unknown_parameters(PAGE, known) == []


def test_tables_and_figures_that_the_page_names_exist(real):
    design = offdiag.plan("easy-to-hard", "cpu", bootstraps="1").design
    there = {one.name for one in (*design.analyses, *design.figures)}
    assert documented.unknown_outputs(PAGE, there) == []


@pytest.mark.parametrize(
    ("figures", "row", "sets"),
    [
        (("all-to-all", "by-hardness-arc", "correlations-arc", "histograms-arc"), 10, {}),
        (("from-elsewhere-mmlu",), 18, {}),
        (("by-training-mmlu", "recovered", "gap-mmlu"), 15, {"models": "hub:org/m-7b"}),
        (("models-mmlu",), 15, {}),
        (("models-strategyqa",), 16, {}),
        (("cost-linear-probe-mmlu", "sizes-linear-probe-mmlu"), 21, {}),
        (("noise-linear-probe-mmlu",), 19, {}),
    ],
)
def test_the_figures_of_the_original_are_drawn_by_their_commands(real, figures, row, sets):
    plan = offdiag.plan("easy-to-hard", "paper", **{**sets_of(row), "bootstraps": "1", **sets})
    there = {one.name for one in plan.design.figures}
    assert set(figures) <= there
    section = documented.section(PAGE, "The figures of the original")
    assert re.findall(r"^\| (A\d+) \|", section, flags=re.MULTILINE) == [f"A{i}" for i in range(1, 16)]
    for name in figures:
        known = name if name in section else re.sub(r"-(arc|mmlu|strategyqa)$", "-D", name)
        assert f"`{known}`" in section

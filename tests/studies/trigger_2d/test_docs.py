import re

import pytest

import offdiag
from offdiag.methods import ZeroShot
from offdiag.studies.trigger_2d.params import CPU, PAPER, QUICK
from offdiag.studies.trigger_2d.study import TriggerParams
from support import documented

PAGE = documented.page("trigger-2d")
SCALES = {"quick": QUICK, "cpu": CPU, "paper": PAPER}


def test_every_defect_has_a_test_that_exists():
    assert documented.numbers_of_defects(PAGE) == [str(i) for i in range(1, 47)]
    assert documented.untested_defects(PAGE) == []
    assert documented.absent_tests(PAGE) == []


@pytest.mark.parametrize("scale", SCALES)
def test_the_scales_are_those_of_the_code(scale):
    row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{scale}` |"))
    plan = offdiag.plan("trigger-2d", scale)
    arms = {
        cell.arm for cell in plan.cells if not isinstance(cell.arm.method, ZeroShot) and cell.arm.checkpoint is None
    }
    _, _, model, told, *_ = (field.strip() for field in row.split("|"))
    assert int(told.split()[0]) == len(arms)
    assert (plan.params.model.short_name in model) or (scale != "paper" and "135M" in model)
    params = plan.params
    assert f"{len(params.small_world.categories)} categories" in told or scale == "paper"
    seeds = len(params.pairs_of_seeds)
    assert f"{seeds} seed" in told or f"{seeds} pairs of seeds" in told


def test_sizes_of_the_stages_are_those_of_the_code():
    (rows,) = re.findall(r"^\| rows for a word .*\| (.*) \| (.*) \|$", PAGE, flags=re.MULTILINE)
    assert rows[0] == ", ".join(str(params.first_points) for params in SCALES.values())
    assert rows[1] == ", ".join(str(params.points) for params in SCALES.values())
    assert {params.first.batch_size for params in (QUICK, CPU)} == {4}
    assert {params.second.epochs for params in (QUICK, CPU)} == {3}
    assert (PAPER.first.max_updates, PAPER.second.epochs, PAPER.first.batch_size) == (448, 25, 25)


def test_every_parameter_that_the_page_sets_exists():
    assert documented.unknown_parameters(PAGE, set(TriggerParams.model_fields)) == []


def test_tables_and_figures_that_the_page_names_exist():
    plan = offdiag.plan("trigger-2d", "cpu", patched="true")
    there = {one.name for one in (*plan.design.analyses, *plan.design.figures)}
    assert documented.unknown_outputs(PAGE, there) == []
    assert any(name.startswith("protection-by-similarity-") for name in there)

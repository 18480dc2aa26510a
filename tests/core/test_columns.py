"""The schema of the result frames: what is written of it is what they have."""

from pathlib import Path

import pytest

import offdiag
from offdiag import columns
from offdiag.columns import names
from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.store import Store
from support.tiny_study import answer_by_hand, steps_of, tiny_plan

EVERY = (
    *(*columns.CELLS, *columns.SOME_FACTORS, *columns.ERRORS, *columns.SEED_VARIANCE, columns.CLUSTER),
    *columns.OPTIONS,
    *(*columns.RECORDS, columns.RECORD_ERROR, *columns.STEPS, *columns.MEASUREMENTS),
)


def test_the_page_of_the_columns_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "columns.md"
    assert page.read_text(encoding="utf-8") == columns.page(), "type: python -m offdiag.columns > docs/columns.md"


@pytest.fixture
def results(model_stub, tmp_path):
    plan, store = tiny_plan(model_stub, seeds=(0, 1)), Store(tmp_path / "store")
    for step in steps_of(plan, "answers"):
        answer_by_hand(store, step, lambda i: i % 2 == 0)
    assert run_plan(plan, store).complete
    return gather(plan, store)


def test_the_frames_have_these_columns_of_these_types(results):
    factors = {c.name: c for c in (*columns.FACTORS, *columns.SOME_FACTORS)}
    strata = list(results.read_records(results.cells["cell"].iloc[0])[0]["strata"])
    frames = (("cells", results.cells, columns.CELLS), ("records", results.records, columns.RECORDS))
    for name, frame, wanted in frames:
        known = {**factors, **{column.name: column for column in (*wanted, *columns.SEED_VARIANCE)}}
        assert set(names(columns.FACTORS)) | set(names(wanted)) <= set(frame), name
        own = [c for c in frame if not str(c).startswith(("train_", "eval_")) and c not in known]
        assert own == ([] if name == "cells" else strata), name
        found = {c: str(frame[c].dtype) for c in frame if c in known and frame[c].notna().any()}
        assert found.pop("noise") == "Int64"  # it is 0 everywhere
        assert found == {c: columns.DTYPES[known[c].kind] for c in found}, name
    assert tuple(results.steps) == names(columns.STEPS)


def test_values_stay_within_their_units(results):
    for column in (*columns.COUNTS, *columns.MEASURES):
        values = results.cells[column.name].dropna().astype(float)
        assert len(values), column.name
        low, high = {columns.FRACTION: (0, 1), columns.POINTS: (-1, 1)}.get(column.unit, (0, float("inf")))
        assert values.between(low, high).all(), column.name


@pytest.mark.parametrize("study", ["base-addition", "trigger-2d", "easy-to-hard"])
def test_every_factor_of_our_methods_is_described(study):
    plan = offdiag.plan(study)
    said = {name for cell in plan.cells for name in cell.factors()}
    said = {name for name in said if not name.startswith(("train_", "eval_", "proxy_"))}
    assert said <= set(names((*columns.FACTORS, *columns.SOME_FACTORS)))


def test_each_column_says_what_it_is_in_one_plain_line():
    for column in EVERY:
        assert column.says.endswith("."), column.name
        assert "\n" not in column.says, column.name
    for group in (columns.CELLS + columns.SOME_FACTORS, columns.RECORDS, columns.STEPS):
        assert len(set(names(group))) == len(group)

import json
from dataclasses import replace

import pandas as pd
import pytest

import offdiag
from offdiag.comparison import comparison
from offdiag.gather import gather
from offdiag.store import Store
from offdiag.studies.base_addition.study import PUBLISHED

PHI4, GPT4, GPT4O = "Phi-4 (14B, 4 bits)", "GPT-4 (gpt-4-0314)", "GPT-4o (gpt-4o-2024-08-06), fine-tuned"


def one(**fields: object) -> object:
    """The value of the one number that has these fields or factors."""
    (found,) = [
        number
        for number in PUBLISHED
        if all({**number.where, **dict(number)}.get(name) == value for name, value in fields.items())
    ]
    return found.value


@pytest.fixture(scope="module")
def unrun(tmp_path_factory) -> pd.DataFrame:
    """The comparison of the paper scale before anything has run."""
    plan = offdiag.plan("base-addition", "paper")
    store = Store(tmp_path_factory.mktemp("none") / "store")
    return comparison(replace(plan.design, published=PUBLISHED), gather(plan, store))


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (0.602, {"model": GPT4, "n": 1000, "k": None, "prompt": "step-by-step", "eval_base": 8, "eval_digits": 2}),
        (0.816, {"model": GPT4, "n": 250, "method": "zero-shot", "prompt": "direct", "eval_base": 8, "eval_digits": 2}),
        (0.089, {"model": GPT4, "n": 1000, "method": "zero-shot", "eval_base": 11, "eval_digits": 4}),
        (0.076, {"model": GPT4, "n": 250, "method": "zero-shot", "eval_base": 16, "eval_digits": 4}),
        (0.797, {"model": GPT4, "n": 1000, "k": 4, "eval_base": 9}),
        (0.460, {"model": GPT4, "n": 250, "k": 1, "eval_base": 9}),
        (0.324, {"model": "Claude v1.3", "prompt": "direct", "eval_base": 16}),
        (0.535, {"model": "PaLM-2 (text-bison-001)", "task": "counting", "eval_base": 9}),
        (2.91, {"quantity": "midpoint", "called": "k50", "eval_base": 9}),
        (0.948, {"quantity": "plateau", "eval_base": 10}),
        (1.0, {"model": GPT4O, "train_base": 8, "n": 300}),
        (None, {"quantity": "width_10_90", "eval_base": 8}),
        (None, {"quantity": "difference", "train_base": 9, "eval_base": 9, "eval_digits": 4, "rationale": False}),
    ],
)  # fmt: skip
def test_published_values(value, fields):
    assert one(**fields) == value


def test_both_tables_are_whole():
    of_wu = [number for number in PUBLISHED if number.provenance == "recomputed" and number.model != GPT4O]
    counts = pd.Series([(number.n, number.where["task"]) for number in of_wu]).value_counts().to_dict()
    assert counts == {(250, "base_addition"): 35, (1000, "base_addition"): 65, (200, "counting"): 20}
    assert all(round(number.value * number.n) == pytest.approx(number.value * number.n) for number in of_wu)


def test_what_was_not_found_is_empty_and_says_so():
    lost = [number for number in PUBLISHED if number.provenance == "not found"]
    counts = pd.Series([number.quantity for number in lost]).value_counts().to_dict()
    assert counts == {"difference": 18 + 12, "accuracy": 9, "width_10_90": 3, "s": 3}
    assert all(number.value is number.low is number.n is None for number in lost)


def test_second_hand_numbers_are_marked():
    assert {number.provenance for number in PUBLISHED if number.model == PHI4} == {"secondary", "not found"}
    assert "Phi-4" not in json.dumps([n.model for n in PUBLISHED if n.provenance == "recomputed"])


def test_the_paper_scale_has_a_spot_for_every_published_number_of_its_grid(unrun):
    """A factor that is misspelt, or that the study renames, would leave its numbers without a counterpart."""
    sums = unrun[unrun["of"].str.startswith("base_addition ")]
    outside = sums["of"].str.contains(r"eval_base=(?:11|16) eval_digits=[34]|in-context .*eval_base=(?:11|16)")
    assert outside.sum() == 2 * 2 * 2 + 2 * 3 * 2  # longer numbers and demonstrations in bases 11 and 16
    assert set(sums.loc[~outside, "measured_state"]) == {"not run"}
    assert set(sums.loc[outside, "measured_state"]) == {"not measured"}
    fits = unrun[unrun["quantity"].isin(["midpoint", "plateau", "width_10_90"])]
    assert set(fits["measured_state"]) == {"not run"}
    assert unrun["difference"].isna().all()

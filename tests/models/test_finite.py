"""A NaN or an infinity is an error of its item, counted, and never an answer."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from offdiag import strict_json
from offdiag.engine import run_plan
from offdiag.errors import OffdiagError
from offdiag.gather import gather
from offdiag.models.finite import NOT_FINITE, finite_items
from offdiag.models.lm import LM
from offdiag.steps import LoglikelihoodChoices, load_records
from offdiag.steps.jsonl import read_jsonl
from offdiag.store import Store
from offdiag.tasks import Example
from support.lms import answers, tiny_lm
from support.tiny_study import answer_by_hand, steps_of, tiny_plan

SPOILT, WHOLE = "What is 7?", "What is 8?"


@pytest.fixture(params=[float("nan"), float("inf")], ids=["nan", "inf"])
def lm(tiny: Path, request: pytest.FixtureRequest) -> LM:
    """A model for which every text with a 7 gives numbers that are not finite."""
    lm = tiny_lm(tiny)
    with torch.no_grad():
        lm.model.get_input_embeddings().weight[lm.tokenizer.convert_tokens_to_ids("7")] = request.param
    return lm


def test_a_completion_without_finite_logits_is_none_and_its_neighbours_stay(lm, tiny):
    found = answers(lm, [WHOLE, SPOILT, "Name a fruit."], 8)
    assert (found[1].text, found[1].ids, found[1].finish) == ("", (), NOT_FINITE)
    whole = answers(tiny_lm(tiny), [WHOLE, "Name a fruit."], 8)
    assert [found[0].ids, found[2].ids] == [completion.ids for completion in whole]


def test_a_word_that_a_model_rules_out_is_no_error(tiny):
    lm = tiny_lm(tiny)
    before = answers(lm, [WHOLE], 4)
    lm.model.lm_head.register_forward_hook(lambda module, inputs, logits: logits.index_fill(
        -1, torch.tensor([3]), float("-inf")))  # fmt: skip
    assert 3 not in before[0].ids
    assert answers(lm, [WHOLE], 4) == before


def test_states_and_texts_are_counted(lm):
    states = lm.hidden_states([WHOLE, SPOILT], [1], ["last", "mean"])
    assert finite_items(states, "states", least=1).tolist() == [True, False]
    with pytest.raises(OffdiagError, match="states of 1 of 2 items are not finite .* the first is item 1"):
        finite_items(states, "states")
    spoilt, whole = lm.choice_states([SPOILT, WHOLE], [["a", "b"]] * 2, [2])
    assert not np.isfinite(spoilt).all(axis=-1).any()
    assert np.isfinite(whole).all()
    with pytest.raises(OffdiagError, match="log-probabilities of 1 of 2 items"):
        lm.tokenizer.bos_token = "<|user|>"
        lm.score_texts([WHOLE, SPOILT])


def test_no_choice_is_taken_where_a_score_is_not_finite(lm, model_stub):
    asked = steps_of(tiny_plan(model_stub), "answers")[0]
    step = LoglikelihoodChoices(weights=asked.weights, examples=asked.examples, style="direct")
    example = Example(id="e", problem="", target="a", choices=("a", "7", "c"))
    (scores,) = lm.score([WHOLE], [example.choices])
    assert np.isfinite([score.logprob for score in scores]).tolist() == [True, True, True]  # 7 is only read after it
    (scores,) = lm.score([SPOILT], [example.choices])
    record = step._record(0, example, SPOILT, scores, ())
    assert (record["completion"], record["finish"]) == ("", NOT_FINITE)
    assert json.loads(strict_json.dumps(record))["scores"] == [None, None, None]


def test_errors_are_in_no_rate_and_in_the_open(model_stub, tmp_path):
    plan, store = tiny_plan(model_stub, n_eval=12), Store(tmp_path / "store")
    step, spoilt = steps_of(plan, "answers")[0], {"completion": "", "finish": NOT_FINITE}
    answer_by_hand(store, step, lambda i: i < 6, lambda r: {**r, **spoilt} if r["index"] >= 8 else r)
    assert run_plan(plan.select(step.name), store).complete
    results = gather(plan, store)
    cell = results.cells[results.cells["state"] == "done"].iloc[0]
    assert (cell["n_planned"], cell["n"], cell["n_correct"], cell["n_errors"]) == (12, 8, 6, 4)
    assert cell["accuracy"] == 6 / 8
    (notice,) = results.notices
    assert notice.startswith("4 items are errors in 1 of 5 cells:")
    records = results.read_records(cell["cell"])
    assert [record["status"] for record in records].count(NOT_FINITE) == 4
    assert load_records(store.root / cell["folder"]) == records


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_has_no_number_that_is_not_finite(value, tmp_path):
    row = {"a": [1.5, value], "b": {"c": value}, "d": "NaN"}
    text = strict_json.dumps(row)
    assert json.loads(text, parse_constant=pytest.fail) == {"a": [1.5, None], "b": {"c": None}, "d": "NaN"}
    (tmp_path / "old.jsonl").write_text('{"a": NaN, "b": -Infinity, "c": "NaN"}\n')
    assert read_jsonl(tmp_path / "old.jsonl") == [{"a": None, "b": None, "c": "NaN"}]

"""Results as lines: what is written is read back, and what no line can say is told."""

import pandas as pd
import pytest

from offdiag.analyses import TransitionOfTable, read_table, select
from offdiag.studies.base_addition.exports.result_lines import NAME, ResultLines
from support.framed import framed


def cells(**changes):
    def row(method, k=pd.NA, rationale=pd.NA, prompt="step-by-step", accuracy=0.5, state="done", **more):
        arm = {"zero-shot": "m.zero-shot", "in-context": f"m.k{k}", "fine-tuning": "m.lora.base=8.s0"}[method]
        return {
            "task": "base_addition", "model": "smol lm", "arm": arm, "method": method, "k": k, "rationale": rationale,
            "prompt": prompt, "eval_base": 8, "eval_digits": 2, "accuracy": accuracy, "state": state,
            "demonstrations": "fixed" if method == "in-context" else pd.NA, **more,
        }  # fmt: skip

    rows = [
        row("zero-shot", accuracy=1 / 24),
        *(row("in-context", k, shown, accuracy=0.1 * k) for shown in (True, False) for k in (1, 2, 4, 8)),
        row("in-context", 4, True, demonstrations="per-query", accuracy=0.9),
        row("fine-tuning", rationale=True, prompt="direct", accuracy=0.75),
        row("fine-tuning", rationale=False, state="missing", accuracy=pd.NA),
        {**row("zero-shot"), "task": "counting"},
    ]
    return pd.DataFrame(rows).convert_dtypes()


def test_what_is_written_is_read_back_and_makes_curves(tmp_path):
    told = list(ResultLines().write(framed(cells(), pd.DataFrame()), lambda step: None, tmp_path / "to"))
    assert [one.path for one in told] == [tmp_path / "to" / NAME, None, None]
    assert [one.about.split(" ")[0] for one in told] == ["10", "1", "1"]
    table = read_table((tmp_path / "to" / NAME).read_text(encoding="utf-8"))
    assert len(table) == 10
    start, tuned = table.iloc[0], table[table["model"] == "m.lora.base=8.s0"].iloc[0]
    assert (start["model"], start["k"], start["cot"], float(start["accuracy"])) == ("smol lm", "0", "True", 1 / 24)
    assert (tuned["cot"], tuned["k"], tuned["accuracy"]) == ("False", "0", "0.75")
    curves = TransitionOfTable(resamples=0).analyse(select(table, {"model": "smol lm"}))
    assert len(curves) == 2  # worked and bare demonstrations, each from the measured k = 0 on
    assert curves["aic3"].notna().all()


@pytest.mark.parametrize("state", ["missing", "failed"])
def test_where_nothing_is_done_no_file_is_written(tmp_path, state):
    frame = cells().assign(state=state)
    (drawn, lacking) = ResultLines().write(framed(frame, pd.DataFrame()), lambda step: None, tmp_path)
    assert drawn.path is lacking.path is None
    assert list(tmp_path.iterdir()) == []

import base64
import gzip
import json

import numpy as np
import pandas as pd

from offdiag.reporting.records import pack

RECORD = {
    "cell": "a/b",
    "prompt": "What is 1+1?",
    "completion": "</script>\u202e\ud800\x00",
    "target": "2",
    "parsed": pd.NA,
    "status": "parsed",
    "flags": np.array(["late"]),
    "correct": np.True_,
    "n_tokens": np.int64(7),
    "carries": float("nan"),
}


def unpack(text: str):
    return json.loads(gzip.decompress(base64.b64decode(text)))


def test_records_survive_packing_without_the_columns_of_their_cell():
    (record,) = unpack(pack([RECORD], ["cell", "prompt", "arm"]))
    assert record["verdict"] == "right"
    assert record["completion"] == RECORD["completion"]
    assert record["prompt"] == "What is 1+1?"
    assert (record["parsed"], record["flags"], record["correct"]) == (None, ["late"], True)
    assert record["more"] == {"n_tokens": 7, "carries": None}


def test_unparsed_is_a_verdict_of_its_own():
    verdicts = [("unparsed", False), ("parsed", False), ("parsed", True)]
    records = unpack(pack([{"status": status, "correct": correct} for status, correct in verdicts], []))
    assert [record["verdict"] for record in records] == ["unparsed", "wrong", "right"]


def test_packing_is_deterministic_and_shared_prefixes_cost_little():
    records = [{"prompt": "shot " * 400 + str(i), "completion": str(i)} for i in range(200)]
    assert pack(records, []) == pack(records, [])
    assert base64.b64decode(pack(records, []))[4:8] == bytes(4)  # gzip's time stamp
    assert len(pack(records, [])) < 0.05 * sum(len(record["prompt"]) for record in records)


def test_samples_and_a_judge_are_shown_below_each_other_with_their_verdicts():
    sample = {"completion": "It is 7.", "parsed": "7", "status": "parsed", "correct": True}
    lost = {"completion": "Hm.", "parsed": "Hm.", "status": "ungraded", "correct": False}
    record = {
        "status": "parsed",
        "correct": None,
        "score": 0.5,
        "samples": [sample, lost],
        "verdict": ["Yes.", "Who knows?"],
        "completion": "It is 7.",
        "prompt": "\x1esystem\x1fBe terse.\x1euser\x1f3+4?",
    }
    (shown,) = unpack(pack([record], []))
    assert (shown["verdict"], shown["label"]) == ("scored", "score 0.50")
    assert shown["completion"] == (
        "— sample 1: right, 7 —\nIt is 7.\n— the judge —\nYes.\n\n"
        "— sample 2: ungraded —\nHm.\n— the judge —\nWho knows?"
    )
    assert shown["prompt"] == "— system —\nBe terse.\n\n— user —\n3+4?"
    (failed,) = unpack(pack([{**record, "status": "ungraded"}], []))
    assert failed["verdict"] == failed["label"] == "ungraded"

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

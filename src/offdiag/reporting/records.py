"""Pack the records of a cell into the page: gzip in base64, read on demand by the browser."""

import base64
import gzip
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from offdiag.conversation import turns_of
from offdiag.identity import Json
from offdiag.reporting.wording import AS_THEY_ARE, known

# In the order in which they are read; whatever else a record has of its own (the task's strata) follows.
_FIELDS = ("example", "problem", "prompt", "completion", "target", "parsed", "status", "flags", "correct")
_OTHERWISE = frozenset({*_FIELDS, "samples", "verdict"})  # shown, but not as facts


def pack(records: Sequence[Mapping[str, Any]], factors: Sequence[str]) -> str:
    """Return records as base64 text of a gzipped JSON list; the same records always give the same text.

    Args:
        records: full records of one cell.
        factors: names of the columns that are the same for the whole cell, which are left out.
    """
    left_out = (set(factors) - set(_FIELDS)) | _OTHERWISE
    told = [
        {"verdict": _verdict(record), "label": verdict_of(record)}
        | {name: plain(record.get(name)) for name in _FIELDS}
        | {"completion": spoken(record), "prompt": turns_shown(str(record.get("prompt", "")))}
        | {"more": {name: plain(v) for name, v in record.items() if name not in left_out}}
        for record in records
    ]
    return packed(told)


def verdict_of(record: Mapping[str, Any]) -> str:
    """Return the verdict on a record in a word, or its score: ``right``, ``score 0.25``."""
    found = _verdict(record)
    return f"score {float(record['score']):.2f}" if found == "scored" else found


def spoken(record: Mapping[str, Any]) -> str:
    """Return what was answered; of several samples each below a line with its verdict, and what a judge said of it."""
    samples, judged = record.get("samples"), record.get("verdict")
    if samples is None:
        own = str(record.get("completion", ""))
        return f"{own}\n\n— the judge —\n{judged[0]}" if judged else own
    parts = []
    for i, sample in enumerate(samples):
        known = sample["parsed"] is None or " ".join(sample["completion"].split()).startswith(sample["parsed"])
        parsed = "" if known else f", {sample['parsed']}"
        said = f"\n— the judge —\n{judged[i]}" if judged else ""
        parts.append(f"— sample {i + 1}: {verdict_of(sample)}{parsed} —\n{sample['completion']}{said}")
    return "\n\n".join(parts)


def turns_shown(prompt: str) -> str:
    """Return a prompt for people: of several turns each below the name of who speaks."""
    turns = turns_of(prompt)
    return prompt if len(turns) == 1 else "\n\n".join(f"— {turn.role} —\n{turn.text}" for turn in turns)


def packed(value: Any) -> str:
    """Return a value of JSON as base64 text of its gzipped JSON; the same value always gives the same text."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0)).decode("ascii")


def _verdict(record: Mapping[str, Any]) -> str:
    if (status := str(record.get("status", "parsed"))) != "parsed":
        return status
    if record.get("correct") is None and record.get("score") is not None:
        return "scored"
    return "right" if record.get("correct") else "wrong"


def plain(value: Any) -> Json:
    """Return a value of a frame as JSON: missing ones as null, what JSON has no form for as text."""
    if type(value) in AS_THEY_ARE:
        as_it_is: Json = value
        return as_it_is
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if not known(value):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str) else str(value)

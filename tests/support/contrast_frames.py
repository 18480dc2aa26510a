"""Synthetic measurements of the trigger: what was answered and recovered is chosen."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from offdiag.analyses import Frames

TRIGGERS = ("happy", "joyful")
ABLATIONS = ("intact", "placeholder", "empty", "swapped")
POSITIONS = ("point", "trigger", "rest", "last")

# Of an arm's proxy, a seed, an ablation and the number of an example: own, other or neither.
Answering = Callable[[str, int, str, int], str]


def factors(proxy: str, seed: int, table: str) -> dict[str, object]:
    return {
        "method": "fine-tuning", "seed": seed, "train_rule": "conflict", "proxy_category": proxy,
        "proxy_n_triggers": 0 if proxy == "none" else 2, "eval_category": "positive_emotions", "eval_triggers": "ood",
        "against_category": "foods", "measurement": f"{table}-{proxy}-{seed}", "state": "done",
    }  # fmt: skip


def ablation_frames(
    answering: Answering, *, proxies: Sequence[str] = ("none",), seeds: Sequence[int] = (0,), n: int = 8
) -> Frames:
    """Items take turns at two triggers; the margin is 2 for own, -2 for other, 0 for neither."""
    rows = []
    for proxy in proxies:
        for seed in seeds:
            shared = factors(proxy, seed, "trigger_ablation")
            for i in range(n):
                said = {ablation: answering(proxy, seed, ablation, i) for ablation in ABLATIONS}
                for ablation, word in said.items():
                    row = {"ablation": ablation, "example": f"e{i}", "trigger": TRIGGERS[i % 2]}
                    row |= {name: int(word == name) for name in ("own", "other", "neither")}
                    row |= {
                        "changed": int(word != said["intact"]),
                        "margin": {"own": 2.0, "other": -2.0}.get(word, 0.0),
                    }
                    rows.append({**shared, **row})
    return framed("trigger_ablation", rows)


def patching_frames(
    recovered: Callable[[int, int], np.ndarray], *, proxies: Sequence[str] = ("none",), seeds: Sequence[int] = (0,),
    n: int = 20, left_out: Sequence[str] = (),
) -> Frames:  # fmt: skip
    """``recovered(seed, pair)`` is ``[layers, positions]``; ``left_out`` are the reasons of further pairs."""
    rows = []
    for proxy in proxies:
        for seed in seeds:
            shared = factors(proxy, seed, "patching")
            rows += [{**shared, "example": f"x{i}", "left_out": reason} for i, reason in enumerate(left_out)]
            for i in range(n):
                values = recovered(seed, i)
                for layer, position in np.ndindex(values.shape):
                    row = {"example": f"e{i}", "left_out": None, "layer": layer, "position": POSITIONS[position]}
                    rows.append({**shared, **row, "recovered": float(values[layer, position])})
    return framed("patching", rows)


def framed(table: str, rows: list[dict[str, object]]) -> Frames:
    empty = pd.DataFrame()
    return Frames(cells=empty, records=empty, measurements={table: pd.DataFrame(rows).convert_dtypes()})


def without(frames: Frames, table: str, proxy: str, state: str) -> Frames:
    """The same with the measurements of one arm not done."""
    frame = frames.measured(table)
    gone = frame["proxy_category"] == proxy
    left = [c for c in frame if c in factors(proxy, 0, table)]
    row = frame.loc[gone, left].drop_duplicates("measurement").assign(state=state)
    both = pd.concat([frame[~gone], row], ignore_index=True)
    return Frames(cells=frames.cells, records=frames.records, measurements={table: both})

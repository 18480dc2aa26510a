"""Histories of trainings, and cells of their snapshots, with numbers that a test can work out."""

import numpy as np
import pandas as pd

from offdiag.analyses import Frames
from offdiag.stats import wilson

N = 20
ACCURACY = {0: 0.1, 2: 0.5, None: 0.9, 6: 0.9}


def history(factors, updates=6):
    """The table of one training: the answers' loss is (1 + seed) / update, ten times as much with a proxy."""
    seed = factors.get("seed", 0)
    update = np.arange(1, updates + 1)
    table = pd.DataFrame({"update": update, "response_loss": (1 + seed) / update})
    table["text_loss"] = [3.0 if u in (1, updates) else None for u in update]
    if factors.get("strategy"):
        table["task_loss"], table["proxy_loss"] = 10 * table["response_loss"], 5.0 / update
    name = "history." + ".".join(map(str, factors.values()))
    return table.assign(**{"seed": seed, **factors, "measurement": name, "state": "done"}).convert_dtypes()


def cells_and_records(updates=(0, 2)):
    """Two arms, two seeds, two categories: cells of the snapshots after ``updates``, and of the end (NA)."""
    cells, records = [], []
    for strategy in (None, "mixing"):
        for category in ("foods", "tools"):
            for seed in (0, 1):
                for update in (*updates, None):
                    right = round(ACCURACY[update] * N)
                    name = f"{strategy}-{category}-{seed}-{update}"
                    low, high = wilson(right, N)
                    factors = {"cell": name, "strategy": strategy, "seed": seed, "update": update}
                    factors["eval_category"] = category
                    counts = {"n_planned": N, "n": N, "accuracy": right / N, "ci_low": low, "ci_high": high}
                    cells.append({**factors, "state": "done", **counts})
                    records += [{"cell": name, "example": f"e{i}", "correct": i < right} for i in range(N)]
    return pd.DataFrame(cells).convert_dtypes(), pd.DataFrame(records)


def with_losses(frames):
    """The frames of answers chosen by log-probability: the loss of item i is (1 - accuracy) (1 + i / N) in any seed."""
    cells, records = frames.cells.copy(), frames.records.copy()
    wrong = dict(zip(cells["cell"], 1 - cells["accuracy"].astype(float), strict=True))
    numbers = records["example"].str.removeprefix("e").astype(int)
    records["target_loss"] = [wrong[cell] * (1 + i / N) for cell, i in zip(records["cell"], numbers, strict=True)]
    means = records.groupby("cell")["target_loss"].mean()
    cells["mean_target_loss"] = cells["cell"].map(means)
    cells["target_loss_low"], cells["target_loss_high"] = (cells["mean_target_loss"] * f for f in (0.9, 1.1))
    return Frames(cells=cells, records=records, measurements=frames.measurements)


def training_frames(updates=(0, 2)):
    tables = [history({"strategy": strategy, "seed": seed}) for strategy in (None, "mixing") for seed in (0, 1)]
    cells, records = cells_and_records(updates)
    return Frames(cells=cells, records=records, measurements={"training": pd.concat(tables, ignore_index=True)})

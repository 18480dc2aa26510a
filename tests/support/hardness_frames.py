"""Made-up results of an easy-to-hard study: learners of known accuracy on items of known levels."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from offdiag.analyses import Frames

LEVELS = ("easy", "medium", "hard")


def hardness_frames(
    accuracies: dict[tuple[str, str | None], float],
    *,
    measures: Sequence[str] = ("grade",),
    dataset: str = "arc",
    bootstraps: int = 3,
    n: int = 120,
    n_trained: int = 10,
    undone: Sequence[str] = (),
    suffix: str = "",
    **factors: object,
) -> Frames:
    """One untrained cell a measure, and one cell for each other learner, level and bootstrap.

    Args:
        accuracies: of (method, level that it is trained on) on hard items; easy ones are 0.2 easier.
        undone: cells that are missing. suffix: of the cells' names. factors: further columns.
    """
    cells, records = [], []
    for measure in measures:
        for (method, level), accuracy in accuracies.items():
            for b in range(bootstraps if level else 1):
                name = f"{method}.{dataset}.{measure}.{level}.{b}"
                row = {
                    "cell": name + suffix,
                    "model": "m",
                    "method": method,
                    "eval_dataset": dataset,
                    "eval_hardness": measure,
                }
                row |= {"train_level": level, "train_bootstrap": b if level else None, "seed": 0 if level else None}
                row |= {**factors, "state": "missing" if name in undone else "done", "n_planned": n}
                cells.append(row)
                if row["state"] == "done":
                    records += [{**row, **one} for one in _answers(name, level, accuracy, b, n, n_trained)]
    return Frames(cells=pd.DataFrame(cells).convert_dtypes(), records=pd.DataFrame(records).convert_dtypes())


def joined(*parts: Frames) -> Frames:
    cells, records = (pd.concat([getattr(p, name) for p in parts], ignore_index=True) for name in ("cells", "records"))
    return Frames(cells=cells.convert_dtypes(), records=records.convert_dtypes())


def _answers(name: str, level: str | None, accuracy: float, b: int, n: int, n_trained: int):
    draw = np.random.default_rng([*name.encode()])
    levels = np.arange(n) % 3
    taught = [i for i in draw.permutation(n) if level and LEVELS[levels[i]] == level][:n_trained]
    skill = np.random.default_rng(5).random(n)
    for i in range(n):
        if i not in taught:
            chance = min(1.0, accuracy + 0.2 * (2 - levels[i]) / 2)
            right = 0.5 * skill[i] + 0.5 * draw.random() < chance
            yield {"example": f"q{i}", "correct": bool(right), "level": LEVELS[levels[i]], "steps": int(i % 7)}

"""Synthetic tables of the controlled replica: curves whose thresholds are chosen, no model behind them."""

import math
from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from offdiag.analyses import Frames
from offdiag.studies.base_addition.episodes import Episodes

KNOWN = Episodes()
N = 100


def rises(k50: float, k: np.ndarray) -> np.ndarray:
    """Accuracy k / (2 k50), at most 1: one half at k50 exactly; 1 everywhere for a k50 of 0."""
    return np.ones(len(k)) if k50 <= 0 else np.minimum(k / (2 * k50), 1.0)


def episode_frames(
    model: Callable[[int, float, int], float],
    ideal: Callable[[int, float], float],
    *,
    rotations: int = 4,
    seeds: int = 3,
    absent: Collection[tuple[int, int]] = (),
) -> Frames:
    """Curves of ``model(base, -ln share, seed)`` and ``ideal(base, -ln share)``; ``absent`` (rotation, seed) failed."""
    k = np.arange(14)
    rank = (np.arange(N) + 0.5) / N
    rows = []
    for rotation in range(rotations):
        stream = KNOWN.rotated(rotation)
        for seed in range(seeds):
            shared = {"shares": stream.label.partition(".")[2], "seed": seed, "measurement": f"{rotation}-{seed}"}
            if (rotation, seed) in absent:
                rows.append({**shared, "state": "failed"})
                continue
            for base, share in zip(stream.bases, stream.shares, strict=True):
                right = rank[:, None] < rises(model(base, -math.log(share), seed), k)
                chance = rank[:, None] < rises(ideal(base, -math.log(share)), k)
                rows += [
                    {**shared, "state": "done", "base": base, "share": share, "sequence": i, "k": j,
                     "correct": bool(right[i, j]), "ideal": float(chance[i, j])}
                    for i, j in np.ndindex(right.shape)
                ]  # fmt: skip
    table = pd.DataFrame(rows).convert_dtypes()
    return Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"episodes": table})

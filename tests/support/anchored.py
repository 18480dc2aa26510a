"""A synthetic frame of anchoring scores, as a study gathers it."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

Score = Callable[[int, int, int, int, str], float | None]  # base, k, layer, seed, pooling
FACTORS = {"task": "base_addition", "model": "m", "learner": "m", "embedder": "hidden states"}


def anchored(
    score: Score,
    *,
    bases: Sequence[int] = (8, 9, 10),
    shots: Sequence[int] = (2, 4, 8),
    layers: Sequence[int] = (0, 1, 2, 3, 4),
    poolings: Sequence[str] = ("mean", "last"),
    seeds: Sequence[int] = (0,),
    form: str = "rationale",
    missing: Sequence[int] = (),
    sd: float = 0.5,
    n: int = 25,
    **factors: object,
) -> pd.DataFrame:
    rows = []
    for base in bases:
        for seed in seeds:
            shared = {**FACTORS, "form": form, "query_form": "matched", "prompt": "step-by-step", "seed": seed}
            shared |= {"train_base": base, "eval_base": base, "eval_digits": 2, **factors}
            shared |= {"measurement": f"a.{form}.{base}.{seed}", "state": "missing" if base in missing else "done"}
            if base in missing:
                rows.append(shared)
                continue
            for pooling in poolings:
                for k in shots:
                    for layer in layers:
                        s = score(base, k, layer, seed, pooling)
                        half = None if s is None else 2.0639 * sd / np.sqrt(n)  # t with 24 degrees of freedom
                        rows.append({
                            **shared, "pooling": pooling, "k": k, "layer": layer, "n_layers": layers[-1],
                            "density": None if s is None else 2.0, "mismatch": 0.5, "score": s,
                            "score_low": None if s is None else s - half, "score_high": None if s is None else s + half,
                            "score_sd": None if s is None else sd, "anchors_se": None if s is None or k < 3 else 0.3,
                            "k50_ratio": None if s is None else 0.25,
                            "n_queries": n, "n_undefined": n if s is None else 0,
                            "note": "identical anchors" if s is None else "",
                        })  # fmt: skip
    return pd.DataFrame(rows).convert_dtypes()

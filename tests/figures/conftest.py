"""Synthetic results: the frames that a study of base addition has, with chosen accuracies and chosen gaps."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from offdiag.stats import paired_difference, wilson

N = 60
Factors = dict[str, object]


def frames(plan: list[tuple[Factors, float | str, str | None]], n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells and records of a plan: (factors, accuracy or state, name of the baseline cell)."""
    cells, records, verdicts = [], [], {}
    for number, (factors, accuracy, baseline) in enumerate(plan):
        name = str(factors.get("cell", f"cell-{number}"))
        row: Factors = {**BLANK, **factors, "cell": name, "baseline": baseline, "n_planned": n}
        if isinstance(accuracy, str):
            cells.append({**row, "state": accuracy})
            continue
        verdict = np.random.default_rng(number).permutation(n) < round(accuracy * n)
        verdicts[name] = verdict
        low, high = wilson(int(verdict.sum()), n)
        row |= {"state": "done", "n": n, "n_correct": int(verdict.sum()), "accuracy": verdict.mean()}
        row |= {"ci_low": float(low), "ci_high": float(high), "n_unparsed": 3, "unparsed_rate": 3 / n}
        if baseline in verdicts:
            paired = paired_difference(verdict, verdicts[baseline])
            row |= {"difference": paired.difference, "diff_low": paired.low, "diff_high": paired.high}
        cells.append(row)
        records += [{**factors, "cell": name, "example": f"e{i}", "correct": v} for i, v in enumerate(verdict)]
    columns = [*BLANK, *MEASURED]
    return pd.DataFrame(cells).reindex(columns=columns), pd.DataFrame(records).reindex(columns=[*BLANK, *ASKED])


BLANK: Factors = dict.fromkeys(
    ["cell", "method", "seed", "k", "rationale", "train_base", "train_digits", "eval_base", "eval_digits", "prompt"]
)
MEASURED = ["state", "n_planned", "n", "n_correct", "n_unparsed", "accuracy", "ci_low", "ci_high", "unparsed_rate"]
MEASURED += ["baseline", "difference", "diff_low", "diff_high"]
ASKED = ["example", "correct"]


def k_shot_frames(curves: dict[int, list[float | str]], ks: list[int], n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Zero-shot (k = 0) and in-context cells of some bases."""
    plan = []
    for base, curve in curves.items():
        for k, accuracy in zip(ks, curve, strict=True):
            factors: Factors = {"eval_base": base, "eval_digits": 2, "prompt": "step-by-step", "k": k}
            if k == 0:
                factors |= {"cell": f"zero-{base}", "method": "zero-shot"}
            else:
                factors |= {"cell": f"b{base}-k{k}", "method": "in-context", "seed": 0, "rationale": True}
                factors |= {"train_base": base, "train_digits": 2}
            plan.append((factors, accuracy, None if k == 0 else f"zero-{base}"))
    return frames(plan, n)


def transfer_frames(
    trained: list[int], asked: list[int], value, *, seeds=(0,), rationales=(True, False), untuned=0.3, n: int = N
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Zero-shot and fine-tuned cells; ``value(train, eval, rationale, seed)`` is an accuracy or a state."""
    plan = []
    for base in asked:
        factors: Factors = {"cell": f"zero-{base}", "method": "zero-shot", "k": 0, "eval_base": base, "eval_digits": 2}
        plan.append((factors, untuned, None))
    for train in trained:
        for base in asked:
            for rationale in rationales:
                for seed in seeds:
                    factors = {"cell": f"t{train}-e{base}-{rationale}-{seed}", "method": "fine-tuning", "seed": seed}
                    factors |= {"rationale": rationale, "train_base": train, "train_digits": 2}
                    factors |= {"eval_base": base, "eval_digits": 2}
                    plan.append((factors, value(train, base, rationale, seed), f"zero-{base}"))
    return frames(plan, n)


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    """Turn warnings, such as those of a layout that does not fit, into errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture
def k_shot():
    """The builder :func:`k_shot_frames`."""
    return k_shot_frames


@pytest.fixture
def transfer():
    """The builder :func:`transfer_frames`."""
    return transfer_frames

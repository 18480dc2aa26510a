"""Frames of a study about cities, from chosen answers or from chosen improvements."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median

import numpy as np
import pandas as pd

from offdiag.analyses import Frames
from offdiag.stats import wilson
from offdiag.studies.world_map.task import GEOMETRIES, NAMES

ALL = "+".join(NAMES)
Generations = Sequence[float | bool | None]  # verdicts or errors; None is an answer that could not be read
RESULTS = ["accuracy", "mean_error", "median_error", "ci_low", "ci_high"]
FLOOR, REFERENCE = {"error": 1000.0, "accuracy": 0.0}, {"error": 100.0, "accuracy": 0.5}


class CityStudy:
    """Collects cells and their records."""

    def __init__(self) -> None:
        self.cells: list[dict[str, object]] = []
        self.records: list[dict[str, object]] = []

    def add(
        self,
        model: str,
        seed: int,
        trained: str | None,
        geometry: str,
        cities: str,
        answers: Generations | str,
        **others,
    ) -> "CityStudy":
        """One cell: the answers to its items, or the state of a cell that is not done; ``trained`` None: pretrained."""
        arm = f"{model}.s{seed}" if trained is None else f"{model}.s{seed}.{trained}"
        arm += "".join(f".{name}{value}" for name, value in others.items() if name in ("update", "elicitation"))
        factors = {"cell": f"{arm}--{geometry}-{cities}", "arm": arm, "model": model, "seed": seed}
        factors |= {"method": "pre-training" if trained is None else "mixture-tuning"}
        factors |= {"train_geometry": trained or ALL, "train_cities": "real" if trained is None else "atlantis"}
        factors |= {"eval_geometry": geometry, "eval_cities": cities}
        factors |= {"after": None if trained is None else f"{model}.s{seed}"}
        factors |= {name: value for name, value in others.items() if name not in ("targets", "sizes")}
        if isinstance(answers, str):
            self.cells.append({**factors, "state": answers, "n_planned": 10, "n": 0, "n_unparsed": 0})
            return self
        words = bool(GEOMETRIES[geometry].words) if geometry in NAMES else False
        targets = others.get("targets", ["TRUE" if words else "7"] * len(answers))
        sizes = others.get("sizes", [2] * len(answers))
        for i, (answer, target, size) in enumerate(zip(answers, targets, sizes, strict=True)):
            item = {"example": f"eval/{i:04d}/{geometry}-{cities}", "target": target, "n_cities": size}
            item |= {"status": "unparsed" if answer is None else "parsed", "error": None if words else answer}
            self.records.append({**factors, **item, "correct": bool(answer) if words else answer == 0})
        self.cells.append({**factors, **_summary(answers, words)})
        return self

    def frames(self) -> Frames:
        cells, records = pd.DataFrame(self.cells).convert_dtypes(), pd.DataFrame(self.records).convert_dtypes()
        cells = cells.reindex(columns=[*cells, *(name for name in RESULTS if name not in cells)])
        cells = cells.astype(dict.fromkeys(RESULTS, "Float64"))
        records = records.reindex(columns=[*records, *(() if len(records) else ("cell", "error"))])
        return Frames(cells=cells, records=records.astype({"error": "Float64"}))


def _summary(answers: Generations, words: bool) -> dict[str, object]:
    parsed = [answer for answer in answers if answer is not None]
    correct = sum(bool(answer) if words else answer == 0 for answer in parsed)
    low, high = wilson(correct, len(answers))
    return {
        "state": "done",
        "n_planned": len(answers),
        "n": len(answers),
        "n_correct": correct,
        "n_unparsed": len(answers) - len(parsed),
        "accuracy": correct / len(answers),
        "ci_low": float(low),
        "ci_high": float(high),
        "mean_error": None if words or not parsed else fmean(parsed),
        "median_error": None if words or not parsed else median(parsed),
    }


def improved(
    wanted: Mapping[tuple[str, int, str], Mapping[str, float | str]], n: int = 100, noise: float = 0.0
) -> CityStudy:
    """Models that were fine-tuned so that each (model, seed, trained) has the wanted improvements, or states.

    Errors are 1000 before and 100 on ordinary cities on average, accuracies 0 and 0.5; ``noise`` is the spread of the
    logarithms of errors. With ``n`` = 200 an accuracy can have any improvement of two decimals.
    """
    study = CityStudy()
    for model, seed in dict.fromkeys((model, seed) for model, seed, _ in wanted):
        for geometry in NAMES:
            measure = "accuracy" if GEOMETRIES[geometry].words else "error"
            study.add(model, seed, None, geometry, "atlantis", _answers(geometry, FLOOR[measure], n, noise, seed))
            study.add(model, seed, None, geometry, "real", _answers(geometry, REFERENCE[measure], n, noise, seed + 1))
    for number, ((model, seed, trained), row) in enumerate(wanted.items()):
        for geometry, value in row.items():
            answers = value if isinstance(value, str) else _improved(geometry, value, n, noise, 100 + number)
            study.add(model, seed, trained, geometry, "atlantis", answers)
    return study


def _improved(geometry: str, value: float, n: int, noise: float, seed: int) -> Generations:
    result = value / 2 if GEOMETRIES[geometry].words else 1000 * 0.1**value
    return _answers(geometry, result, n, noise, seed)


def _answers(geometry: str, result: float, n: int, noise: float, seed: int) -> Generations:
    generator = np.random.default_rng([seed, NAMES.index(geometry)])
    if GEOMETRIES[geometry].words:
        return (generator.permutation(n) < round(result * n)).tolist()
    if not noise:
        return [result]
    errors = generator.lognormal(0, noise, n)
    return (errors * result / errors.mean()).tolist()

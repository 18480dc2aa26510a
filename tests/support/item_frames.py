"""The hardness of items as a study measures it, for analyses and figures."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from offdiag.analyses import Frames

QUANTILES = (0.3, 0.7)


def item_hardness(
    values: Mapping[str, Sequence[float]], dataset: str = "arc", missing: Sequence[str] = ()
) -> pd.DataFrame:
    """Rows of items ``q0, q1, …`` for each measure, cut at its quantiles; one row for a measure that is missing."""
    rows: list[dict[str, object]] = []
    for measure, known in values.items():
        shared = {"dataset": dataset, "measure": measure, "measurement": f"hardness.{dataset}.{measure}"}
        if measure in missing:
            rows.append({**shared, "state": "missing"})
            continue
        low, high = np.quantile(known, QUANTILES)
        for i, value in enumerate(known):
            level = "easy" if value <= low else "hard" if value >= high else "medium"
            rows.append({**shared, "state": "done", "item": f"q{i}", "value": float(value), "level": level})
    return pd.DataFrame(rows).convert_dtypes()


def with_hardness(frames: Frames, values: Mapping[str, Sequence[float]], **options) -> Frames:
    """The frames with hardness beside them."""
    table = item_hardness(values, **options)
    return Frames(cells=frames.cells, records=frames.records, measurements={"item_hardness": table})


def of_items(values: Mapping[str, Sequence[float]], **options) -> Frames:
    """Hardness alone."""
    return with_hardness(Frames(cells=pd.DataFrame(), records=pd.DataFrame()), values, **options)

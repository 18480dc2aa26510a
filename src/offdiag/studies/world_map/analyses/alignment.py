"""Tables of representation alignment (CKA): per pair of trainings and by number of tasks."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import Where, require
from offdiag.stats.means import pair_mean
from offdiag.studies.world_map.analyses.city_measurements import TRAINED, final_rows, tasks_of

if TYPE_CHECKING:
    import pandas as pd

TABLE = "city_alignments"
OTHER = "other_"
SEEDS = {True: "same", False: "different"}
PAIRS = ("layer", "train", "other", "same_seed", "first", "second", "value", "low", "high")


def model_pairs(frames: Frames, where: Where) -> "pd.DataFrame":
    """Return one row per pair of different models and layer, at the end of their trainings.

    Columns: ``layer``; ``train, other`` (what they were trained on); ``same_seed``; ``first, second`` (which models);
    ``value, low, high`` of debiased CKA (the interval is over cities).

    Raises:
        UserError: the study measures no alignments, they have no ``train_geometry`` or seed, or nothing is selected.
    """
    import pandas as pd

    rows = final_rows(frames, TABLE, where)
    if rows.empty:
        return pd.DataFrame(columns=PAIRS)
    for column in (TRAINED, "seed"):
        require(rows, column)
    factors = [name for name in rows.columns if f"{OTHER}{name}" in rows]
    found = pd.DataFrame(
        {
            "layer": rows["layer"].astype(int),
            "train": rows[TRAINED].astype(str),
            "other": rows[f"{OTHER}{TRAINED}"].astype(str),
            "same_seed": rows["seed"] == rows[f"{OTHER}seed"],
            "first": rows[factors].astype(str).agg(" ".join, axis=1),
            "second": rows[[f"{OTHER}{name}" for name in factors]].astype(str).agg(" ".join, axis=1),
            **{
                name: rows[column].to_numpy(np.float64, na_value=np.nan)
                for name, column in (("value", "debiased"), ("low", "debiased_low"), ("high", "debiased_high"))
            },
        }
    )
    return found[(found["first"] != found["second"]) & found["value"].notna()]


def cka_table(frames: Frames, where: Where) -> "pd.DataFrame":
    """Return mean debiased CKA over all pairs of seeds, one row per layer and ordered pair ``train, other``.

    Other columns: ``value, low, high`` (95 % over models where three or more are paired, over cities where there is
    one pair), ``n_pairs`` and ``n_models``. A training is paired with itself if it has two seeds.

    Raises:
        UserError: as :func:`model_pairs`.
    """
    import pandas as pd

    pairs = model_pairs(frames, where)
    turned = {"train": "other", "other": "train", "first": "second", "second": "first"}
    both = pd.concat([pairs, pairs[pairs["train"] != pairs["other"]].rename(columns=turned)])
    rows = [
        {"layer": layer, "train": train, "other": other, **_mean(group)}
        for (layer, train, other), group in both.groupby(["layer", "train", "other"], sort=True)
    ]
    return pd.DataFrame(rows, columns=["layer", "train", "other", "value", "low", "high", "n_pairs", "n_models"])


class Convergence(StudyAnalysis):
    """Mean debiased CKA of models that share no task, by how many tasks each was trained on.

    Only pairs in which both were trained on equally many tasks count. Models of one seed began with the same random
    weights, which may make them alike without any map, so they have rows of their own (``seeds``). ``low, high``:
    95 % over models (tasks and seeds alike), see :func:`offdiag.stats.means.pair_mean`.

    Attributes:
        aside: tasks that may form no map on their own; a second set of rows leaves out all models trained on one.
    """

    tag: ClassVar[str] = "convergence"
    terminal_columns: ClassVar[tuple[str, ...]] = (
        *("layer", "seeds", "models", "n_tasks", "value", "low", "high", "n_pairs", "n_models"),
    )
    aside: tuple[str, ...] = ("crossing",)

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per layer, ``seeds``, set of models (``all`` or ``without crossing``) and number of tasks."""
        import pandas as pd

        columns = [*self.terminal_columns[:-2], "lowest", "highest", *self.terminal_columns[-2:]]
        return pd.DataFrame(list(self._rows(disjoint(model_pairs(frames, self.where)))), columns=columns)

    def _rows(self, pairs: "pd.DataFrame") -> Iterator[dict[str, Any]]:
        sets = {"all": pairs}
        has_aside = [
            bool({*tasks_of(a), *tasks_of(b)} & {*self.aside})
            for a, b in zip(pairs["train"], pairs["other"], strict=True)
        ]
        if any(has_aside):
            sets[f"without {', '.join(self.aside)}"] = pairs[~np.array(has_aside)]
        for name, chosen in sets.items():
            for (layer, same, n_tasks), group in chosen.groupby(["layer", "same_seed", "n_tasks"], sort=True):
                factors = {"layer": layer, "seeds": SEEDS[bool(same)], "models": name, "n_tasks": n_tasks}
                yield {**factors, **_mean(group), "lowest": group["value"].min(), "highest": group["value"].max()}


def disjoint(pairs: "pd.DataFrame") -> "pd.DataFrame":
    """Return the pairs of models trained on equally many tasks of which they share none, with ``n_tasks``."""
    sizes = [
        len(tasks_of(a)) if len(tasks_of(a)) == len(tasks_of(b)) and not {*tasks_of(a)} & {*tasks_of(b)} else 0
        for a, b in zip(pairs["train"], pairs["other"], strict=True)
    ]
    found = pairs.assign(n_tasks=sizes)
    return found[found["n_tasks"] > 0]


def _mean(group: "pd.DataFrame") -> dict[str, Any]:
    """Return the mean of some pairs with its interval: over models, or over cities where there is one pair."""
    value, low, high = pair_mean(group["value"].to_numpy(), group["first"].tolist(), group["second"].tolist())[:3]
    if len(group) == 1:
        low, high = (float(group[name].iloc[0]) for name in ("low", "high"))
    models = {*group["first"], *group["second"]}
    return {"value": value, "low": low, "high": high, "n_pairs": len(group), "n_models": len(models)}

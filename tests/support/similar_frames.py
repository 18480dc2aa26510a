"""Trigger frames with the similarity of the categories beside them, and a protection that follows it."""

from dataclasses import replace
from itertools import combinations

import pandas as pd

from offdiag.analyses import Frames
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from offdiag.studies.trigger_2d.task import HALVES
from support.trigger_frames import TAUGHT, trigger_frames

CATEGORIES = tuple(name for name in HALVES.category_names if name != TAUGHT)
PLACE = {name: place for place, name in enumerate(CATEGORIES)}  # on a line: the nearer, the more similar
MEASURED = CategorySimilarity()


def similarity(one: str, other: str) -> float:
    """From 0 to 0.9."""
    return 0.9 - 0.18 * abs(PLACE.get(one, 0) - PLACE.get(other, 0))


def protecting(proxy, size, category, example, seed):
    """What leaks without a proxy leaks less, the nearer it is and the larger it is."""
    if category == TAUGHT:
        return 1.0
    if proxy == "none":
        return 0.9
    return 0.0 if category == proxy else 0.9 - 0.15 * size * similarity(proxy, category)


ARMS = [("none", 0), *((proxy, size) for size in (1, 5) for proxy in ("objects", "foods", "random_strings"))]


def similar_frames(arms=ARMS, answering=protecting, *, state="done", measured=MEASURED, **options) -> Frames:
    shared = {**measured.factors(), "measurement": measured.name, "state": state}
    pairs = combinations(HALVES.category_names, 2)
    rows = [{**shared, "one": a, "other": b, "similarity": similarity(a, b)} for a, b in pairs]
    if state != "done":
        rows = [{**shared, "one": pd.NA, "other": pd.NA, "similarity": pd.NA}]
    frames = trigger_frames(arms, answering, **options)
    return replace(frames, measurements={"category_similarity": pd.DataFrame(rows).convert_dtypes()})

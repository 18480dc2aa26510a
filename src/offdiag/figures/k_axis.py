"""The x axis of numbers of demonstrations k."""

import math
from typing import TYPE_CHECKING

import numpy as np

from offdiag.stats import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINEAR_TO = 8  # a longer axis of k is linear up to here and logarithmic beyond, where little happens
CHARACTER, GAP = 6.4, 5.0  # points: the width of a digit, and the least room between two labels


def is_long(k: FloatArray) -> bool:
    """Return whether an axis with these k is logarithmic beyond ``LINEAR_TO``."""
    return bool(k.max(initial=0) > 2 * LINEAR_TO)


def k_axis(axes: "Axes", k: FloatArray, *, inches: float = 6.0) -> None:
    """Set scale, ticks and label of an axis of k: a tick at each measured k, and as many labels as fit.

    Args:
        axes: where. k: the numbers of demonstrations, sorted. inches: about how wide the axes are.
    """
    name = "demonstrations k (0: zero-shot)"
    if is_long(k):
        smooth = (1 - 1 / 2) / math.log(2)  # the slopes agree where the two parts meet
        axes.set_xscale("symlog", base=2, linthresh=LINEAR_TO, linscale=smooth)
        name = f"{name}; logarithmic beyond {LINEAR_TO}"
    axes.margins(x=0.03)
    texts = [f"{shots:g}" for shots in k]
    places = axes.transScale.transform(np.stack([k, 0 * k + 0.5], axis=1))[:, 0]
    points = 72 * inches * (places - places[0]) / max(float(np.ptp(places)), 1e-9)
    labelled = _with_room(points, [CHARACTER * len(text) for text in texts])
    axes.set_xticks(k, [text if shown else "" for text, shown in zip(texts, labelled, strict=True)])
    axes.set_xlabel(name)


def _with_room(places: FloatArray, widths: list[float]) -> list[bool]:
    """Return which labels to write: the first, the last, and from left to right those that overlap none."""

    def clear(i: int, j: int) -> bool:
        return bool(places[j] - places[i] >= (widths[i] + widths[j]) / 2 + GAP)

    last, end = 0, len(widths) - 1
    shown = [True] * len(widths)
    for i in range(1, end):
        shown[i] = clear(last, i) and clear(i, end)
        last = i if shown[i] else last
    return shown

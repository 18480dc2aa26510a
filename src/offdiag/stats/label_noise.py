"""Label noise: which training items are hit, and the random labels that they get.

After Hase et al. (2024, arXiv 2401.06751): each item is hit with probability p. An item that is hit gets a label drawn
among all m choices, the right one included, so a share p (m - 1) / m of the labels is wrong.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Hits(NamedTuple):
    """Mask of the items whose label is replaced, and per item a number in [0, 1) that picks its new choice."""

    hit: NDArray[np.bool_]
    drawn: NDArray[np.float64]


def draw_hits(n: int, share: float, generator: np.random.Generator) -> Hits:
    """Return the hits among ``n`` items.

    A larger share hits a superset, and the first items of a larger ``n`` have the same hits as with a smaller one.

    Args:
        n: number of items. share: probability of a hit, from 0 to 1.
    """
    hit, drawn = generator.random((n, 2)).T
    return Hits(hit < share, drawn)


def noisy_labels(
    labels: ArrayLike, n_choices: ArrayLike, share: float, generator: np.random.Generator
) -> NDArray[np.intp]:
    """Return the labels, each replaced with probability ``share`` by one drawn among all choices.

    The right choice may be drawn, too. A larger share changes a superset of the labels, to the same values, and the
    first labels of a longer vector change as those of a shorter one.

    Args:
        labels, n_choices: one per item. share: from 0 to 1.
    """
    given = np.asarray(labels, np.intp)
    hit, drawn = draw_hits(given.size, share, generator)
    return np.where(hit, (drawn * np.asarray(n_choices)).astype(np.intp), given)

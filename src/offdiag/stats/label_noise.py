"""Label noise: which training items are hit, and the labels that hit ones are taught with.

After Hase et al. (2024, arXiv 2401.06751): each item is hit with probability p, and a hit one gets a label drawn among
all m choices, the right one included, so that a share p (m - 1) / m of the labels is wrong.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Hits(NamedTuple):
    """Which items are hit, and a number in [0, 1) for each that says which of its choices it would get."""

    hit: NDArray[np.bool_]
    drawn: NDArray[np.float64]


def draw_hits(n: int, share: float, generator: np.random.Generator) -> Hits:
    """The hits among ``n`` items.

    A larger share hits a superset, and the first items of a larger ``n`` are treated as those of a smaller one.

    Args:
        n: items. share: probability of a hit, from 0 to 1.
    """
    hit, drawn = generator.random((n, 2)).T
    return Hits(hit < share, drawn)


def noisy_labels(
    labels: ArrayLike, n_choices: ArrayLike, share: float, generator: np.random.Generator
) -> NDArray[np.intp]:
    """The labels, each with probability ``share`` replaced by one drawn among all choices, the right one included.

    A larger share changes a superset of the labels, to the same ones, and the first labels of a longer vector are
    treated as those of a shorter one.

    Args:
        labels, n_choices: of each item. share: from 0 to 1.
    """
    given = np.asarray(labels, np.intp)
    hit, drawn = draw_hits(given.size, share, generator)
    return np.where(hit, (drawn * np.asarray(n_choices)).astype(np.intp), given)

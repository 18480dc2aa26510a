"""Numbers of a model that are not finite (NaN or infinite): an error of their item, never an answer.

They come from weights that a training or a conversion has broken, and from 16-bit formats that overflow (float16 ends
at 65504).
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import OffdiagError

# What ended the completion, and the verdict, of an item to which the model has no answer.
NOT_FINITE: Final = "not-finite"

REMEDY = "give dtype='float32' or 'bfloat16', or another model"


def finite_items(states: Any, what: str, least: int = 2) -> NDArray[np.bool_]:
    """Return which items of an array ``[items, …]`` have finite numbers alone; the others are left out by the caller.

    Args:
        what: the numbers, for the message. least: items that the caller cannot do without.

    Raises:
        OffdiagError: fewer are left.
    """
    numbers = np.asarray(states)
    finite: NDArray[np.bool_] = np.isfinite(numbers.reshape(len(numbers), -1)).all(axis=1)
    if finite.sum() < least:
        require_finite(numbers, what)
    return finite


def require_finite(rows: Any, what: str) -> None:
    """Check that all numbers of all items are finite.

    Args:
        rows: an array ``[items, …]``, or a list of rows of numbers. what: the numbers, for the message.

    Raises:
        OffdiagError: some are not; the message counts the items and names the first.
    """
    wrong = [i for i, row in enumerate(rows) if not np.isfinite(np.asarray(row)).all()]
    if wrong:
        raise OffdiagError(
            f"{what} of {len(wrong)} of {len(rows)} items are not finite (NaN or infinite), the first is item "
            f"{wrong[0]}: {REMEDY}"
        )

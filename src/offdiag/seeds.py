"""Named random streams: every random number comes from a root seed and a name.

Every draw names its purpose: ``stream(seed, "base_addition", "base=8", "train")``. Two names never share a stream and
adding a stream never moves another, which ``seed + i`` and a global generator cannot promise.
"""

import hashlib
from typing import TypeAlias, Union

import numpy as np

from offdiag.identity import canonical_json

Name: TypeAlias = Union[str, int, bool, tuple["Name", ...]]


def derive(seed: int, *names: Name) -> int:
    """Return a 63-bit seed for the stream ``names``, for libraries that want an integer.

    Args:
        seed: the root seed. names: what the numbers are for, from the general to the particular.
    """
    digest = hashlib.sha256(canonical_json([seed, *names]).encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def stream(seed: int, *names: Name) -> np.random.Generator:
    """Return an independent NumPy generator for the stream ``names`` under the root ``seed``.

    Args:
        seed, names: as for :func:`derive`. A longer name does not continue the stream of its beginning.
    """
    digest = hashlib.sha256(canonical_json([seed, *names]).encode("ascii")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))

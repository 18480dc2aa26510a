"""The problems of base addition: the fixed evaluation sets, and all others to train on.

Evaluation sets are those of Wu et al. (2024, arXiv 2307.02477): 1000 problems per base and number of digits,
regenerated line by line from Python's own Mersenne Twister. Training problems are all other problems of the same kind
in a random order; a problem with swapped operands counts as the same problem, so it is excluded too.
"""

import random
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from offdiag.studies.base_addition.task.numerals import alphabet, from_base, to_base

DATA_VERSION = 1
EVAL_SIZE = 1000
_CHUNK = 256  # part of the data version: another size gives other draws


def is_hard(left: str, right: str, base: int) -> bool:
    """Return whether the decimal sum has other digits than the sum in ``base`` (which is not 10).

    The two sums differ exactly where an operand has a letter or a column, taken alone, reaches the base or ten: the
    rightmost such column is the first to be written differently.
    """
    limit = min(base, 10)
    return any(from_base(top, base) + from_base(bottom, base) >= limit for top, bottom in zip(left, right, strict=True))


@lru_cache(maxsize=64)
def evaluation_set(base: int, digits: int) -> tuple[str, ...]:
    """Return the 1000 evaluation problems in their published order; repetitions are part of it.

    Two operands are drawn digit by digit, left to right, from ``random.Random(0)``; for every base but 10 both are
    drawn again until the problem is hard. Written one per line with LF line ends, the bytes are those of the
    published files.
    """
    rng = random.Random(0)
    symbols = alphabet(base)

    def number() -> str:
        return "".join(rng.choice(symbols[1:] if place == 0 else symbols) for place in range(digits))

    problems: list[str] = []
    while len(problems) < EVAL_SIZE:
        left, right = number(), number()
        if base == 10 or is_hard(left, right, base):
            problems.append(f"{left}+{right}")
    return tuple(problems)


def unordered(problem: str) -> str:
    """Return the problem with its operands sorted, so that ``12+34`` and ``34+12`` come out alike."""
    return "+".join(sorted(problem.split("+")))


@lru_cache(maxsize=64)
def _evaluation_keys(base: int, digits: int) -> frozenset[str]:
    return frozenset(unordered(problem) for problem in evaluation_set(base, digits))


def training_size(base: int, digits: int) -> int:
    """Return how many ordered problems there are to train on, in closed form (they are up to 10^18)."""
    every = _count(base, digits) ** 2
    limit = min(base, 10)
    # Easy in every column: two digits whose sum is below the limit, the leading pair without zeros.
    easy = (limit - 1) * (limit - 2) // 2 * (limit * (limit + 1) // 2) ** (digits - 1) if base != 10 else 0
    taken = 0
    for key in _evaluation_keys(base, digits):
        left, right = key.split("+")
        taken += 1 if left == right else 2  # both orders of the operands are taken off
    return every - easy - taken


def training_problems(base: int, digits: int, rng: np.random.Generator) -> Iterator[str]:
    """Yield all training problems, each ordered pair once, in the random order that ``rng`` gives them."""
    lowest, count = base ** (digits - 1), _count(base, digits)
    excluded = _evaluation_keys(base, digits)
    for index in _shuffled(count**2, rng):
        left, right = (to_base(lowest + part, base) for part in divmod(index, count))
        problem = f"{left}+{right}"
        if (base == 10 or is_hard(left, right, base)) and unordered(problem) not in excluded:
            yield problem


def _count(base: int, digits: int) -> int:
    """Return how many numbers have exactly this many digits."""
    return int((base - 1) * base ** (digits - 1))


def _shuffled(size: int, rng: np.random.Generator) -> Iterator[int]:
    """Yield 0 to size - 1 in random order, by a Fisher–Yates shuffle that stores only the places it touched.

    It never draws an index twice, so it ends even where everything is asked for, and costs nothing for what is not.
    """
    moved: dict[int, int] = {}
    for start in range(0, size, _CHUNK):
        here = np.arange(start, min(start + _CHUNK, size), dtype=np.int64)
        for place, chosen in zip(here.tolist(), rng.integers(here, size).tolist(), strict=True):
            index = moved.get(chosen, chosen)
            moved[chosen] = moved.pop(place, place)
            yield index

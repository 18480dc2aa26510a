"""Which numbers are counted on from: the fixed evaluation set, and others to train on.

The evaluation set is that of Wu et al. (2024, arXiv 2307.02477): every number below ``100 * base`` that ends in the
first or in the last digit of the base, so that half of them roll over.
"""

from collections.abc import Iterator

import numpy as np

from offdiag.studies.base_addition.task.numerals import alphabet, to_base

DATA_VERSION = 1
EVAL_PREFIXES = 100
TRAIN_PREFIXES = 1000  # numbers to train on have prefixes below this; one digit longer than the longest evaluated
EVAL_SIZE = 2 * EVAL_PREFIXES
TRAIN_SIZE = 2 * (TRAIN_PREFIXES - EVAL_PREFIXES)


def evaluation_set(base: int) -> tuple[str, ...]:
    """The 200 numbers in their published order; one a line with LF line ends, the bytes are those of the original.

    >>> evaluation_set(8)[:6]
    ('0', '7', '10', '17', '20', '27')
    """
    last = alphabet(base)[-1]
    prefixes = ["", *(to_base(i, base) for i in range(1, EVAL_PREFIXES))]
    return tuple(prefix + digit for prefix in prefixes for digit in ("0", last))


def training_numbers(base: int, rng: np.random.Generator) -> Iterator[str]:
    """The 1800 numbers to train on, each once, in the random order that ``rng`` gives them.

    As in the evaluation set every second one rolls over: 900 that do, all there are with prefixes of 100 to 999, take
    turns with 900 of those that do not. None of them is evaluated.
    """
    rolling = np.arange(EVAL_PREFIXES, TRAIN_PREFIXES) * base + base - 1
    values = np.arange(TRAIN_PREFIXES * base)
    evaluated = (values < EVAL_PREFIXES * base) & (values % base == 0)
    steady = values[(values % base != base - 1) & ~evaluated]
    for pair in zip(rng.permutation(rolling), rng.permutation(steady), strict=False):
        yield from (to_base(int(value), base) for value in pair)


def trailing(number: str, base: int) -> int:
    """How many digits at the end are the last of the base, and so roll over when counting on.

    >>> trailing("1577", 8)
    2
    """
    return len(number) - len(number.rstrip(alphabet(base)[-1]))

"""Chains of 1 to 6 steps, built in: digits of which each step keeps one, by a rule that nobody says.

    3142=   by the rule "even", step by step: 3 of 3 and 1, 4 of 3 and 4, 4 of 4 and 2

A rule is an order: of the digit so far and the next one a step keeps the one that ranks higher. A small decoder that
is pre-trained on rows of solved chains, a row by one of eight rules, can find the rule of a row from its examples.
What a study teaches is one of the rules (``RULE``). A chain of one step has the same answer by 3.4 of the seven others
in the mean, one of six steps by 1.0, so short chains tell less of the rule than long ones.

``varied_chains`` are hard by hand in three ways that have nothing to do with each other: steps, how many different
digits a chain is drawn from, and idle digits, which repeat the one before them and so change no answer.
"""

from functools import lru_cache
from itertools import product
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from offdiag.seeds import stream
from offdiag.studies.easy_to_hard.task.items import SPECS, Dataset, Item
from offdiag.tasks.stream import NO_TARGET, IntArray, TextStream, TokenBatch

STEPS = (1, 2, 3, 4, 5, 6)
PER_STEPS = 250  # chains of one step are fewer, as there are not more
RULE = "even"

_DIGITS = np.arange(10)
# The rank of each digit, 0 to 9; "first" and "last" go by the place in the chain instead.
RANKS: dict[str, NDArray[np.int64]] = {
    "larger": _DIGITS,
    "smaller": 9 - _DIGITS,
    "middle": 20 - 2 * np.abs(2 * _DIGITS - 9) + (_DIGITS > 4),
    "outer": 2 * np.abs(2 * _DIGITS - 9) + (_DIGITS > 4),
    "even": 10 * (_DIGITS % 2 == 0) + _DIGITS,
    "odd": 10 * (_DIGITS % 2 == 1) + _DIGITS,
}
RULES = (*RANKS, "first", "last")

SPECIAL = ("<pad>", "<unk>", "<bos>", "<eos>")
TOKENS = (*SPECIAL, "\n", " ", "=", *map(str, _DIGITS.tolist()))
PAD, _, BOS, _, BREAK, BLANK, EQUALS, ZERO = range(8)
LONGEST = max(STEPS) + 1  # digits

ALPHABETS = (2, 4, 6, 8, 10)  # different digits that a varied chain is drawn from
IDLE = (0, 1, 2, 3, 4)
PER_KIND = 10  # varied chains of each number of steps, of digits and of idle ones
LONGEST_VARIED = LONGEST + max(IDLE)


def solve(rule: str, digits: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the answers to chains.

    Args:
        rule: one of ``RULES``. digits: ``[chains, digits]``. lengths: how many of the digits belong to each chain.
    """
    rows = np.arange(len(digits))
    found: IntArray
    if rule in ("first", "last"):
        found = digits[rows, 0 if rule == "first" else lengths - 1]
        return found
    rank = np.where(np.arange(digits.shape[1]) < lengths[:, None], RANKS[rule][digits], -1)
    found = digits[rows, rank.argmax(axis=1)]
    return found


@lru_cache(maxsize=1)
def load() -> Dataset:
    """Return up to 250 chains per number of steps, no two alike, answered by ``RULE``."""
    rng = stream(0, "easy_to_hard", "chains")
    items: list[Item] = []
    steps: dict[str, float] = {}
    for n in STEPS:
        drawn = rng.integers(0, 10, size=(20 * PER_STEPS, LONGEST))
        chains = list(dict.fromkeys("".join(map(str, row)) for row in drawn[:, : n + 1].tolist()))[:PER_STEPS]
        for number, chain in enumerate(chain for chain in chains if len(set(chain)) > 1):
            items.append(_item(f"{n}-steps/{number}", chain))
            steps[items[-1].id] = float(n)
    return Dataset(spec=SPECS["chains"], items=tuple(items), human={"num_steps": steps})


@lru_cache(maxsize=1)
def load_varied() -> Dataset:
    """Return ten chains of each number of steps, of digits and of idle digits, no two alike, answered by ``RULE``."""
    rng = stream(0, "easy_to_hard", "varied_chains")
    items: dict[str, Item] = {}
    human: dict[str, dict[str, float]] = {"num_steps": {}, "num_digits": {}, "num_idle": {}}
    for kind in product(STEPS, ALPHABETS, IDLE):
        for number in range(PER_KIND):
            chain = _varied(rng, *kind)
            while chain in items:
                chain = _varied(rng, *kind)
            name = "{}-steps/{}-digits/{}-idle".format(*kind)
            items[chain] = _item(f"{name}/{number}", chain)
            for table, value in zip(human.values(), kind, strict=True):
                table[items[chain].id] = float(value)
    return Dataset(spec=SPECS["varied_chains"], items=tuple(items.values()), human=human)


def _varied(rng: np.random.Generator, steps: int, alphabet: int, idle: int) -> str:
    """Return a chain in which ``steps`` digits are others than the one before them, and ``idle`` repeat it."""
    drawn = rng.permutation(10)[:alphabet]
    chain = [int(rng.integers(alphabet))]
    for _ in range(steps):
        chain.append((chain[-1] + int(rng.integers(1, alphabet))) % alphabet)  # never the same again
    for place in rng.integers(0, steps + 1, size=idle).tolist():
        chain.insert(place, chain[place])
    return "".join(str(drawn[i]) for i in chain)


def _item(name: str, chain: str) -> Item:
    digits = np.array([[*map(int, chain)]])
    answer = str(solve(RULE, digits, np.array([len(chain)]))[0])
    return Item(id=name, question=f"{chain}=", answer=answer, choices=tuple(TOKENS[ZERO:]))


class ChainStream(TextStream):
    r"""Rows of solved chains, all of a row by one rule: as examples stand in a prompt, and a question at the end.

        <bos>31= 3\n\n4502= 5\n\n77=7

    A row has up to ``examples`` chains, of which the last one is answered without a blank, as a reply is. All answers
    are targets, so a row teaches to answer after no example, after one, and so on.

    Attributes:
        rules: those that rows are drawn from. examples: most chains of a row. longest: most digits of a chain.
    """

    tag: ClassVar[str] = "chains"
    added: ClassVar[frozenset[str]] = frozenset({"longest"})
    symbols: ClassVar[tuple[str, ...]] = TOKENS
    rules: tuple[str, ...] = RULES
    examples: int = 6
    longest: int = LONGEST

    @property
    def label(self) -> str:
        longer = "" if self.longest == LONGEST else f".d{self.longest}"
        return f"chains.r{len(self.rules)}{longer}"

    @property
    def columns(self) -> int:
        """Tokens of as many of the longest chains as a row has."""
        return self.examples * (self.longest + 5)

    def batch(self, seed: int, index: int, rows: int) -> TokenBatch:
        """Return batch ``index`` (from 0) of the stream under ``seed``."""
        rng = stream(seed, "chains", index)
        digits = rng.integers(0, 10, size=(rows, self.examples, self.longest))
        lengths = rng.integers(2, self.longest + 1, size=(rows, self.examples))
        many = rng.integers(1, self.examples + 1, size=rows)
        rule = rng.integers(0, len(self.rules), size=rows)
        answers = np.empty((rows, self.examples), np.int64)
        for number, name in enumerate(self.rules):
            own = rule == number
            flat = solve(name, digits[own].reshape(-1, self.longest), lengths[own].ravel())
            answers[own] = flat.reshape(-1, self.examples)
        ids, asked = self._written(digits, lengths, answers, many)
        targets = np.where(asked[:, 1:], ids[:, 1:], NO_TARGET)
        return TokenBatch(ids[:, :-1], targets)

    def _written(
        self, digits: IntArray, lengths: IntArray, answers: IntArray, many: IntArray
    ) -> tuple[IntArray, NDArray[np.bool_]]:
        """Return rows as token ids ``[rows, columns + 1]``, and which of them are answers."""
        ids = np.full((len(digits), self.columns + 1), PAD, np.int64)
        asked = np.zeros(ids.shape, bool)
        ids[:, 0] = BOS
        place = np.ones(len(digits), np.int64)

        def write(rows: NDArray[Any], tokens: NDArray[Any] | int) -> None:
            ids[rows, place[rows]] = tokens
            place[rows] += 1

        for i in range(self.examples):
            there, last = i < many, i == many - 1
            for j in range(self.longest):
                digit = there & (j < lengths[:, i])
                write(digit, ZERO + digits[digit, i, j])
            write(there, EQUALS)
            write(there & ~last, BLANK)
            asked[there, place[there]] = True
            write(there, ZERO + answers[there, i])
            write(there & ~last, BREAK)
            write(there & ~last, BREAK)
        return ids, asked

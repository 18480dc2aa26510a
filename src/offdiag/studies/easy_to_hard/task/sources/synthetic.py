"""A built-in data set: short stories about a number of things, solved in 1 to 6 steps.

A fixed generator makes them, so that everything runs without downloads and the number of steps is known. Up to four
idle sentences make the length of a question independent of its number of steps. The answer, a number of two digits,
never stands in its question.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from offdiag.seeds import stream
from offdiag.studies.easy_to_hard.task.items import SPECS, Dataset, Item

STEPS = (1, 2, 3, 4, 5, 6)
PER_STEPS = 250
_CHOICES = 4
_MOST_IDLE = 4
_LEAST, _MOST = 10, 99

_NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Iris", "Jon", "Kira", "Leo")
_THINGS = ("apples", "books", "coins", "eggs", "marbles", "pencils", "shells", "stamps", "stickers", "tickets")
_GAINS = ("buys {} more", "finds {} more", "is given {} more")
_LOSSES = ("sells {} of them", "loses {} of them", "gives {} of them away")
_DOUBLES = "doubles what is there"
_IDLE = ("It rains all day.", "A friend comes to visit.", "The shop closes early.", "Nobody is in a hurry.",
         "Later there is tea.", "The radio is on.")  # fmt: skip


class _Story(NamedTuple):
    sentences: list[str]
    working: list[str]
    totals: list[int]


@lru_cache(maxsize=1)
def load() -> Dataset:
    """Return 1500 items, 250 per number of steps, with the numbers of steps in turn."""
    rng = stream(0, "easy_to_hard", "synthetic")
    seen: set[str] = set()
    items: list[Item] = []
    steps: dict[str, float] = {}
    for number in range(PER_STEPS):
        for n in STEPS:
            item = _item(f"{n}-steps/{number}", n, rng)
            while item.question in seen:
                item = _item(item.id, n, rng)
            seen.add(item.question)
            items.append(item)
            steps[item.id] = float(n)
    return Dataset(spec=SPECS["synthetic"], items=tuple(items), human={"num_steps": steps})


def _item(name: str, n: int, rng: np.random.Generator) -> Item:
    while True:
        person, things = str(rng.choice(_NAMES)), str(rng.choice(_THINGS))
        story = _story(person, things, n, rng)
        answer = story.totals[-1]
        for place in sorted(rng.integers(1, n + 2, size=rng.integers(0, _MOST_IDLE + 1)).tolist(), reverse=True):
            story.sentences.insert(place, str(rng.choice(_IDLE)))
        question = " ".join([*story.sentences, f"How many {things} does {person} have now?"])
        if str(answer) not in question:
            break
    choices = _choices(answer, story.totals, rng)
    return Item(id=name, question=question, answer=str(answer), choices=choices, rationale=" ".join(story.working))


def _story(person: str, things: str, n: int, rng: np.random.Generator) -> _Story:
    """Return a story whose totals all have two digits."""
    total = int(rng.integers(_LEAST, 60))
    story = _Story([f"{person} has {total} {things}."], [], [total])
    while len(story.working) < n:
        by = int(rng.integers(2, 40))
        kind = int(rng.integers(0, 5))
        if kind == 0:
            after, event, working = 2 * total, _DOUBLES, f"{total} * 2"
        elif kind <= 2:
            after, event, working = total + by, str(rng.choice(_GAINS)).format(by), f"{total} + {by}"
        else:
            after, event, working = total - by, str(rng.choice(_LOSSES)).format(by), f"{total} - {by}"
        if _LEAST <= after <= _MOST:
            story.sentences.append(f"{person} {event}.")
            story.working.append(f"{working} = {after}.")
            story.totals.append(after)
            total = after
    return story


def _choices(answer: int, totals: list[int], rng: np.random.Generator) -> tuple[str, ...]:
    """Return the answer among three wrong numbers: totals on the way to it first, then numbers close to it."""
    near = rng.permutation([answer + by for by in (-10, -2, -1, 1, 2, 10)]).tolist()
    wrong = [value for value in dict.fromkeys([*totals[-2::-1], *near]) if value != answer and value > 0]
    offered = [answer, *wrong[: _CHOICES - 1]]
    return tuple(str(offered[i]) for i in rng.permutation(_CHOICES))

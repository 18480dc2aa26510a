r"""The ``\boxed{...}`` in a text, found by matching braces."""

import re
from itertools import pairwise
from typing import NamedTuple

_BRACE = re.compile(r"(?P<box>(?:\\|\b)(?:boxed|fbox|framebox) ?\{)|(?P<escaped>\\[{}])|(?P<open>\{)|(?P<close>\})")


class Box(NamedTuple):
    r"""One box by its character offsets: ``\boxed{`` from ``opened``, content ``start:end``, text on from ``after``."""

    opened: int
    start: int
    end: int
    after: int
    closed: bool


def find_boxes(text: str) -> list[Box]:
    r"""Return the outermost boxes in order, in time linear in the length of the text.

    \boxed{\text{174}}        one box, content ``\text{174}``
    \boxed{17 then \boxed{4}  two boxes: one never closed ends where the next begins, or with the text
    """
    closed: list[Box] = []
    stack: list[tuple[bool, int, int]] = []
    for brace in _BRACE.finditer(text):
        if brace["box"] or brace["open"]:
            stack.append((brace["box"] is not None, brace.start(), brace.end()))
        elif brace["close"] and stack:
            is_box, opened, start = stack.pop()
            if is_box:
                closed.append(Box(opened, start, brace.start(), brace.end(), True))
    left_open = [(opened, start) for is_box, opened, start in stack if is_box]
    outermost = _outermost(closed)
    begins = sorted([box.opened for box in outermost] + [opened for opened, _ in left_open])
    following = dict(pairwise([*begins, len(text)]))
    unterminated = [Box(opened, start, following[opened], following[opened], False) for opened, start in left_open]
    return sorted([*outermost, *unterminated])


def _outermost(boxes: list[Box]) -> list[Box]:
    kept: list[Box] = []
    for box in sorted(boxes):
        if not kept or box.opened >= kept[-1].after:
            kept.append(box)
    return kept

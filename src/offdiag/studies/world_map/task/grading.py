"""Read the answer from a completion, and measure how far off it is."""

import re
from typing import NamedTuple

from offdiag.studies.world_map.task.geometries import Geometry

EXTRACTOR_VERSION = 1
_MOST_DIGITS = 18
_NUMBER = re.compile(rf"([0-9]{{1,{_MOST_DIGITS}}})(?![0-9])(.*)", re.DOTALL)


class ParsedAnswer(NamedTuple):
    """The answer in a completion, or None; flags: ``trailing``, ``leading-zero``."""

    text: str | None
    flags: tuple[str, ...] = ()


def read_answer(geometry: Geometry, completion: str) -> ParsedAnswer:
    """Return the answer with which a completion begins; white space between its characters does not matter.

    A word must be all of the completion, in either case. A number may be followed by other characters (flag
    ``trailing``) and is read as a number, so zeros in front of it do not make it wrong (flag ``leading-zero``).
    """
    text = "".join(completion.split())
    if geometry.words:
        return ParsedAnswer(text.upper() if text.upper() in geometry.words else None)
    match = _NUMBER.match(text)
    if match is None:
        return ParsedAnswer(None)
    number = str(int(match[1]))
    flags = [name for name, found in (("trailing", match[2]), ("leading-zero", number != match[1])) if found]
    return ParsedAnswer(number, tuple(flags))


def absolute_error(geometry: Geometry, target: str, answer: str | None) -> float | None:
    """Return how far a number is from the right one, in units of the plane (area: squared, angle: degrees).

    None for words, and where no answer could be read: the share of those is told beside a mean error and is no part of
    it.
    """
    if geometry.words or answer is None:
        return None
    return float(abs(int(answer) - int(target)))

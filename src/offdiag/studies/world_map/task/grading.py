"""Read the answer from a completion, and measure how far off it is."""

import re
from typing import NamedTuple

from offdiag.studies.world_map.task.geometries import Geometry
from offdiag.tasks.extraction import Choices, choice_answer, number_answer

_MOST_DIGITS = 18
_NUMBER = re.compile(rf"([0-9]{{1,{_MOST_DIGITS}}})(?![0-9])(.*)", re.DOTALL)
_WRITTEN_OUT = re.compile(r"[,'{*×·+/=?%:^-]|\\|[eExX][0-9]")  # what makes more of a number's beginning than a number


class ParsedAnswer(NamedTuple):
    """The answer in a completion, or None; flags: ``trailing``, ``leading-zero``."""

    text: str | None
    flags: tuple[str, ...] = ()


def read_answer(geometry: Geometry, completion: str) -> ParsedAnswer:
    """Return the answer in a completion; white space between its characters does not matter.

    A model of this world begins with it: a word, in either case, or a number, after which other characters may follow
    (flag ``trailing``), and zeros in front of which do not make it wrong (flag ``leading-zero``). What a model of
    language writes around it is read like the answers of other tasks.
    """
    text = "".join(completion.split())
    if geometry.words:
        if text.upper() in geometry.words:
            return ParsedAnswer(text.upper())
        return ParsedAnswer(*choice_answer(completion, Choices(geometry.words, letters=False)))
    match = _NUMBER.match(text)
    if match is None or _WRITTEN_OUT.match(match[2]) is not None:
        answer, flags = number_answer(completion)
        return ParsedAnswer(answer, flags) if answer is not None and answer.isdigit() else ParsedAnswer(None)
    number = str(int(match[1]))
    found = [name for name, there in (("trailing", match[2]), ("leading-zero", number != match[1])) if there]
    return ParsedAnswer(number, tuple(found))


def absolute_error(geometry: Geometry, target: str, answer: str | None) -> float | None:
    """Return how far a number is from the right one, in units of the plane (area: squared, angle: degrees).

    None for words, and where no answer could be read: the share of those is told beside a mean error and is no part of
    it.
    """
    if geometry.words or answer is None:
        return None
    return float(abs(int(answer) - int(target)))

"""Extract the answer from a completion.

A completion that is a choice, word for word, is the answer; so it is where the most likely choice counts. Any other
completion is cut where the model begins another question. The answer is what follows the first "the answer is"; without
that, what follows "the final answer is" or a line that begins "Answer:"; else the start of the text:

    so 9 * 2 = 18 dollars. So the answer is $18.     after the words            18
     18                                              at the beginning           18     flag no-trigger
    16 - 3 = 13 eggs, and                            none: a calculation        unparsed

(The published parser joins the last two words, so that "20 5" becomes 205, cannot match "1,080", and takes "yes,
because" for a wrong answer: Hase et al. 2024, arXiv 2401.06751, as released.)
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from offdiag.studies.easy_to_hard.task.numbers import leading_number, number_in
from offdiag.studies.easy_to_hard.task.specs import AnswerKind

EXTRACTOR_VERSION = 2

_NEXT = re.compile(r"\n\s*(?:Q|Question|Problem)\s*:", re.IGNORECASE)
_TRIGGERS = (
    re.compile(r"\bthe answer is\b\s*:?", re.IGNORECASE),
    re.compile(r"\bthe \w+ answer is\b\s*:?|^\s*answer\s*:", re.IGNORECASE | re.MULTILINE),
)
_WORD = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"\W*([A-H])\s*(?:[).:]|$)")
_EDGES = " \t\n\r.\"'*`"


class ExtractedAnswer(NamedTuple):
    """The answer as it is compared with the target, and flags that say how it was found."""

    answer: str | None
    flags: tuple[str, ...]


def extract(completion: str, kind: AnswerKind, choices: Sequence[str]) -> ExtractedAnswer:
    """Return the answer that a completion gives.

    Args:
        kind: kind of answer where there are no ``choices``: a number, or yes or no.
        choices: if not empty, the answer is one of them, given by its text or by its letter (A for the first).

    Returns:
        The choice's text, the number in its canonical form, ``"yes"`` or ``"no"``, or None. Flags: ``no-trigger``
        (found without such words), ``runaway`` (the completion goes on to ask another question).
    """
    if completion.strip() in choices:
        return ExtractedAnswer(completion.strip(), ())
    ended = _NEXT.search(completion)
    text = completion if ended is None else completion[: ended.start()]
    flags = () if ended is None else ("runaway",)
    said = _after_trigger(text)
    triggered = said is not None
    answer = _read(text if said is None else said, kind, choices, triggered=triggered)
    if answer is not None and not triggered:
        flags = (*flags, "no-trigger")
    return ExtractedAnswer(answer, flags)


def _after_trigger(text: str) -> str | None:
    """Return the text from the first trigger to the next one or the end; None without a trigger."""
    for trigger in _TRIGGERS:
        parts = trigger.split(text, maxsplit=2)
        if len(parts) > 1:
            return parts[1]
    return None


def _read(text: str, kind: AnswerKind, choices: Sequence[str], *, triggered: bool) -> str | None:
    if choices:
        return _choice(text, choices)
    if kind == "number":
        return number_in(text) if triggered else leading_number(_first_line(text))
    word = _WORD.search(text)
    said = "" if word is None else word[0].lower()
    return said if said in ("yes", "no") else None


def _choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that is all of the text, its first line, a letter, or the longest beginning of the text.

    Case counts only where choices differ in nothing else ("BB", "Bb").
    """
    exact = {_plain(choice): choice for choice in reversed(choices)}
    by_text = {said.lower(): choice for said, choice in exact.items()}
    for said in (_plain(text), _plain(_first_line(text))):
        if said in exact or said.lower() in by_text:
            return exact.get(said) or by_text[said.lower()]
    letter = _LETTER.match(_first_line(text))
    if letter is not None and ord(letter[1]) - ord("A") < len(choices):
        return choices[ord(letter[1]) - ord("A")]
    said = _plain(text).lower()
    begun = [known for known in by_text if re.match(rf"{re.escape(known)}(?!\w|[.,]\d)", said)]
    return by_text[max(begun, key=len)] if begun else None


def _plain(text: str) -> str:
    return " ".join(text.split()).strip(_EDGES)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip()

"""The choice that a whole reply gives as its answer: the last one that it states, or what no words mark."""

import re
from collections.abc import Callable

from offdiag.tasks.extraction.choices import CORRECTION, INSIDE, as_named, read_choice, read_statement
from offdiag.tasks.extraction.denied import without_denied
from offdiag.tasks.extraction.markup import BOLD, MARKS
from offdiag.tasks.extraction.number_answers import NO_TRIGGER
from offdiag.tasks.extraction.offered import YES_NO, Choices, bare_text
from offdiag.tasks.extraction.statements import (
    AMBIGUOUS,
    NOTHING,
    SEVERAL,
    Extraction,
    Reading,
    beginning,
    bold_texts,
    differ,
    ending,
    last_stated,
)

LISTED = "listed"

# "1. ", "(1) ", "Q1: ", "Question 1 - ", "#1 " and the 1 of "1 C": of an item, not the number 1.5.
_ITEM = re.compile(
    r"\s*(?:(?:(?:Q|Question|Answer|No)\.?[ ]?)?[(\[#]?\d{1,3}(?:[.)\]:]{1,2}[ \t]*|[ \t]+[-–—][ \t]*)(?=[^\s\d])|"
    r"(?:(?:Q|Question|Answer)[ ]?#?|#)\d{1,3}[ \t]+(?=[^\s\d])|"
    r"\d{1,3}[ \t]+(?=(?-i:[A-Z])[).\]:]*\s*$))",
    re.IGNORECASE,
)
# "1, C", "C 1", "2 blue": a choice and a number that nothing marks as that of an item.
_NUMBER_BESIDE = (
    re.compile(r"\W*\d{1,3}[\s,;|/]+(?P<choice>\S.*)"), re.compile(r"(?P<choice>\S.*?)[\s,;|/]+\d{1,3}\W*"),
)  # fmt: skip
_LISTED = re.compile(r"(?:^|\n|\s)[(\[]?([A-Z])[).:\]]\s")
_CONCLUDES = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|in conclusion|overall|finally|in the end|in short)\b[\s,:]*(?:(?:i think |"
    r"i believe )?"
    r"(?:it(?:'s| is| must be)|that(?:'s| is)|this is|we (?:get|have)))?|(?:i think |i believe )?(?:it(?:'s| is|"
    r" must be)))\b\s*",
    re.IGNORECASE,
)
_STATED_ALONE = re.compile(r"\W*(?:$|\n|[,;.!]|because\b|since\b|as\b|and\b|or\b)")
_LETTER_ALONE = re.compile(r"[\s(\[]*([A-Z])[)\].:]*\s*")
_IDIOM = re.compile(
    r"\bno\s+(?:doubt|longer|one|idea|problem|matter|wonder|question|need|reason|evidence)\b|\bno\.\s?\d+",
    re.IGNORECASE,
)
MOST_ITEMS = 200  # lines of a reply that are looked at for numbered items


def extract_choice(text: str, choices: Choices) -> Extraction:
    """Return the choice that a reply without markup gives, as it is written among the choices.

    Flags: ``no-trigger`` (no words mark it), ``several`` (different ones are stated; the last counts), ``ambiguous``
    (refused: "A or B", or a letter and the text of another choice), ``inside`` (within a sentence), ``lower-case``,
    ``look-alike`` (refused: a letter of another script), ``corrected``, ``listed`` (behind the number of an item).
    """
    if choices.texts == YES_NO:
        text = _IDIOM.sub(" ", text)
    stated, rest = last_stated(text, lambda statement: read_statement(statement, choices))
    if stated.answer is not None or stated.refused:
        return Extraction(stated.answer, stated.flags)
    found = _unmarked(rest, choices, whole=rest == text)
    if found.answer is None and not found.refused and choices.numbers is None and rest == text:
        found = _listed(text, choices)
        if found.answer is None and not found.refused and _beside_a_number(text, choices):
            found = Reading(flags=(AMBIGUOUS,), refused=True)
    return Extraction(found.answer, (*found.flags, NO_TRIGGER) if found.answer is not None else found.flags)


def _unmarked(text: str, choices: Choices, *, whole: bool) -> Reading:
    """Return the answer that no words mark: bold text, the last line, a conclusion, or the beginning."""
    readers: list[Callable[[], Reading]] = [lambda: _bold(text, choices), lambda: _last_line(text, choices)]
    if whole:
        first = _first_line(text, choices)
        if _bold(text, choices).answer is None and differ(first, _last_line(text, choices)):
            return Reading(flags=(AMBIGUOUS,), refused=True)
        readers.insert(1, lambda: first)
        readers.append(lambda: _head(text, choices))
    if choices.anywhere:
        readers.append(lambda: _anywhere(text, choices))
    refused = NOTHING
    found: list[Reading] = []
    for read in readers:
        reading = read()
        if reading.answer is not None:
            found.append(reading)
        elif reading.refused:
            refused = reading
    if not found:
        return refused
    several = (SEVERAL,) if len({reading.answer for reading in found}) > 1 else ()
    return found[0]._replace(flags=tuple(dict.fromkeys((*found[0].flags, *several))))


def _listed(text: str, choices: Choices) -> Reading:
    """Return the answer behind the number of an item ("1. C"); of several items each must be the same answer."""
    lines = [line for line in re.sub(MARKS, "", text).split("\n") if line.strip()][:MOST_ITEMS]
    marks = [_ITEM.match(line) for line in lines]
    items = [line[mark.end() :] for line, mark in zip(lines, marks, strict=True) if mark is not None]
    if not items or marks[0] is None or (_has_numbers(choices) and re.match(r"\s*\d+[ \t]+\w", lines[0])):
        return NOTHING  # "25 C" of the choices "20 °C" and "30 °C" may be a temperature
    if len(items) > 1:
        read = [_first_line(item, choices) for item in items]
        if any(reading.answer is None for reading in read):
            return NOTHING
        if len({reading.answer for reading in read}) > 1:
            return Reading(flags=(AMBIGUOUS,), refused=True)
    found = _unmarked("\n".join([items[0], *lines[1:]]), choices, whole=True)
    return found._replace(flags=(*found.flags, LISTED)) if found.answer is not None else found


def _has_numbers(choices: Choices) -> bool:
    """Return whether some choice begins with digits, so that those of a reply may be of its answer."""
    return any(bare_text(text)[:1].isdigit() for text in choices.texts)


def _beside_a_number(text: str, choices: Choices) -> bool:
    """Return whether a reply of one line is a choice and a number, of which nothing says what it counts."""
    line = re.sub(MARKS, "", text).strip()
    for found in (pattern.fullmatch(line) for pattern in _NUMBER_BESIDE if len(line) < MOST_ITEMS):
        choice = "" if found is None else found["choice"]
        letter = re.fullmatch(r"([A-Za-z])[)\].:]*", choice)
        if choices.named(choice) is not None or (letter is not None and choices.lettered(letter[1]) is not None):
            return True
    return False


def _bold(text: str, choices: Choices) -> Reading:
    for bold in bold_texts(text, BOLD):
        line = re.sub(MARKS, "", bold)
        letter = _LETTER_ALONE.fullmatch(line)
        choice = choices.named(line) or (choices.lettered(letter[1]) if letter is not None else None)
        if choice is not None:
            return Reading(choice)
    return NOTHING


def _first_line(text: str, choices: Choices) -> Reading:
    """Return the choice that is all of the first line, unless the reply takes it back."""
    line, _, rest = re.sub(MARKS, "", beginning(text, 2000)).lstrip().partition("\n")
    if CORRECTION.search(rest) is not None:
        return NOTHING
    letter = _LETTER_ALONE.fullmatch(line)
    choice = choices.named(line) or (choices.lettered(letter[1]) if letter is not None else None)
    return NOTHING if choice is None or line.rstrip().endswith("?") else as_named(line, choice, choices)


def _last_line(text: str, choices: Choices) -> Reading:
    """Return the choice that is all of the last line, or that its last sentence concludes with."""
    lines = re.sub(MARKS, "", text).rstrip().rpartition("\n")
    line = ending(lines[2]).strip()
    if not lines[1] and len(line) > 1 and not _CONCLUDES.search(line):
        return NOTHING  # the only line is read from its beginning
    if (choice := choices.named(line)) is not None:
        return Reading(choice)
    letter = _LETTER_ALONE.fullmatch(line)
    if letter is not None and (choice := choices.lettered(letter[1])) is not None:
        return Reading(choice)
    sentence = re.split(r"(?<=[^\W\d_]{2})[.!;]\s|[?]\s", line)[-1]
    concludes = re.search(r"(?:^|[\s,;])" + _CONCLUDES.pattern, sentence, re.IGNORECASE)
    if concludes is None or sentence.endswith("?"):
        return NOTHING
    return read_choice(sentence[concludes.end() :], choices, inside=True)


def _head(text: str, choices: Choices) -> Reading:
    """Return the choice with which a reply begins; none where it lists several."""
    plain = re.sub(MARKS, "", beginning(text, 4000))
    listed = {letter for letter in _LISTED.findall(plain) if choices.lettered(letter) is not None}
    if len(listed) > 1 and choices.letters:
        return NOTHING
    text = beginning(plain.lstrip())
    begun = choices.pattern.match(text) if choices.anywhere else None
    if begun is not None and _STATED_ALONE.match(text[begun.end() :]) is None:
        return NOTHING  # "Blue is for the first quadrant": what a reply says of a label is no answer
    return read_choice(text, choices, inside=False)


def _anywhere(text: str, choices: Choices) -> Reading:
    """Return the only choice that a text names, or of several the only one of its last sentence that names any."""
    plain = without_denied(re.sub(MARKS, "", ending(text, 4000)), choices)
    for sentence in reversed(re.split(r"\n|(?<=\w)[.;!?]\s", plain)[-40:]):
        named = {choices.folded[hit[0].casefold()] for hit in choices.pattern.finditer(sentence)}
        if len(named) > 1:
            return Reading(flags=(AMBIGUOUS,), refused=True)
        if named and not sentence.rstrip().endswith("?"):
            every = {choices.folded[hit[0].casefold()] for hit in choices.pattern.finditer(plain)}
            return Reading(named.pop(), (INSIDE, SEVERAL) if len(every) > 1 else (INSIDE,))
    return NOTHING

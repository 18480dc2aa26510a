"""The choice that a reply gives as its answer, by its text or by its letter; labels, and yes or no, are choices too.

A choice's text goes before a letter ("C. elegans, a worm" is no C), and what names several choices, or a letter of one
with the text of another, is refused.
"""

import re
from collections.abc import Callable

from offdiag.tasks.extraction.denied import CONTRAST, REJECTED, without_denied
from offdiag.tasks.extraction.markup import BOLD, MARKS
from offdiag.tasks.extraction.number_answers import CORRECTED, NO_TRIGGER, read_number
from offdiag.tasks.extraction.offered import EDGES, YES_NO, Choices, bare_text
from offdiag.tasks.extraction.statements import (
    AMBIGUOUS,
    NOTHING,
    SEVERAL,
    TAKING_BACK,
    Extraction,
    Kind,
    Reading,
    Statement,
    beginning,
    bold_texts,
    differ,
    ending,
    last_stated,
    only_joined,
)

INSIDE, LOWER_CASE, LOOK_ALIKE, LISTED = "inside", "lower-case", "look-alike", "listed"

_CORRECTION = re.compile(rf"\b(?:no(?=\s*[,.:;!—])|{TAKING_BACK})\b", re.IGNORECASE)
_LETTER_ALONE = re.compile(r"[\s(\[]*([A-Z])[)\].:]*\s*")
_LETTER = re.compile(r"(?<![\w'’])[A-Z](?![\w'’])")
# "A) -": an item of a list that was left empty.
_LEFT_EMPTY = re.compile(
    r"\W{0,3}[A-Z][)\].:]*\s*(?P<nothing>-+|–|—|\.{3,}|…|_+|\?+|n/?a|none|null|nothing)[\s.]*", re.IGNORECASE
)
_STATED_ALONE = re.compile(r"\W*(?:$|\n|[,;.!]|because\b|since\b|as\b|and\b|or\b)")
_PRONOUNS = ("the", "this", "that", "they", "these", "you")
_IDIOM = re.compile(
    r"\bno\s+(?:doubt|longer|one|idea|problem|matter|wonder|question|need|reason|evidence)\b|\bno\.\s?\d+",
    re.IGNORECASE,
)
_YES_NO_CORRECTION = re.compile(
    r"\b(?:wait|sorry|correction|oops|scratch that|i mean|i meant|or rather)\b[\s,.:;!—-]*(?=(?:yes|no)\b)",
    re.IGNORECASE,
)
MOST_ITEMS = 200  # lines of a reply that are looked at for numbered items
MOST_CORRECTIONS = 5  # that are looked at, from the last on
_CONNECTED = (
    r"(?:(?:because|since|as|is|for|which|due|given|with|based|being|and not|most likely|"
    r"probably|i think|i guess)(?!\w)|"
    r"—|–|-+|\(|\||=)"
)
_CALLED = (
    r"(?:(?:an?|i|I(?=['’\s]+(?:think|believe|guess|say|pick|choose|go|would|will|am|m|d|ll)\b)|"
    r"(?i:the|both|either|neither|option|choice|answer|letter|alternative|statement|number|is|it|"
    r"it's|would|be|will|must|should|probably|likely|clearly|definitely|certainly|maybe|perhaps|therefore|thus|so|"
    r"then|hence|simply|just|only|indeed|actually|that|(?<=['’])(?:s|re)|choices|options|correct|right|best|one|final|finally|yes|sure|"
    r"ok|okay|sorry|think|believe|guess|say|pick|choose|going|go|with|my|m|d|ll|am|going to))\b[\s:,*!'’]*)"
)
_HEAD = re.compile(
    rf"[\s\"'*:.=>→⇒∴·-]*(?P<called>{_CALLED}{{0,10}})(?P<open>[(\[{{\"'])?\s?(?P<letter>[A-Za-z])"
    r"(?P<after>[)\]}\"'.:,;/!。]{1,3}|\s|$|—|-)"
)
_APART = re.compile(rf"{CONTRAST.pattern}|(?<=\w),\s", re.IGNORECASE)
_BESIDE = re.compile(r"\band\b|(?<=\w),\s", re.IGNORECASE)
_NEITHER = re.compile(r"\W*(?:both|either|neither)\b", re.IGNORECASE)
_OR_LETTER = re.compile(
    r"[\s)\].,]*(?:\b(?:or|and|and/or|nor)\b|&|/|,)\s*(?:also|perhaps|maybe|possibly|option|"
    r"choice|even)?\s*[(\[]?(?P<letter>[A-Z])[)\]]?(?=[\s.,;:!?)]|$)(?!\s+(?:is|are|can|was)\s+(?:not|wrong|"
    r"incorrect|false))"
)
_LOOK_ALIKES = re.compile(r"[\s(\[*:.\"']*[АВСЕНКМОРТХІЈЅавсеорхіΑΒΕΖΗΙΚΜΝΟΡΤΥΧ][\s)\].:,*\"']*(?:$|\n|\s)")
_CLAUSE_END = re.compile(r"\n|(?<=[^\W\d_]{2})[.;](?=\s|$)|[!?](?=\s|$)|(?<=\d)\.(?=\s|$)")
# "1. ", "(1) ", "Q1: ", "Question 1 - ": of an item, not the number 1.5.
_ITEM = re.compile(
    r"\s*(?:(?:Q|Question|Answer|No)\.?[ ]?)?[(\[#]?\d{1,3}(?:[.)\]:]{1,2}[ \t]*|[ \t]+[-–—][ \t]*)(?=[^\s\d])",
    re.IGNORECASE,
)
_LISTED = re.compile(r"(?:^|\n|\s)[(\[]?([A-Z])[).:\]]\s")
_CONCLUDES = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|in conclusion|overall|finally|in the end|in short)\b[\s,:]*(?:(?:i think |"
    r"i believe )?"
    r"(?:it(?:'s| is| must be)|that(?:'s| is)|this is|we (?:get|have)))?|(?:i think |i believe )?(?:it(?:'s| is|"
    r" must be)))\b\s*",
    re.IGNORECASE,
)


def extract_choice(text: str, choices: Choices) -> Extraction:
    """Return the choice that a reply without markup gives, as it is written among the choices.

    Flags: ``no-trigger`` (no words mark it), ``several`` (different ones are stated; the last counts), ``ambiguous``
    (refused: "A or B", or a letter and the text of another choice), ``inside`` (within a sentence), ``lower-case``,
    ``look-alike`` (refused: a letter of another script), ``corrected``, ``listed`` (behind the number of an item).
    """
    if choices.texts == YES_NO:
        text = _IDIOM.sub(" ", text)
    stated, rest = last_stated(text, lambda statement: _read_statement(statement, choices))
    if stated.answer is not None or stated.refused:
        return Extraction(stated.answer, stated.flags)
    found = _unmarked(rest, choices, whole=rest == text)
    if found.answer is None and not found.refused and choices.numbers is None and rest == text:
        found = _listed(text, choices)
    return Extraction(found.answer, (*found.flags, NO_TRIGGER) if found.answer is not None else found.flags)


def _read_statement(statement: Statement, choices: Choices) -> Reading:
    if statement.kind is Kind.BEFORE:
        return _read_before(statement.text, choices)
    return read_choice(statement.text, choices, inside=statement.kind is not Kind.MARK or statement.last)


def _read_before(text: str, choices: Choices) -> Reading:
    """Read the choice that "… is correct" is said of: what a contrast sets apart ("A is close, but C") is another."""
    if (whole := choices.named(text)) is not None:
        return _as_named(text, whole, choices)
    text = without_denied(text, choices)
    if CONTRAST.search(text) is not None:
        read = (read_choice(piece, choices, inside=True) for piece in reversed(_APART.split(text)))
        return next((reading for reading in read if reading.answer is not None or reading.refused), NOTHING)
    named = {read_choice(piece, choices, inside=True).answer for piece in _BESIDE.split(text)} - {None}
    return Reading(flags=(AMBIGUOUS,), refused=True) if len(named) > 1 else read_choice(text, choices, inside=True)


def read_choice(text: str, choices: Choices, *, inside: bool, corrected: bool = False) -> Reading:
    """Read the choice with which a text begins, or, if ``inside``, the only one that its first sentence names.

    ``corrected`` says that what stands after "no, wait" has been looked for.
    """
    text = beginning(text).strip()
    if (whole := choices.named(text)) is not None:
        return _as_named(text, whole, choices)
    if _is_a_row(text, choices):
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if (first := choices.named(text.partition("\n")[0])) is not None:
        return _as_named(text, first, choices)
    empty = _LEFT_EMPTY.fullmatch(text) if choices.letters else None
    if empty is not None and choices.named(empty["nothing"]) is None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if _LOOK_ALIKES.match(text) is not None and choices.letters:
        return Reading(flags=(LOOK_ALIKE,), refused=True)
    if not corrected:
        after = _corrected(text, choices)
        if after is not None:
            return after
    kept = without_denied(text, choices)
    if kept != text and _is_a_row(kept, choices):
        return Reading(flags=(AMBIGUOUS,), refused=True)  # "Not A, B. C."
    text = kept
    clause = text[: end.start()] if (end := _CLAUSE_END.search(text)) is not None else text
    if text[len(clause) :].startswith("?"):
        return NOTHING
    if (named := choices.named(clause)) is not None:
        return _as_named(clause, named, choices)
    if choices.numbers is not None and (number := _by_number(text, choices)) is not None:
        return number
    head = _by_text(clause, choices) or _by_letter(text, choices)
    if head is not None:
        return head
    return _inside(clause, choices) if inside else NOTHING


def _is_a_row(text: str, choices: Choices) -> bool:
    """Return whether a text is choices and nothing else, and different ones: "A; B", "red green", "A (red), B"."""
    named = {choices.folded[hit[0].casefold()] for hit in choices.pattern.finditer(text)}
    rest = choices.pattern.sub(" ", text)
    if choices.letters:
        letters = {letter: choice for letter in _LETTER.findall(rest) if (choice := choices.lettered(letter))}
        named |= set(letters.values())
        rest = _LETTER.sub(lambda found: " " if found[0] in letters else found[0], rest)
    return len(named) > 1 and only_joined(rest)


def _as_named(text: str, choice: str, choices: Choices) -> Reading:
    plain = text.strip(EDGES)
    letter = choices.lettered(plain) if len(plain) == 1 and plain.isalpha() else None
    return Reading(choice, ("letter-is-text",) if letter not in (None, choice) else ())


def _corrected(text: str, choices: Choices) -> Reading | None:
    """Return what a text says after "no, wait"; None if it says nothing there."""
    correction = _YES_NO_CORRECTION if choices.texts == YES_NO else _CORRECTION
    for found in list(correction.finditer(text))[: -MOST_CORRECTIONS - 1 : -1]:
        if not text[: found.start()].strip(EDGES):
            continue
        after = read_choice(text[found.end() :].lstrip(" ,.:;!—-"), choices, inside=True, corrected=True)
        if after.answer is not None:
            return after._replace(flags=(CORRECTED, *after.flags))
    return None


def _by_number(text: str, choices: Choices) -> Reading | None:
    """Read a number where all choices are numbers."""
    if re.match(r"[^\w]*[A-Za-z][).:\s]", text) and _by_letter(text, choices) is not None:
        return None
    if re.search(r"\d", text) is None:
        return None
    if choices.letters and re.match(r"\W*(?:the\s+)?(?:option|choice|alternative)\s*[#(]?\s*\d", text, re.IGNORECASE):
        return Reading(flags=(AMBIGUOUS,), refused=True)  # "option 3": the third, or the one that is 3
    found = read_number(text, strict=True, final=True)
    known = choices.numbers or {}
    if found.answer is not None:
        return Reading(known.get(found.answer), found.flags, refused=found.answer not in known)
    return found if found.refused else None


def _by_text(clause: str, choices: Choices) -> Reading | None:
    """Read the longest choice text with which a clause begins, or that follows "the" or "option"."""
    begun = re.match(rf"[\s\"'*(:.-]*{_CALLED}{{0,10}}[\s\"'*(:-]*", clause, re.IGNORECASE)
    starts = {len(clause) - len(clause.lstrip(" \t\"'*(:-.")), 0 if begun is None else begun.end()}
    for start in sorted(starts):
        found = choices.pattern.match(clause, start)
        if found is None or (len(found[0]) == 1 and choices.letters):
            continue
        choice = choices.exact.get(bare_text(found[0])) or choices.folded[found[0].casefold()]
        after = clause[found.end() :]
        if REJECTED.match(after) is not None:
            return NOTHING
        if (
            _NEITHER.match(clause) is not None
            or _other_follows(after, choice, choices)
            or _other_letter(after, choice, choices)
        ):
            return Reading(flags=(AMBIGUOUS,), refused=True)
        return Reading(choice)
    return None


def _other_follows(after: str, choice: str, choices: Choices) -> bool:
    """Return whether "or" and another choice come next."""
    joined = re.match(r"[\s,]*(?:\b(?:or|and|nor|and/or)\b|/|&|,)\s*", after, re.IGNORECASE)
    if joined is None or not joined[0].strip():
        return False
    article = re.compile(r"(?:the\s+|an?\s+)?", re.IGNORECASE).match(after, joined.end())
    starts = {joined.end(), joined.end() if article is None else article.end()}
    others = [choices.pattern.match(after, start) for start in starts]
    return any(other is not None and choices.folded[other[0].casefold()] != choice for other in others)


def _other_letter(after: str, choice: str, choices: Choices) -> bool:
    """Return whether the letter of another choice stands behind the text of one: "the lungs (B)"."""
    marked = re.match(r"\s*,?\s*(?:[(\[](?:option |choice )?([A-Z])[)\]]|(?:option|choice) ([A-Z])\b)", after)
    other = choices.lettered(marked[1] or marked[2]) if marked is not None else None
    return other is not None and other != choice


def _by_letter(text: str, choices: Choices) -> Reading | None:
    """Read the letter with which a text begins."""
    head = _HEAD.match(text) if choices.letters else None
    if head is None or (choice := choices.lettered(head["letter"])) is None:
        return None
    letter, after = head["letter"], text[head.end("letter") :]
    closed = after[:1] in (")", "]", "}") or not after.strip(" .!\"'*") or after.lstrip(" .\"'*").startswith("\n")
    if letter.islower() and not closed:
        return None
    rest = after.lstrip(" )]}\"'.:,;*—-")
    spaced = after[:1] in (" ", "\t", "\u00a0")
    connected = re.match(rf"\s*{_CONNECTED}", after, re.IGNORECASE) is not None or _begins_with(rest, choice)
    if not closed and spaced and not connected and not re.match(r"\s+(?:or|and|&|/)\s", after):
        return None  # "A dog barks", "B cells": a word
    other = _OR_LETTER.match(after)
    if other is not None and other["letter"] != letter and choices.lettered(other["letter"]) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if _NEITHER.match(text) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if REJECTED.match(after) is not None:
        return NOTHING
    if _begins_with(rest, choice) and REJECTED.match(bare_text(rest)[len(bare_text(choice)) :]) is not None:
        return NOTHING  # "A. red is wrong"
    if (conflict := _contradicted(after, rest, choice, choices)) is not None:
        return conflict
    return Reading(choice, (LOWER_CASE,) if letter.islower() else ())


def _begins_with(text: str, choice: str) -> bool:
    """Return whether a text begins with a choice of two letters or more: "C the lungs"."""
    plain = bare_text(choice).casefold()
    return len(plain) > 1 and re.match(rf"{re.escape(plain)}(?!\w)", bare_text(text).casefold()) is not None


def _contradicted(after: str, rest: str, choice: str, choices: Choices) -> Reading | None:
    """Return the refusal of a letter with the text of another choice, or of a name that is cut short ("C. elegans")."""
    line = rest.partition("\n")[0]
    plain = bare_text(line).casefold()
    if plain.startswith(bare_text(choice).casefold()):
        return None
    named = choices.pattern.match(line)
    if named is not None and len(named[0]) > 1 and choices.folded[named[0].casefold()] != choice:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    abbreviated = re.match(r"\.\s?([a-z]{3,})\b", after)
    if abbreviated is None or re.match(_CONNECTED, abbreviated[1]) or abbreviated[1] in _PRONOUNS:
        return None
    words = set(re.findall(r"[a-z]{3,}", plain)) & set(re.findall(r"[a-z]{3,}", choice.casefold()))
    return None if words else Reading(flags=(AMBIGUOUS,), refused=True)


def _inside(clause: str, choices: Choices) -> Reading:
    """Read the only choice that a sentence names, by its text, a letter in brackets or "option C"."""
    hits = [hit[0].casefold() for hit in choices.pattern.finditer(clause)]
    found = {choices.folded[hit] for hit in hits if len(hit) > 1 or not choices.letters}
    if choices.letters:
        marked = re.findall(
            r"[(\[]([A-Z])[)\]]|\b(?:option|choice|answer|letter)\s+([A-Z])\b|"
            r"(?<![\w'.&-])([B-HJ-Z])(?![\w'&.-])",
            clause,
        )
        found |= {choice for hit in marked if (choice := choices.lettered("".join(hit))) is not None}
    if len(found) > 1:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    return Reading(found.pop(), (INSIDE,)) if found else NOTHING


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
    if not items or marks[0] is None:
        return NOTHING
    if len(items) > 1:
        read = [_first_line(item, choices) for item in items]
        if any(reading.answer is None for reading in read):
            return NOTHING
        if len({reading.answer for reading in read}) > 1:
            return Reading(flags=(AMBIGUOUS,), refused=True)
    found = _unmarked("\n".join([items[0], *lines[1:]]), choices, whole=True)
    return found._replace(flags=(*found.flags, LISTED)) if found.answer is not None else found


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
    if _CORRECTION.search(rest) is not None:
        return NOTHING
    letter = _LETTER_ALONE.fullmatch(line)
    choice = choices.named(line) or (choices.lettered(letter[1]) if letter is not None else None)
    return NOTHING if choice is None or line.rstrip().endswith("?") else _as_named(line, choice, choices)


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

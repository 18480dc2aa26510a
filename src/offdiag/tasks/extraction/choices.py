"""The choice that a statement of a reply gives, by its text or by its letter; labels, and yes or no, are choices too.

A choice's text goes before a letter ("C. elegans, a worm" is no C), and what names several choices, or a letter of one
with the text of another, is refused.
"""

import re

from offdiag.tasks.extraction.denied import CONTRAST, REJECTED, without_denied
from offdiag.tasks.extraction.number_answers import CORRECTED, read_number
from offdiag.tasks.extraction.offered import EDGES, YES_NO, Choices, bare_text
from offdiag.tasks.extraction.statements import (
    AMBIGUOUS,
    NOTHING,
    TAKING_BACK,
    Kind,
    Reading,
    Statement,
    beginning,
    only_joined,
)

INSIDE, LOWER_CASE, LOOK_ALIKE = "inside", "lower-case", "look-alike"

CORRECTION = re.compile(rf"\b(?:no(?=\s*[,.:;!—])|{TAKING_BACK})\b", re.IGNORECASE)
_LETTER = re.compile(r"(?<![\w'’])[A-Z](?![\w'’])")
# "A) -": an item of a list that was left empty.
_LEFT_EMPTY = re.compile(
    r"\W{0,3}[A-Z][)\].:]*\s*(?P<nothing>-+|–|—|\.{3,}|…|_+|\?+|n/?a|none|null|nothing)[\s.]*", re.IGNORECASE
)
_PRONOUNS = ("the", "this", "that", "they", "these", "you")
_YES_NO_CORRECTION = re.compile(
    r"\b(?:wait|sorry|correction|oops|scratch that|i mean|i meant|or rather)\b[\s,.:;!—-]*(?=(?:yes|no)\b)",
    re.IGNORECASE,
)
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


def read_statement(statement: Statement, choices: Choices) -> Reading:
    """Read the choice of a statement."""
    if statement.kind is Kind.BEFORE:
        return _read_before(statement.text, choices)
    return read_choice(statement.text, choices, inside=statement.kind is not Kind.MARK or statement.last)


def _read_before(text: str, choices: Choices) -> Reading:
    """Read the choice that "… is correct" is said of: what a contrast sets apart ("A is close, but C") is another."""
    if (whole := choices.named(text)) is not None:
        return as_named(text, whole, choices)
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
        return as_named(text, whole, choices)
    if _is_a_row(text, choices):
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if (first := choices.named(text.partition("\n")[0])) is not None:
        return as_named(text, first, choices)
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
        return as_named(clause, named, choices)
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


def as_named(text: str, choice: str, choices: Choices) -> Reading:
    """Return a choice that a text is, with a flag where the text is the letter of another one, too."""
    plain = text.strip(EDGES)
    letter = choices.lettered(plain) if len(plain) == 1 and plain.isalpha() else None
    return Reading(choice, ("letter-is-text",) if letter not in (None, choice) else ())


def _corrected(text: str, choices: Choices) -> Reading | None:
    """Return what a text says after "no, wait"; None if it says nothing there."""
    correction = _YES_NO_CORRECTION if choices.texts == YES_NO else CORRECTION
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

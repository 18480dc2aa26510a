"""The choice that a reply gives as its answer, by its text or by its letter; labels, and yes or no, are choices too.

A choice's text goes before a letter ("C. elegans, a worm" is no C), and what names several choices, or a letter of one
with the text of another, is refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from offdiag.tasks.extraction.completions import plain_characters
from offdiag.tasks.extraction.markup import BOLD, MARKS, plain_latex
from offdiag.tasks.extraction.number_answers import CORRECTED, NO_TRIGGER, read_number
from offdiag.tasks.extraction.numbers import canonical_number
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
    ending,
    last_stated,
)

INSIDE, LOWER_CASE, LOOK_ALIKE = "inside", "lower-case", "look-alike"
YES_NO = ("yes", "no")

_EDGES = " \t\n\r\u00a0.,;:!\"'*`()[]{}<>|"
_CORRECTION = re.compile(rf"\b(?:no(?=\s*[,.:;!—])|{TAKING_BACK})\b", re.IGNORECASE)
_LETTER_ALONE = re.compile(r"[\s(\[]*([A-Z])[)\].:]*\s*")
_STATED_ALONE = re.compile(r"\W*(?:$|\n|[,;.!]|because\b|since\b|as\b|and\b|or\b)")
_PRONOUNS = ("the", "this", "that", "they", "these", "you")
MOST_CORRECTIONS = 5  # that are looked at, from the last on
_CONNECTED = r"(?:because|since|as|is|for|which|due|given|with|based|being|—|–|-+|and not|\(|\||=)"
_CALLED = (
    r"(?:(?:the|an?|both|either|neither|option|choice|answer|letter|alternative|statement|number|is|it|"
    r"it's|would|be|will|must|should|probably|likely|clearly|definitely|therefore|thus|so|then|hence|simply|just|"
    r"only|indeed|actually|that|choices|options|correct|right|best|one|final|yes|sure|ok|okay|i|think|believe|"
    r"say|pick|choose|going|go|with|my)\b[\s:,*]*)"
)
_HEAD = re.compile(
    rf"[\s\"'*:.-]*(?P<called>{_CALLED}{{0,10}})(?P<open>[(\[{{\"'])?\s?(?P<letter>[A-Za-z])(?P<after>[)\]}}\"'.:,;/]{{1,3}}|\s|$|—|-)"
)
_REJECTED = re.compile(
    r"\W{0,4}(?:(?:is|are|was|were|would be|can be|looks|seems)\s*(?:n't|not|never|clearly|"
    r"obviously|also)?\s*(?:wrong|incorrect|false|ruled out|eliminated|impossible|unlikely|not\b|n't)|isn't|"
    r"(?:wrong|incorrect|false|no|not)\b\W)",
    re.IGNORECASE,
)
_NOT = (
    r"(?:\bnot|n't|\bnever|\brather than|\binstead of|\bneither|\bnor|\bunlike|\brule[sd]? out|"
    r"\beliminat\w{1,4}|\bexclud\w{1,4})"
)
_NEITHER = re.compile(r"\W*(?:both|either|neither)\b", re.IGNORECASE)
_OR_LETTER = re.compile(
    r"[\s)\].,]*(?:\b(?:or|and|and/or|nor)\b|&|/|,)\s*(?:also|perhaps|maybe|possibly|option|"
    r"choice|even)?\s*[(\[]?(?P<letter>[A-Z])[)\]]?(?=[\s.,;:!?)]|$)(?!\s+(?:is|are|can|was)\s+(?:not|wrong|"
    r"incorrect|false))"
)
_LOOK_ALIKES = re.compile(r"[\s(\[*:.\"']*[АВСЕНКМОРТХІЈЅавсеорхіΑΒΕΖΗΙΚΜΝΟΡΤΥΧ][\s)\].:,*\"']*(?:$|\n|\s)")
_CLAUSE_END = re.compile(r"\n|(?<=[^\W\d_]{2})[.;](?=\s|$)|[!?](?=\s|$)|(?<=\d)\.(?=\s|$)")
_LISTED = re.compile(r"(?:^|\n|\s)[(\[]?([A-Z])[).:\]]\s")
_CONCLUDES = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|in conclusion|overall|finally|in the end|in short)\b[\s,:]*(?:(?:i think |"
    r"i believe )?"
    r"(?:it(?:'s| is| must be)|that(?:'s| is)|this is|we (?:get|have)))?|(?:i think |i believe )?(?:it(?:'s| is|"
    r" must be)))\b\s*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Choices:
    """The answers on offer.

    Attributes:
        texts: of the choices, in their order. letters: whether A names the first one.
        anywhere: whether a choice counts wherever it stands in a reply that marks no answer.
        synonyms: (word, the choice that it means).
    """

    texts: tuple[str, ...]
    letters: bool = True
    anywhere: bool = False
    synonyms: tuple[tuple[str, str], ...] = ()

    @cached_property
    def exact(self) -> dict[str, str]:
        """Choices by their plain text; the first one of equal texts."""
        return {_plain(text): text for text in reversed(self.texts)}

    @cached_property
    def folded(self) -> dict[str, str]:
        """Choices by their plain text in lower case."""
        return {plain.casefold(): text for plain, text in self.exact.items()} | {
            word.casefold(): meant for word, meant in self.synonyms
        }

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds a choice's text as whole words, the longest first."""
        known = sorted(filter(None, self.folded), key=len, reverse=True)
        return re.compile(rf"(?<![\w])(?:{'|'.join(map(re.escape, known)) or '(?!)'})(?!\w|[.,]\d)", re.IGNORECASE)

    @cached_property
    def numbers(self) -> dict[str, str] | None:
        """Choices by their value where all are numbers; None where one is not, or two are equal."""
        plain = [text for text in self.texts if re.fullmatch(r"[-−$€£]*[\d., /]+%?", text.strip())]
        values = {canonical_number(text): text for text in plain}
        found = {value: text for value, text in values.items() if value is not None}
        return found if len(found) == len(self.texts) else None

    def lettered(self, letter: str) -> str | None:
        """Return the choice that a letter names."""
        place = ord(letter.upper()) - ord("A")
        return self.texts[place] if self.letters and 0 <= place < len(self.texts) else None

    def named(self, text: str) -> str | None:
        """Return the choice whose text this is, edges and case aside (but for choices that differ in case alone)."""
        plain = _plain(text)
        if plain in self.exact:
            return self.exact[plain]
        folded = re.sub(r"^(?:the|an?)\s+", "", plain.casefold())
        return self.folded.get(plain.casefold()) or self.folded.get(folded)


def extract_choice(text: str, choices: Choices) -> Extraction:
    """Return the choice that a reply without markup gives, as it is written among the choices.

    Flags: ``no-trigger`` (no words mark it), ``several`` (different ones are stated; the last counts), ``ambiguous``
    (refused: "A or B", or a letter and the text of another choice), ``inside`` (within a sentence), ``lower-case``,
    ``look-alike`` (refused: a letter of another script), ``corrected``.
    """
    stated, rest = last_stated(text, lambda statement: _read_statement(statement, choices))
    if stated.answer is not None or stated.refused:
        return Extraction(stated.answer, stated.flags)
    found = _unmarked(rest, choices, whole=rest == text)
    return Extraction(found.answer, (*found.flags, NO_TRIGGER) if found.answer is not None else found.flags)


def _read_statement(statement: Statement, choices: Choices) -> Reading:
    if statement.kind is Kind.BEFORE:
        return read_choice(statement.text, choices, inside=True)
    return read_choice(statement.text, choices, inside=statement.kind is not Kind.MARK or statement.last)


def read_choice(text: str, choices: Choices, *, inside: bool, corrected: bool = False) -> Reading:
    """Read the choice with which a text begins, or, if ``inside``, the only one that its first sentence names.

    ``corrected`` says that what stands after "no, wait" has been looked for.
    """
    text = beginning(text).strip()
    if (whole := choices.named(text) or choices.named(text.partition("\n")[0])) is not None:
        return _as_named(text, whole, choices)
    if _LOOK_ALIKES.match(text) is not None and choices.letters:
        return Reading(flags=(LOOK_ALIKE,), refused=True)
    if choices.texts[0] not in YES_NO and not corrected:
        after = _corrected(text, choices)
        if after is not None:
            return after
    text = _without_denied(text, choices)
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


def _as_named(text: str, choice: str, choices: Choices) -> Reading:
    plain = text.strip(_EDGES)
    letter = choices.lettered(plain) if len(plain) == 1 and plain.isalpha() else None
    return Reading(choice, ("letter-is-text",) if letter not in (None, choice) else ())


def _corrected(text: str, choices: Choices) -> Reading | None:
    """Return what a text says after "no, wait"; None if it says nothing there."""
    for found in list(_CORRECTION.finditer(text))[: -MOST_CORRECTIONS - 1 : -1]:
        if not text[: found.start()].strip(_EDGES):
            continue
        after = read_choice(text[found.end() :].lstrip(" ,.:;!—-"), choices, inside=True, corrected=True)
        if after.answer is not None:
            return after._replace(flags=(CORRECTED, *after.flags))
    return None


def _without_denied(text: str, choices: Choices) -> str:
    """Return the text without the choices that it says are not the answer: "not C but D", "D (not C)"."""
    letter = r"[(\[]?[A-Z][)\]]?(?!\w)" if choices.letters else "(?!)"
    words = choices.pattern.pattern
    denied = re.compile(
        rf"{_NOT}\s+(?:the\s+|option\s+|choice\s+|answer\s+|letter\s+){{0,3}}(?:{letter}|"
        rf"(?i:{words}))[,;]?(?:\s*\bbut\b(?:\s+rather)?)?"
    )
    return denied.sub(" ", text).strip(" ,;(")


def _by_number(text: str, choices: Choices) -> Reading | None:
    """Read a number where all choices are numbers."""
    if re.match(r"[^\w]*[A-Za-z][).:\s]", text) and _by_letter(text, choices) is not None:
        return None
    if re.search(r"\d", text) is None:
        return None
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
        choice = choices.exact.get(_plain(found[0])) or choices.folded[found[0].casefold()]
        after = clause[found.end() :]
        if _REJECTED.match(after) is not None:
            return NOTHING
        if _NEITHER.match(clause) is not None or _other_follows(after, choice, choices):
            return Reading(flags=(AMBIGUOUS,), refused=True)
        return Reading(choice)
    return None


def _other_follows(after: str, choice: str, choices: Choices) -> bool:
    """Return whether "or" and another choice come next."""
    joined = re.match(r"[\s,]*(?:\b(?:or|and|nor|and/or)\b|/|&|,)\s*(?:the\s+|an?\s+)?", after, re.IGNORECASE)
    if joined is None or not joined[0].strip():
        return False
    other = choices.pattern.match(after, joined.end())
    return other is not None and choices.folded[other[0].casefold()] != choice


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
    connected = re.match(rf"\s*{_CONNECTED}(?!\w)", after, re.IGNORECASE) is not None
    if not closed and spaced and not connected and not re.match(r"\s+(?:or|and|&|/)\s", after):
        return None  # "A dog barks", "B cells": a word
    other = _OR_LETTER.match(after)
    if other is not None and other["letter"] != letter and choices.lettered(other["letter"]) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if _NEITHER.match(text) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if _REJECTED.match(after) is not None:
        return NOTHING
    if (conflict := _contradicted(after, rest, choice, choices)) is not None:
        return conflict
    return Reading(choice, (LOWER_CASE,) if letter.islower() else ())


def _contradicted(after: str, rest: str, choice: str, choices: Choices) -> Reading | None:
    """Return the refusal of a letter with the text of another choice, or of a name that is cut short ("C. elegans")."""
    line = rest.partition("\n")[0]
    plain = _plain(line).casefold()
    if plain.startswith(_plain(choice).casefold()):
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
        readers.insert(1, lambda: _first_line(text, choices))
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
    plain = _without_denied(re.sub(MARKS, "", ending(text, 4000)), choices)
    for sentence in reversed(re.split(r"\n|(?<=\w)[.;!?]\s", plain)[-40:]):
        named = {choices.folded[hit[0].casefold()] for hit in choices.pattern.finditer(sentence)}
        if len(named) > 1:
            return Reading(flags=(AMBIGUOUS,), refused=True)
        if named and not sentence.rstrip().endswith("?"):
            every = {choices.folded[hit[0].casefold()] for hit in choices.pattern.finditer(plain)}
            return Reading(named.pop(), (INSIDE, SEVERAL) if len(every) > 1 else (INSIDE,))
    return NOTHING


def _plain(text: str) -> str:
    return " ".join(plain_latex(plain_characters(text)).split()).strip(_EDGES)

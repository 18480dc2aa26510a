r"""Extraction of a number in some base from a completion: the last that is stated, in a box or in words, else its end.

Every pattern below looks at a bounded piece of text, so the time stays linear on any input.
"""

import re
from collections.abc import Callable

from offdiag.studies.base_addition.task.numerals import alphabet
from offdiag.tasks.extraction import Extraction, Kind, Reading, Statement, last_stated, prepared
from offdiag.tasks.extraction.denied import without_denials
from offdiag.tasks.extraction.statements import AMBIGUOUS

_LONGEST = 200  # characters; what is longer is not an answer

_LOOKALIKES = str.maketrans({"С": "C", "с": "c"})  # Cyrillic es
_SUBSCRIPT = re.compile(r"\s?_\(?[0-9A-Za-z]+\)?")
_REMARK = re.compile(r"(?:(?<=\w)\s+|(?<=\w)(?=\([^()]*\)\s*$))\([^()]*\)")
_IN_PARENTHESES = re.compile(r"\s*[({\[]+([^(){}\[\]]*)[)}\]]+\s*")
_TAIL = re.compile(
    r"(?:\b|(?<=\s))(?:in\s+)?(?:base[\s~-]*\w+|decimal|denary|octal|binary|hex(?:adecimal)?)[\s.]*$", re.IGNORECASE
)
_LABEL = re.compile(r"\s*(?:result|answer)\b\s*:?", re.IGNORECASE)
_EDGES = " \t\n\u00a0$;!*~`\\\"'"
_IN_BASE = re.compile(
    r"_[{(]?(?P<index>\d{1,2}|[a-z]+)(?!\d)|\bbase[\s~-]*(?P<base>\d{1,2}|[a-z]+)\b|"
    r"\b(?P<name>decimal|denary|octal|binary|hex(?:adecimal)?)\b",
    re.IGNORECASE,
)
_AFTER = re.compile(r"[\s$*\\)\]~]*[,(]?[\s~]*(?:which is\s+)?(?:in\s+)?(?=_|base|dec|den|oct|bin|hex)", re.IGNORECASE)
_JUST_AFTER = re.compile(_AFTER.pattern.replace("[,(]?", "[(]?"), re.IGNORECASE)
_NAMED = {
    "decimal": 10,
    "denary": 10,
    "octal": 8,
    "binary": 2,
    "hex": 16,
    "hexadecimal": 16,
    "two": 2,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "three": 3,
    "four": 4,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
}
_PREFIXES = {2: "0B", 8: "0O", 16: "0X"}
_SUFFIXES = {2: "B", 8: "O", 16: "H"}

_TOKEN = r"([0-9A-Za-z]+(?:,[0-9A-Za-z]{3})*)"
_GROUPS = re.compile(r"[0-9A-Z]{1,3}(?:[, \u00a0'][0-9A-Z]{3})+|[0-9A-Z](?:[, \u00a0]{1,2}[0-9A-Z])+", re.IGNORECASE)
# A number below 0, which no sum is.
_SIGNED = re.compile(
    r"(?<![\w.,)\]}])(?:-|\b(?:minus|negative)[ \u00a0]+)([0-9A-Z]*\d[0-9A-Z]*)(?![0-9A-Z.,-]\w)", re.IGNORECASE
)
# The sign of a stated number; one between two numbers, or before a row of a sum in columns, says to add.
_PLUS = re.compile(r"(?:\A|(?<=[=:{(\x01\x03])|\bis\b)[\s$*\x04]*\+(?=[0-9A-Z]*\d)", re.IGNORECASE)
_SYMBOLS = r"[0-9A-Z]*\d[0-9A-Z]*"
_AFTER_BOX = re.compile(r"[=:$*\s\x04]*" + _TOKEN + r"(?!\.?\w)")
_BEFORE_BOX = re.compile(r"(?<![\w.,-])" + _TOKEN + r"[$*\s]*$")
_OPENING, _CLOSING = r"[\s$*·`\"'\\({\[\x04]*", r"[\s$*`\"'\\)}\].!]*$"
# What may be a number or the item of a list: "- 174", "1. 174".
_ITEM = re.compile(r"[\s$*]*(?:-|[(\[#]?\d{1,3}[.)\]:]{1,2})[ \t\u00a0]+" + _TOKEN + _CLOSING)
_ANNOTATION = (
    r"((?:_\{[^{}]*\}|\s?_[0-9A-Za-z]+)?[\s$*~]*(?:\([^()]*\)|(?:in\s+)?(?:base[\s~-]*\w+|"
    r"decimal\b|octal\b|binary\b|hex(?:adecimal)?\b))?)"
)
_AT_THE_END = re.compile(
    r"(?:=|:|\bis\b|\b(?:it|that)'s\b)" + _OPENING + _TOKEN + _ANNOTATION + _CLOSING, re.IGNORECASE
)
_WHOLE_LINE = re.compile(_OPENING + _TOKEN + _ANNOTATION + _CLOSING, re.IGNORECASE)
_LEAD = re.compile(
    r"[\s\"'*:(\[{]*(?:(?:is|it|the|number|just|simply|therefore|thus|now|then|equal|equals|to|in|base[\s-]*\w+|"
    r"written|as|digits?|actually|so)\b[\s:,*]*)*",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"([0-9A-Za-z]+(?:(?:[,']|[\u00a0 ](?=[A-Za-z]*\d|[A-F]{3}))[0-9A-Za-z]{3}(?!\w))*|"
    r"[0-9A-Za-z](?:[ \u00a0][0-9A-Za-z](?!\w))+)" + _ANNOTATION
)
_CORRECTED = re.compile(
    r"\b(?:no(?=\s*[,.:;!—])|wait|sorry|i mean|correction|oops|or rather|(?:that|this)(?:'s|"
    r" is) wrong)\b[\s,.:;!—-]*",
    re.IGNORECASE,
)
_DENIED = re.compile(r"(?:\bnot|n't|\binstead of|\brather than)\s+[0-9A-Z]+\b[,;]?(?:\s*\bbut\b)?", re.IGNORECASE)
_ANOTHER = re.compile(r"[\s,]*(?:\bor\b|\band\b|\bto\b|/|-|–|\+|\*|×)\s*[(]?(?=[0-9A-Z]*\d)[0-9A-Z]+", re.IGNORECASE)
_LISTED = re.compile(r"(?:\s*[,;|&]\s*(?=[0-9A-Z]*\d)[0-9A-Z]+)+[\s)\]}.*$]*", re.IGNORECASE)
_SEVERAL = re.compile(r"\W*\d[0-9A-Z]*(?:(?:[\s,;:|&/-]|\band\b|\bor\b)+\d[0-9A-Z]*)+\W*", re.IGNORECASE)
_WORDS = re.compile(r"\s+(?![a-f]+\b)[a-z]{2,}\b\D*")  # no digits, and no letters that could be some
_DECORATION = re.compile(r"[$*\\]|_\{[0-9]{1,2}\}|_[0-9]{1,2}\b")
_SUM_ASKED = re.compile(r"([0-9A-Z]+) ?\+ ?([0-9A-Z]+)[^+?\n]{0,60}\?", re.IGNORECASE)


def extract(completion: str, base: int, noun: str = "sum") -> Extraction:
    r"""Return the answer that a completion gives in ``base``, in upper case; never raises, whatever the text.

    The rules, in their order: the last statement that holds one token of digits and letters once units, equations and
    remarks are taken off, be it a ``\boxed{...}`` or the words "the answer is" (one marked as decimal, or as of any
    other base, only where nothing else is there, with the flag ``other-base``); the token right after a box, or right
    before it where it is empty; the token after a final ``=``, ``:`` or ``is``; a last line that is one token. Leading
    zeros and digits that the base does not have stay, and make the answer wrong; the prefixes 0b, 0o and 0x
    of the base and its suffixes b, o and h do not.

    Flags: ``unterminated`` (the box was never closed), ``leading-zero``, ``foreign-digit``, ``spaced`` (blanks between
    the digits), ``look-alike`` (a letter of another script was read), ``negative`` (-174, which no sum is), and those
    of :mod:`offdiag.tasks.extraction`.

    Args:
        noun: what else than "answer" or "result" the task calls it.
    """
    text, flags = prepared(completion)
    if text is None:
        return Extraction(None, flags)
    latin = text.translate(_LOOKALIKES)
    latin = _PLUS.sub(lambda sign: sign[0][:-1], latin)
    found = _signed(without_denials(latin.rstrip(), _SYMBOLS), base, noun)
    if found.answer is None:
        return Extraction(None, tuple(dict.fromkeys((*flags, *found.flags))))
    flags = (*flags, *found.flags)
    if any(letter in text for letter in "Сс") and "C" in found.answer:
        flags = (*flags, "look-alike")
    digits = found.answer.removeprefix("-")
    if len(digits) > 1 and digits[0] == "0":
        flags = (*flags, "leading-zero")
    if not set(digits) <= set(alphabet(base)):
        flags = (*flags, "foreign-digit")
    return Extraction(found.answer, tuple(dict.fromkeys(flags)))


def poses_another_problem(completion: str, problem: str) -> bool:
    """Return whether the completion runs on into a question about a sum other than ``problem`` and its columns.

    A solution may well ask itself for those.
    """
    left, right = problem.split("+")
    own = {problem, *(f"{top}+{bottom}" for top, bottom in zip(left, right, strict=True))}
    plain = _DECORATION.sub("", completion)
    questions = (f"{text[-_LONGEST:]}?" for text in plain.split("?")[:-1])
    asked = (_SUM_ASKED.search(question) for question in questions)
    return any(f"{found[1]}+{found[2]}".upper() not in own for found in asked if found)


def _signed(text: str, base: int, noun: str) -> Reading:
    """Return what :func:`_stated` does, or a number below 0 where that finds none."""
    found = _stated(text, base, noun)
    if found.answer is not None:
        return found
    signed = {_number(one, base) for one in _SIGNED.findall(text)} - {None}
    if signed and (without := _stated(_SIGNED.sub(r"\1", text), base, noun)).answer in signed:
        return Reading(f"-{without.answer}", (*without.flags, "negative"))
    if not found.flags and _ITEM.fullmatch(text[-_LONGEST:].rpartition("\n")[2]) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    return found


def _stated(text: str, base: int, noun: str) -> Reading:
    """Return the last statement in ``base``, one marked as of another only where there is no other; else the end's."""
    reading, rest = last_stated(text, _reader(text, base, others=False), noun)
    if reading.answer is not None or reading.refused:
        return reading
    reading, _ = last_stated(text, _reader(text, base, others=True), noun)
    if reading.answer is not None and any(kind in text for kind in "\x02\x03"):
        return reading._replace(flags=(*reading.flags, "other-base"))
    if rest == text and _is_a_row(text, base):
        return Reading(flags=(AMBIGUOUS,), refused=True)
    return Reading(_at_the_end(rest, base))


def _is_a_row(text: str, base: int) -> bool:
    """Return whether each line is one number, or one line several and no words, and they differ.

    Nothing says which of them is meant then.
    """
    lines = [line for line in text[-_LONGEST:].split("\n") if line.strip()]
    if len(lines) == 1 and _WHOLE_LINE.fullmatch(lines[0]) is None and _SEVERAL.fullmatch(lines[0]) is not None:
        return len(set(re.findall(r"\d[0-9A-Z]*", lines[0], re.IGNORECASE))) > 1
    found = [_WHOLE_LINE.fullmatch(line) for line in lines]
    return None not in found and len({_number(one[1], base) for one in found if one is not None}) > 1


def _reader(text: str, base: int, *, others: bool) -> Callable[[Statement], Reading]:
    """Return what reads a statement; ``others`` says whether numbers marked as of another base count."""

    def read(statement: Statement) -> Reading:
        if statement.kind is not Kind.BOX:
            return _in_words(statement, base, others=others)
        if not others and (_elsewhere(_side(statement.text, base), base) or _base_after(statement.following, base)):
            return Reading()
        answer, flags = _normalise(statement.text, base)
        if answer:
            return Reading(answer, flags)
        if answer is None:
            return Reading(flags=(AMBIGUOUS,), refused=True)  # "174, 175", "1(11)3"
        beside = _beside(text, statement, base)
        return Reading(beside)

    return read


def _named(found: re.Match[str]) -> int | None:
    """Return the base that a match of ``_IN_BASE`` names; None for a word that is no base."""
    word = (found["index"] or found["base"] or found["name"]).lower()
    return int(word) if word.isdigit() else _NAMED.get(word)


def _elsewhere(text: str, base: int) -> bool:
    """Return whether a text names other bases and not ``base``."""
    bases = {_named(found) for found in _IN_BASE.finditer(text[-_LONGEST:])} - {None}
    return bool(bases) and base not in bases


def _base_after(text: str, base: int) -> int | None:
    """Return the base other than ``base`` with which a text begins: "_10", "(in decimal)"."""
    begun = _AFTER.match(text)
    found = _IN_BASE.match(text, begun.end()) if begun is not None else None
    named = _named(found) if found is not None else None
    return None if named == base else named


def _side(text: str, base: int) -> str:
    """Return the last side of an equation that is not marked as of another base; of several such the last one."""
    sides = text.split("=")
    return next((side for side in reversed(sides) if side.strip() and not _elsewhere(side, base)), sides[-1])


def _marked(text: str, base: int) -> str | None:
    """Return the only number that a text marks as of ``base``, where it names other bases, too."""
    bases = {_named(found) for found in _IN_BASE.finditer(text)} - {None}
    if base not in bases or len(bases) < 2:
        return None
    for side in reversed(text.split("=")):
        marked = set()
        for found in re.finditer(r"(?<![\w.,-])" + _TOKEN, side):
            begun = _JUST_AFTER.match(side, found.end())
            named = _IN_BASE.match(side, begun.end()) if begun is not None else None
            if named is not None and _named(named) == base:
                marked.add(_number(found[1], base))
        if marked:
            return marked.pop() if len(marked) == 1 else None
    return None


def _normalise(content: str, base: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the one token in a box; "" for an empty box or a placeholder without digits, None for anything else."""
    content = _side(content, base)
    if len(content) > _LONGEST:
        return None, ()
    content = _TAIL.sub("", _REMARK.sub("", _SUBSCRIPT.sub("", content)))
    if inner := _IN_PARENTHESES.fullmatch(content):
        content = inner[1]
    content = _LABEL.sub("", content, count=1).strip(_EDGES).removesuffix(".").strip(_EDGES).upper()
    content = _without_prefix(content, base)
    flags: tuple[str, ...] = ()
    if _GROUPS.fullmatch(content) is not None and all(s in alphabet(base) for s in content if s.isalpha()):
        flags = ("spaced",) if re.search(r"\s|,\w(?!\w\w)", content) else ()
        content = re.sub(r"[, \u00a0']", "", content)
    if not re.search(r"\d", content) and not (content and set(content) <= set(alphabet(base))):
        return "", ()
    return (content, flags) if re.fullmatch(r"[0-9A-Z]+", content) else (None, ())


def _beside(text: str, box: Statement, base: int) -> str | None:
    """Return the number right after an empty box, or right before it."""
    after = _AFTER_BOX.match(text[box.end : box.end + _LONGEST])
    if after and (answer := _number(after[1], base)):
        return answer
    before = _BEFORE_BOX.search(text[max(0, box.start - _LONGEST) : box.start])
    return _number(before[1], base) if before else None


def _in_words(statement: Statement, base: int, *, others: bool) -> Reading:
    """Read "the answer is 174": the number that comes first, or the right side of an equation."""
    text = statement.text[: 2 * _LONGEST]
    if statement.kind is Kind.BEFORE:
        found = re.search(r"(?<![\w.,-])" + _TOKEN + r"\s*$", text)
        return Reading(_number(found[1], base) if found else None)
    if not others and _elsewhere(statement.said, base):
        return Reading()
    corrected = [
        c
        for c in _CORRECTED.finditer(text)
        if re.search(r"\d", text[: c.start()]) and re.match(r"\W*[0-9A-Z]*\d", text[c.end() :])
    ]
    text = text[corrected[-1].end() :] if corrected else text
    clause = _DENIED.sub(" ", text.partition("\n")[0])
    if (marked := _marked(clause, base)) is not None:
        return Reading(marked)
    clause = _side(clause, base)
    lead = _LEAD.match(clause)
    found = _STATED.match(clause, lead.end() if lead else 0)
    if found is None:
        negative = re.match(r"\W*-\s?\d", clause) is not None
        return Reading(flags=(AMBIGUOUS,) if negative else (), refused=negative)
    after = clause[found.end() :]
    if _is_a_row(text, base) or _lists_another(found[1], after):
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if not found[2].strip() and _WORDS.fullmatch(clause, found.end(1)) is not None:
        after = clause[found.end(1) :]  # "174 for the sum"
    if re.match(r"[.,]\d|\w", after) is not None or _ANOTHER.match(after) is not None:
        digits = re.search(r"\d", found[1]) is not None
        return Reading(flags=(AMBIGUOUS,) if digits else (), refused=digits)
    if not others and (_elsewhere(found[2], base) or _base_after(after, base)):
        return Reading()
    if not re.search(r"\d", found[1]) and re.match(r"\W*\w", after):
        return Reading()  # "the answer is a number": a word
    token = re.sub(r"[,' \u00a0]", "", found[1])
    flags = (("spaced",) if re.search(r"[ \u00a0]", found[1]) else ()) + (("corrected",) if corrected else ())
    return Reading(_number(token, base), flags)


def _lists_another(number: str, after: str) -> bool:
    """Return whether a number begins a list of which another one is part, with nothing behind it: "174, 175"."""
    if _LISTED.fullmatch(after) is None or re.search(r"\d", number) is None:
        return False
    return any(other != number for other in re.findall(r"\w+", after))


def _at_the_end(text: str, base: int) -> str | None:
    """Return the number that the text ends with, after ``=``, ``:`` or ``is``, or alone on its last line."""
    before, _, last_line = text.rpartition("\n")
    if (marked := _marked(last_line[-_LONGEST:], base)) is not None:
        return marked
    if _elsewhere(last_line, base) and before.strip():
        return _at_the_end(before.rstrip(), base) if not _elsewhere(before.rpartition("\n")[2], base) else None
    found = _AT_THE_END.search(text[-_LONGEST:])
    if found is None and len(last_line) <= _LONGEST:
        found = _WHOLE_LINE.fullmatch(last_line)
    if found is None or _elsewhere(found[2], base):
        return None
    return _number(found[1], base)


def _number(token: str, base: int) -> str | None:
    """Return the token as an answer, unless it reads as a word: it needs a digit, or letters of the base only."""
    answer = _without_prefix(token.replace(",", "").upper(), base)
    looks_like_one = any(symbol.isdigit() for symbol in answer) or set(answer) <= set(alphabet(base))
    return answer if answer and looks_like_one else None


def _without_prefix(token: str, base: int) -> str:
    """Return a token without what marks ``base``, and with all its digits: 0b, 0o and 0x, or b, o and h behind it."""
    suffix = _SUFFIXES.get(base, "")
    if suffix and len(token) > 1 and token.endswith(suffix) and set(token[:-1]) <= set(alphabet(base)):
        token = token[:-1]
    prefix = _PREFIXES.get(base, "")
    return (
        token[2:]
        if prefix and token.startswith(prefix) and len(token) > 2 and prefix[1] not in alphabet(base)
        else token
    )

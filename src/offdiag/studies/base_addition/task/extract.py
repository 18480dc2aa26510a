r"""Extraction of a number in some base from a completion: the last that is stated, in a box or in words, else its end.

Every pattern below looks at a bounded piece of text, so the time stays linear on any input.
"""

import re
from collections.abc import Callable

from offdiag.studies.base_addition.task.numerals import alphabet
from offdiag.tasks.extraction import Extraction, Kind, Reading, Statement, last_stated, prepared

_LONGEST = 200  # characters; what is longer is not an answer

_LOOKALIKES = str.maketrans({"С": "C", "с": "c"})  # Cyrillic es
_SUBSCRIPT = re.compile(r"\s?_\(?[0-9A-Za-z]+\)?")
_REMARK = re.compile(r"(?:(?<=\w)\s+|(?<=\w)(?=\([^()]*\)\s*$))\([^()]*\)")
_IN_PARENTHESES = re.compile(r"\s*[({\[]+([^(){}\[\]]*)[)}\]]+\s*")
_TAIL = re.compile(r"(?:\b|(?<=\s))(?:in\s+)?base[\s-]*\w+[\s.]*$", re.IGNORECASE)
_LABEL = re.compile(r"\s*(?:result|answer)\b\s*:?", re.IGNORECASE)
_EDGES = " \t\n\u00a0$;!*~`\\\"'"
_DECIMAL = re.compile(
    r"[\s$*\\)\]]*(?:_\{?10(?!\d)|[,(]?\s*(?:which is\s+)?(?:in\s+)?(?:base[\s-]*(?:10(?!\d)|ten\b)|decimal\b))",
    re.IGNORECASE,
)
_DECIMAL_INSIDE = re.compile(r"_\{?10\b|\bbase[\s-]*(?:10|ten)\b|\bdecimal\b", re.IGNORECASE)

_TOKEN = r"([0-9A-Za-z]+(?:,[0-9A-Za-z]{3})*)"
_GROUPS = re.compile(r"[0-9A-Z]{1,3}(?:[, \u00a0'][0-9A-Z]{3})+|[0-9A-Z](?:[, \u00a0]{1,2}[0-9A-Z])+", re.IGNORECASE)
_AFTER_BOX = re.compile(r"[=:$*\s\x04]*" + _TOKEN + r"(?!\.?\w)")
_BEFORE_BOX = re.compile(r"(?<![\w.,-])" + _TOKEN + r"[$*\s]*$")
_OPENING, _CLOSING = r"[\s$*`\"'\\({\[\x04]*", r"[\s$*`\"'\\)}\].!]*$"
_ANNOTATION = r"((?:_\{[^{}]*\}|\s?_[0-9A-Za-z]+)?[\s$*]*(?:\([^()]*\)|(?:in\s+)?base[\s-]*\w+)?)"
_AT_THE_END = re.compile(r"(?:=|:|\bis\b)" + _OPENING + _TOKEN + _ANNOTATION + _CLOSING, re.IGNORECASE)
_WHOLE_LINE = re.compile(_OPENING + _TOKEN + _ANNOTATION + _CLOSING, re.IGNORECASE)
_LEAD = re.compile(
    r"[\s\"'*:(\[{]*(?:(?:is|it|the|number|just|simply|therefore|thus|now|then|equal|equals|to|in|base[\s-]*\w+|"
    r"written|as|digits?|actually|so)\b[\s:,*]*)*",
    re.IGNORECASE,
)
_STATED = re.compile(
    r"([0-9A-Za-z]+(?:[,'\u00a0 ][0-9A-Za-z]{3}(?!\w))*|[0-9A-Za-z](?:[ \u00a0][0-9A-Za-z](?!\w))+)" + _ANNOTATION
)
_CORRECTED = re.compile(
    r"\b(?:no(?=\s*[,.:;!—])|wait|sorry|i mean|correction|oops|or rather|(?:that|this)(?:'s|"
    r" is) wrong)\b[\s,.:;!—-]*",
    re.IGNORECASE,
)
_DENIED = re.compile(r"(?:\bnot|n't|\binstead of|\brather than)\s+[0-9A-Z]+\b[,;]?(?:\s*\bbut\b)?", re.IGNORECASE)
_ANOTHER = re.compile(r"[\s,]*(?:\bor\b|\band\b|\bto\b|/|-|–|\+|\*|×)\s*[(]?(?=[0-9A-Z]*\d)[0-9A-Z]+", re.IGNORECASE)
_DECORATION = re.compile(r"[$*\\]|_\{[0-9]{1,2}\}|_[0-9]{1,2}\b")
_SUM_ASKED = re.compile(r"([0-9A-Z]+) ?\+ ?([0-9A-Z]+)[^+?\n]{0,60}\?", re.IGNORECASE)


def extract(completion: str, base: int, noun: str = "sum") -> Extraction:
    r"""Return the answer that a completion gives in ``base``, in upper case; never raises, whatever the text.

    The rules, in their order: the last statement that holds one token of digits and letters once units, equations and
    remarks are taken off, be it a ``\boxed{...}`` or the words "the answer is" (one marked as decimal only where
    nothing else is there); the token right after a box, or right before it where it is empty; the token after a final
    ``=``, ``:`` or ``is``; a last line that is one token. Leading zeros and digits that the base does not have stay,
    and make the answer wrong.

    Flags: ``unterminated`` (the box was never closed), ``leading-zero``, ``foreign-digit``, ``spaced`` (blanks between
    the digits), ``look-alike`` (a letter of another script was read), and those of :mod:`offdiag.tasks.extraction`.

    Args:
        noun: what else than "answer" or "result" the task calls it.
    """
    text, flags = prepared(completion)
    if text is None:
        return Extraction(None, flags)
    latin = text.translate(_LOOKALIKES)
    found = _stated(latin.rstrip(), base, noun)
    if found.answer is None:
        return Extraction(None, tuple(dict.fromkeys((*flags, *found.flags))))
    flags = (*flags, *found.flags)
    if latin != text and "C" in found.answer:
        flags = (*flags, "look-alike")
    if len(found.answer) > 1 and found.answer[0] == "0":
        flags = (*flags, "leading-zero")
    if not set(found.answer) <= set(alphabet(base)):
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


def _stated(text: str, base: int, noun: str) -> Reading:
    """Return the last statement in ``base``, one marked as decimal only where there is no other; else the end's."""
    reading, rest = last_stated(text, _reader(text, base, decimal=base == 10), noun)
    if reading.answer is not None or reading.refused:
        return reading
    if base != 10:
        reading, _ = last_stated(text, _reader(text, base, decimal=True), noun)
        if reading.answer is not None and any(kind in text for kind in "\x02\x03"):
            return reading
    at_the_end = _at_the_end(rest, base)
    return Reading(at_the_end)


def _reader(text: str, base: int, *, decimal: bool) -> Callable[[Statement], Reading]:
    """Return what reads a statement; ``decimal`` says whether numbers marked as decimal count."""

    def read(statement: Statement) -> Reading:
        if statement.kind is not Kind.BOX:
            return _in_words(statement, base, decimal=decimal)
        if not decimal and _is_decimal(statement.text, statement.following):
            return Reading()
        answer, flags = _normalise(statement.text, base)
        if answer:
            return Reading(answer, flags)
        if answer is None:
            return Reading(refused=True)
        beside = _beside(text, statement, base)
        return Reading(beside)

    return read


def _is_decimal(content: str, following: str) -> bool:
    last = content.rpartition("=")[2][-_LONGEST:]
    return bool(_DECIMAL.match(following) or _DECIMAL_INSIDE.search(last))


def _normalise(content: str, base: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the one token in a box; "" for an empty box or a placeholder without digits, None for anything else."""
    content = content.rpartition("=")[2]
    if len(content) > _LONGEST:
        return None, ()
    content = _TAIL.sub("", _REMARK.sub("", _SUBSCRIPT.sub("", content)))
    if inner := _IN_PARENTHESES.fullmatch(content):
        content = inner[1]
    content = _LABEL.sub("", content, count=1).strip(_EDGES).removesuffix(".").strip(_EDGES).upper().removeprefix("0X")
    flags: tuple[str, ...] = ()
    if _GROUPS.fullmatch(content) is not None:
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


def _in_words(statement: Statement, base: int, *, decimal: bool) -> Reading:
    """Read "the answer is 174": the number that comes first, or the right side of an equation."""
    text = statement.text[: 2 * _LONGEST]
    if statement.kind is Kind.BEFORE:
        found = re.search(r"(?<![\w.,-])" + _TOKEN + r"\s*$", text)
        return Reading(_number(found[1], base) if found else None)
    if not decimal and _DECIMAL_INSIDE.search(statement.said):
        return Reading()
    corrected = [
        c
        for c in _CORRECTED.finditer(text)
        if re.search(r"\d", text[: c.start()]) and re.match(r"\W*[0-9A-Z]*\d", text[c.end() :])
    ]
    text = text[corrected[-1].end() :] if corrected else text
    clause = _DENIED.sub(" ", text.partition("\n")[0])
    if "=" in clause:
        clause = clause.rpartition("=")[2]
    lead = _LEAD.match(clause)
    found = _STATED.match(clause, lead.end() if lead else 0)
    if found is None:
        return Reading(refused=re.match(r"\W*-\s?\d", clause) is not None)
    after = clause[found.end() :]
    if re.match(r"[.,]\d|\w", after) is not None or _ANOTHER.match(after) is not None:
        return Reading(refused=re.search(r"\d", found[1]) is not None)
    if not decimal and (_DECIMAL_INSIDE.search(found[2]) or _DECIMAL.match(after)):
        return Reading()
    if not re.search(r"\d", found[1]) and re.match(r"\W*\w", after):
        return Reading()  # "the answer is a number": a word
    token = re.sub(r"[,' \u00a0]", "", found[1])
    flags = (("spaced",) if re.search(r"[ \u00a0]", found[1]) else ()) + (("corrected",) if corrected else ())
    return Reading(_number(token, base), flags)


def _at_the_end(text: str, base: int) -> str | None:
    """Return the number that the text ends with, after ``=``, ``:`` or ``is``, or alone on its last line."""
    last_line = text.rpartition("\n")[2]
    found = _AT_THE_END.search(text[-_LONGEST:])
    if found is None and len(last_line) <= _LONGEST:
        found = _WHOLE_LINE.fullmatch(last_line)
    if found is None or (base != 10 and _DECIMAL_INSIDE.search(found[2])):
        return None
    return _number(found[1], base)


def _number(token: str, base: int) -> str | None:
    """Return the token as an answer, unless it reads as a word: it needs a digit, or letters of the base only."""
    answer = token.replace(",", "").upper().removeprefix("0X")
    looks_like_one = any(symbol.isdigit() for symbol in answer) or set(answer) <= set(alphabet(base))
    return answer if answer and looks_like_one else None

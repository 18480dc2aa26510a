r"""Extraction of the answer from a completion: the last box that holds one, else the end of the text.

Boxes are found by matching braces in one pass, and every pattern below looks at a bounded piece of text, so the time
stays linear on any input. Raise ``EXTRACTOR_VERSION`` with any change of an outcome.
"""

import re
from typing import NamedTuple

from offdiag.studies.base_addition.task.boxes import Box, find_boxes
from offdiag.studies.base_addition.task.numerals import alphabet

EXTRACTOR_VERSION = 1
_LONGEST = 200  # characters; what is longer is not an answer

_LOOKALIKES = str.maketrans({"С": "C", "с": "c"})  # Cyrillic es
_WRAPPER = re.compile(
    r"\\(?:text|textbf|textit|texttt|textrm|mathrm|mathbf|mathtt|mathit|boldsymbol|boxed) ?\{([^{}]*)\}"
)
_SUBSCRIPT = re.compile(r"_\{[^{}]*\}|_[0-9A-Za-z]+")
_REMARK = re.compile(r"(?<=\S)\s*\([^()]*\)")
_IN_PARENTHESES = re.compile(r"\s*\(([^()]*)\)\s*")
_TAIL = re.compile(r"(?:\b|(?<=\s))(?:in\s+)?base[\s-]*\w+[\s.]*$", re.IGNORECASE)
_LABEL = re.compile(r"\s*(?:result|answer)\b\s*:?", re.IGNORECASE)
_NOISE = re.compile(r"\\q?quad|[\s,$;!*~`\\]")
_DECIMAL = re.compile(
    r"[\s$*\\)\]]*(?:_\{?10(?!\d)|[,(]?\s*(?:which is\s+)?(?:in\s+)?(?:base[\s-]*(?:10(?!\d)|ten\b)|decimal\b))",
    re.IGNORECASE,
)
_DECIMAL_INSIDE = re.compile(r"_\{?10\b|\bbase[\s-]*(?:10|ten)\b|\bdecimal\b", re.IGNORECASE)

_TOKEN = r"([0-9A-Za-z]+(?:,[0-9A-Za-z]{3})*)"
_AFTER_BOX = re.compile(r"[=:$*\s]*" + _TOKEN + r"(?!\.?\w)")
_BEFORE_BOX = re.compile(r"(?<![\w.,-])" + _TOKEN + r"[$*\s]*$")
_OPENING, _CLOSING = r"[\s$*`\"'\\(\[]*", r"[\s$*`\"'\\)\].!]*$"
_ANNOTATION = r"((?:_\{[^{}]*\}|_[0-9A-Za-z]+)?[\s$*]*(?:\([^()]*\)|(?:in\s+)?base[\s-]*\w+)?)"
_AT_THE_END = re.compile(r"(?:=|:|\bis\b)" + _OPENING + _TOKEN + _ANNOTATION + _CLOSING, re.IGNORECASE)
_WHOLE_LINE = re.compile(_OPENING + _TOKEN + _ANNOTATION + _CLOSING, re.IGNORECASE)
_DECORATION = re.compile(r"[$*\\]|_\{[0-9]{1,2}\}|_[0-9]{1,2}\b")
_SUM_ASKED = re.compile(r"([0-9A-Z]+) ?\+ ?([0-9A-Z]+)[^+?\n]{0,60}\?", re.IGNORECASE)
_NEW_TURN = re.compile(r"\n[ #*<|]{0,8}(?:(?:user|human)\b|(?:question|problem|exercise)[ 0-9*#]{0,6}:)", re.IGNORECASE)


class Extraction(NamedTuple):
    """The extracted answer, upper case, or None; and flags: ``unterminated``, ``leading-zero``, ``foreign-digit``."""

    answer: str | None
    flags: tuple[str, ...] = ()


def extract(completion: str, base: int) -> Extraction:
    r"""Return the answer that a completion gives in ``base``; never raises, whatever the text.

    The rules, in their order: the last ``\boxed{...}`` that holds one alphanumeric token once units, equations and
    remarks are taken off (one marked as decimal only where nothing else is there); the token right after the last box,
    or right before it where it is empty; the token after a final ``=``, ``:`` or ``is``; a last line that is one token.
    Leading zeros and digits that the base does not have stay, and make the answer wrong.
    """
    text = completion.translate(_LOOKALIKES).rstrip()
    boxes = find_boxes(text)
    answer, flags = _from_boxes(text, boxes, base)
    if answer is None and boxes:
        answer = _beside(text, boxes[-1], base)
    if answer is None:
        answer = _at_the_end(text, base)
    if answer is None:
        return Extraction(None)
    if len(answer) > 1 and answer[0] == "0":
        flags = (*flags, "leading-zero")
    if not set(answer) <= set(alphabet(base)):
        flags = (*flags, "foreign-digit")
    return Extraction(answer, flags)


def poses_another_problem(completion: str, problem: str) -> bool:
    """Return whether the completion runs on into a question of its own.

    That is a line that opens a new turn, or a question about a sum other than ``problem`` and its columns (a solution
    may well ask itself for those).
    """
    if _NEW_TURN.search(completion):
        return True
    left, right = problem.split("+")
    own = {problem, *(f"{top}+{bottom}" for top, bottom in zip(left, right, strict=True))}
    plain = _DECORATION.sub("", completion)
    questions = (f"{text[-_LONGEST:]}?" for text in plain.split("?")[:-1])
    asked = (_SUM_ASKED.search(question) for question in questions)
    return any(f"{found[1]}+{found[2]}".upper() not in own for found in asked if found)


def _from_boxes(text: str, boxes: list[Box], base: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the last valid box; one marked as decimal only if all valid ones are, or if the base is ten."""
    decimal: tuple[str, Box] | None = None
    for box in reversed(boxes):
        content = text[box.start : box.end]
        answer = _normalise(content)
        if not answer:
            continue
        if base != 10 and _is_decimal(content, text[box.after : box.after + 60]):
            decimal = decimal or (answer, box)
            continue
        return answer, () if box.closed else ("unterminated",)
    if decimal is None:
        return None, ()
    return decimal[0], () if decimal[1].closed else ("unterminated",)


def _is_decimal(content: str, following: str) -> bool:
    last = content.rpartition("=")[2][-_LONGEST:]
    return bool(_DECIMAL.match(following) or _DECIMAL_INSIDE.search(last))


def _normalise(content: str) -> str | None:
    """Return the one token in a box, upper case; "" for an empty box or a placeholder, None for anything else."""
    for _ in range(4):  # wrappers within wrappers; deeper nesting is no answer
        content = _WRAPPER.sub(r"\1", content)
    content = content.rpartition("=")[2]
    if len(content) > _LONGEST:
        return None
    content = _TAIL.sub("", _REMARK.sub("", _SUBSCRIPT.sub("", content)))
    if inner := _IN_PARENTHESES.fullmatch(content):
        content = inner[1]
    content = _NOISE.sub("", _LABEL.sub("", content, count=1)).removesuffix(".").upper().removeprefix("0X")
    return content if not content or re.fullmatch(r"[0-9A-Z]+", content) else None


def _beside(text: str, box: Box, base: int) -> str | None:
    """Return the number right after a box, or right before it where the box is empty."""
    after = _AFTER_BOX.match(text[box.after : box.after + _LONGEST])
    if after and (answer := _number(after[1], base)):
        return answer
    if _normalise(text[box.start : box.end]) == "":
        before = _BEFORE_BOX.search(text[max(0, box.opened - _LONGEST) : box.opened])
        return _number(before[1], base) if before else None
    return None


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

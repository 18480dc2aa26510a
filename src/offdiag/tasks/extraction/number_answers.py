"""The number that a reply gives as its answer.

A number that follows the words of a statement is its answer; one within the sentence is if it is the only one, and of
an equation it is the side that is no calculation. Ranges, alternatives and sums of units ("between 3 and 4", "3 or 4",
"2 hours and 30 minutes") are refused.
"""

import re
from fractions import Fraction

from offdiag.tasks.extraction.denied import CONTRAST, REJECTED_NUMBER, without_denials
from offdiag.tasks.extraction.markup import BOLD, MARKS
from offdiag.tasks.extraction.numbers import APPROXIMATE, UNIT_OR_DIGIT, Number, numbers_in, word_number, written
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

NO_TRIGGER, CORRECTED, BOUND = "no-trigger", "corrected", "bound"
_PERCENT = "percent"

_CORRECTION = re.compile(
    rf"\b(?:no(?=\s*[,.:;!—-]|\s+\d)|{TAKING_BACK}|hmm|not quite|(?:that|this)(?:'s| is) not correct)\b", re.IGNORECASE
)
_FILLER = re.compile(
    r"[\W_]*(?:(?:is|it|its|it's|are|was|about|approximately|approx|around|roughly|nearly|almost|circa|ca|exactly|just|"
    r"only|a|an|the|total|of|number|value|amount|therefore|thus|then|so|equal|equals|equivalent|to|also|simply|"
    r"now|indeed|clearly|"
    r"probably|likely|still|at|least|most|x|n|y|option|there|we|get|have|price|cost|final|result|answer|ans|sum|"
    r"in|all|more|less|fewer|than|over|under|up|no|minimum|maximum|actually|would|be|must|should|will|i|think|guess|believe|my|"
    r"approx|est|estimated|precisely|usd|eur|gbp|rs|us)\b[\W_]*)*",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(?:\bnot|n't|\bnever|\binstead of|\brather than|\bunlike|≠)[ \t]+(?:be[ \t]+|"
    r"equal[ \t]+to[ \t]+|the[ \t]+)?\W{0,3}$",
    re.IGNORECASE,
)
_DENIED = r"[$€£-]{0,2}\d[\d,.]*(?<=\d)%?"
_ITEM = re.compile(r"\s*[(\[#]?\d{1,3}[.)\]:]{1,2}[ \t]+\S.*")
_SENTENCE_END = re.compile(
    r"(?<=[^\d\s])[.](?=[\s\"')]|$)|(?<=\d)[.](?=[\"')]*(?:\s|$))|[!?;](?=\s|$|"
    r"[\"')])(?!\s*=)|\n|。"
)
_ABBREVIATION = re.compile(
    r"\b(rs|approx|ca|no|nr|abt|est|incl|resp|vs|e\.g|i\.e|u\.s|mr|mrs|dr|"
    r"st)\.(?=\s)",
    re.IGNORECASE,
)
_EQUALS = re.compile(r"(?<![<>!≤≥=])=+(?!>)|≈|→|\bequals\b|\bis equal to\b|\bgives\b|\bmakes\b(?=\s*\W?\d)")
_OPERATOR = re.compile(r"[\s\u00a0()]*(?:[-+*/×÷·^]|x|X|plus|minus|times|divided by|multiplied by|mod)[\s\u00a0()]*")
_BETWEEN = re.compile(
    r"[\s\u00a0]*\S{0,12}?[\s\u00a0,]*(?:(?:or|to|and|through|until|&|/|–|—|-|~|"
    r"\.\.\.?)(?!\w)[\s\u00a0]*(?:maybe |even |perhaps |possibly )?|,[\s\u00a0]*)\W{0,3}",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\b(?:between|either|from)\b", re.IGNORECASE)
_UNIT = re.compile(
    r"[\s\u00a0]*(?:hours?|hrs?|h|minutes?|mins?|m|seconds?|secs?|s|days?|weeks?|months?|years?|feet|foot|ft|"
    r"inch(?:es)?|in|'|\"|"
    r"yards?|miles?|km|kg|g|grams?|lbs?|pounds?|ounces?|oz|dollars?|cents?|gallons?|quarts?|"
    r"cups?)[\s\u00a0,]*(?:and[\s\u00a0]*)?",
    re.IGNORECASE,
)
_REMAINDER = re.compile(
    r"[\s\u00a0,]*(?:with[ ]|and[ ])?(?:an?[ ])?(?:remainder|rest|rem\.?|r)[ ]?(?:of[ ]|=[ ]?)?\d", re.IGNORECASE
)
_PIECE_ENDS = re.compile(rf",\s|;|{CONTRAST.pattern}", re.IGNORECASE)
_NEW_EQUATION = re.compile(r";|,\s|,(?=[^\W\d])|\band\b|\bor\b")  # "x=42,y=3"
_OF_DIGITS = re.compile(r"\bhex|\bbase[ \u00a0-]?(?:1[1-9]|[23]\d|sixteen|twelve)\b|\b0x", re.IGNORECASE)
_BLANKS = re.compile(r"[\s\u00a0]+")  # "42 43 44"
_OR_ELSE = re.compile(r"[\s.…]*\bor\b(?! rather)[^.\n]{0,20}\d", re.IGNORECASE)
_REASON = re.compile(r"\b(?:because|since)\b", re.IGNORECASE)
_NO_ONE = re.compile(r"\b(?:the|no|this|that|which|each|every|any)\W*$", re.IGNORECASE)
_ROUGH = re.compile(r"\b(?:about|approximately|approx|around|roughly|nearly|almost|circa|ca)\b|[≈~±]", re.IGNORECASE)
_LIMIT = re.compile(
    r"\b(?:at least|at most|more than|less than|fewer than|over|under|up to|no more than)\b|"
    r"[<>≤≥]",
    re.IGNORECASE,
)
_CONCLUDED = re.compile(
    r"\W*(?:(?:so|thus|therefore|hence|then|in total|altogether|overall|finally|ok|okay)[\s,:]+)*(?:it(?:'s| is)|"
    r"that(?:'s| is)|"
    r"this is|we (?:get|have)|i (?:get|say)|(?:the )?(?:grand |final |overall )?(?:total|sum|result|"
    r"amount)(?: is)?|in total)?"
    r"[\s:=]*\W*(?:(?:usd|eur|gbp|chf|inr|us|rs)\b\W*)?",
    re.IGNORECASE,
)
_UNITS = re.compile(r"[^\w\n?,;]*(?:[^\W\d]+[^\w\n=?,;:]*){0,4}")
_GOES_ON = re.compile(
    r"\b(?:and|or|but|then|so|because|which|that|of|to|with|minus|plus|times|more|less|than|is|"
    r"are|was|if)\W*$",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"\W*(?:(?:i (?:think|guess|believe|say)|about|approximately|around|roughly|exactly|only|just|it's|it is|"
    r"that's|that is|so|therefore|thus|"
    r"hence|yes|sure|ok|"
    r"okay|x|y|n|the total is|usd|eur|gbp|chf|inr|us|rs)\b\W*)*",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\W*(?:so|thus|therefore|hence|in total|altogether|overall|finally|in conclusion|"
    r"in the end)\b",
    re.IGNORECASE,
)


def extract_number(text: str) -> Extraction:
    """Return the number that a reply without markup gives, in the canonical form of :func:`numbers.written`.

    Flags: ``no-trigger`` (no words such as "the answer is" mark it), ``several`` (different ones are stated; the last
    counts), ``ambiguous`` (refused), ``corrected``, ``approximate``, ``bound``, ``spaced``, ``decimal-comma``,
    ``in-words``, ``other-base`` ("101 in binary"), ``unit-or-digit``
    (a letter behind it, "17F") and others that say how the number is written.
    """
    text = without_denials(text, _DENIED)
    found, rest = last_stated(text, read_statement)
    unmarked: tuple[str, ...] = ()
    if found.answer is None and not found.refused:
        found = _unmarked(rest, whole=rest == text)
        unmarked = (NO_TRIGGER,) if found.answer is not None else ()
    if found.answer is None and not found.flags and (alone := _ITEM.fullmatch(text)) is not None:
        return Extraction(None, (AMBIGUOUS,) if _alone(alone[0].partition(" ")[2]) is not None else ())  # "1. 42"
    if UNIT_OR_DIGIT in found.flags and _OF_DIGITS.search(text) is not None:
        return Extraction(None, (AMBIGUOUS,))  # "in hex the answer is 17F": no 17 with a unit
    return Extraction(found.answer, (*found.flags, *unmarked))


def read_statement(statement: Statement) -> Reading:
    """Read the number of a statement."""
    text = statement.text
    if statement.kind is Kind.BOX:
        return _read_box(text)
    if statement.kind is Kind.BEFORE:  # "41 is close, but 42 is correct"
        pieces = [piece for piece in _PIECE_ENDS.split(text) if re.search(r"\d", piece) is not None]
        return read_number(pieces[-1] if pieces else text, strict=False, final=True)
    return read_number(text, strict=statement.kind is Kind.MARK, final=statement.last)


def _read_box(text: str) -> Reading:
    """Read the content of a box: one number, units or an equation around it."""
    if re.search(r"\d!\s*$", text) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)  # a factorial
    found = read_number(text.replace("\n", " "), strict=False, final=True)
    if found.answer is not None and (SEVERAL in found.flags):
        return Reading(flags=(AMBIGUOUS,), refused=True)
    return found


def read_number(text: str, *, strict: bool, final: bool) -> Reading:
    """Read the number with which a text begins, or that its first sentence gives.

    Args:
        strict: only a number at the beginning counts, unless nothing follows the sentence. final: whether no other
            digits follow the line.
    """
    text = _ABBREVIATION.sub(r"\1 ", beginning(text))
    corrected: tuple[str, ...] = ()
    for found in _CORRECTION.finditer(text):
        after = text[found.end() :]
        if re.search(r"\d", after) is not None and re.search(r"\d", text[: found.start()]) is not None:
            corrected = (CORRECTED,)
            rest = after
    if corrected:
        text = rest.lstrip(" ,.:;!—-\n") if not re.match(r"[ ,:;!—]*-\d", rest) else rest.lstrip(" ,:;!—")
    if _is_a_row(text):
        return Reading(flags=(*corrected, AMBIGUOUS), refused=True)
    end = _SENTENCE_END.search(text)
    clause, tail = (text, "") if end is None else (text[: end.start()], text[end.start() :])
    if tail.startswith("?"):
        return NOTHING
    if _OR_ELSE.match(tail) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    final = final and re.search(r"\d", tail.partition("\n")[0]) is None
    reading = _read_clause(clause, free=not strict or final)
    return reading._replace(flags=(*corrected, *reading.flags))


def _is_a_row(text: str) -> bool:
    """Return whether a text is numbers and nothing else, and different ones: "174; 175", "3 | 4", one on each line."""
    text = text.replace("\n", " | ")  # a row of digits on two lines is no number with a blank in it
    numbers = list(numbers_in(text))
    ends = [0, *(number.end for number in numbers)]
    starts = [*(number.start for number in numbers), len(text)]
    rest = " ".join(text[end:start] for end, start in zip(ends, starts, strict=True))
    return any(not _is_one(numbers[0], number) for number in numbers[1:]) and only_joined(rest)


def _read_clause(clause: str, *, free: bool) -> Reading:
    if (reason := _REASON.search(clause)) is not None and re.search(r"\d", clause[: reason.start()]) is not None:
        clause = clause[: reason.start()]
    parts = _EQUALS.split(clause)
    if len(parts) > 1:
        return _read_equation(parts, free=free)
    numbers = [n for n in numbers_in(clause) if _NEGATED.search(clause[max(0, n.start - 30) : n.start]) is None]
    if not numbers:
        return _in_words(clause)
    first = numbers[0]
    leading = clause[: first.start]
    immediate = _FILLER.fullmatch(leading) is not None
    if not immediate and not free:
        return NOTHING
    if (reading := _refused(clause, leading, numbers)) is not None:
        return reading
    if first.value is None or _REMAINDER.match(clause, first.end) is not None:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if REJECTED_NUMBER.match(clause, first.end) is not None:
        return NOTHING
    others = {n.value for n in numbers[1:] if not _is_one(first, n)}
    if others and not immediate:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    flags = first.flags + ((APPROXIMATE,) if _ROUGH.search(leading) or re.match(r"\s*±", clause[first.end :]) else ())
    flags += (BOUND,) if _LIMIT.search(leading) else ()
    return Reading(written(first.value), flags + ((SEVERAL,) if others else ()))


def _is_one(first: Number, other: Number) -> bool:
    """Return whether two numbers are one value, written alike or once in percent: "50% (0.5)"."""
    if first.value is None or other.value is None:
        return False
    in_percent = (_PERCENT in first.flags) - (_PERCENT in other.flags)
    return first.value == other.value or (in_percent != 0 and first.value == other.value * Fraction(100) ** in_percent)


def _refused(clause: str, leading: str, numbers: list[Number]) -> Reading | None:
    """Return the refusal of a row, a range, alternatives, a calculation without a result or a sum of units."""
    if len(numbers) < 2:
        return None
    first, second = numbers[:2]
    gap = clause[first.end : second.start]
    if _is_one(first, second):
        return None
    signed = clause[second.start : second.start + 1] == "-" and not gap.strip()
    kinds = (_OPERATOR, _BETWEEN, _UNIT, _BLANKS)
    if signed or any(kind.fullmatch(gap) for kind in kinds) or (_RANGE.search(leading) and len(gap) < 40):
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if re.search(r"\bor\b", gap, re.IGNORECASE) and len(gap) < 25:
        return Reading(flags=(AMBIGUOUS,), refused=True)
    return None


def _read_equation(parts: list[str], *, free: bool) -> Reading:
    """Read the side of an equation that is one number, the last first; free says whether words may stand before it."""
    if not free and _FILLER.fullmatch(parts[0].split("=")[0].rstrip("0123456789.+-*/×÷·()% \u00a0,xX$€£")) is None:
        return NOTHING
    if not free and parts[0].strip():
        return NOTHING
    for middle in parts[1:-1]:
        if _NEW_EQUATION.search(middle):
            return Reading(flags=(AMBIGUOUS,), refused=True)
    right = _read_clause(parts[-1], free=False)
    if right.answer is not None:
        return right
    left = _read_clause(parts[0], free=False)
    if left.answer is not None and SEVERAL not in left.flags and any(True for _ in numbers_in(parts[-1])):
        return left
    return right


def _in_words(clause: str) -> Reading:
    begun = _FILLER.match(clause)
    for start in {0, 0 if begun is None else begun.end()}:
        number = word_number(clause[start:])
        if number is not None and number.value == 1 and _NO_ONE.search(clause[: start + number.start]) is not None:
            continue  # "no one", "the one on the left"
        if number is not None and number.value is not None:
            return Reading(written(number.value), number.flags)
    return NOTHING


def _unmarked(text: str, *, whole: bool) -> Reading:
    """Return the answer that no words mark: bold text, the last line, the last equation, or the beginning."""
    if (corrected := _taken_back(text)) is not None:
        return corrected
    bold, last = _bold(text), _last_line(text)
    read = [bold, last, _last_equation(text)]
    if whole:
        read.insert(1, first := _first_line(text))
        read.append(_head(text))
        if bold.answer is None and differ(first, last):
            return Reading(flags=(AMBIGUOUS,), refused=True)
    found = [reading for reading in read if reading.answer is not None]
    if not found:
        return next((reading for reading in read if reading.refused), NOTHING)
    several = (SEVERAL,) if len({reading.answer for reading in found}) > 1 else ()
    return found[0]._replace(flags=(*found[0].flags, *several))


def _taken_back(text: str) -> Reading | None:
    """Return what a reply of no statement says after its last "no, wait"; None where it corrects no number."""
    for found in reversed(list(_CORRECTION.finditer(ending(text, 4000)))[-5:]):
        before, after = ending(text, 4000)[: found.start()], ending(text, 4000)[found.end() :].lstrip(" ,.:;!—\n")
        if re.search(r"\d", after) is None or re.search(r"\d", before) is None or before.endswith("("):
            continue
        reading = _unmarked(after, whole=True)
        return reading._replace(flags=(CORRECTED, *reading.flags)) if reading.answer is not None else None
    return None


def _bold(text: str) -> Reading:
    for bold in bold_texts(text, BOLD):
        number = _alone(bold)
        if number is not None:
            return number
    return NOTHING


def _alone(text: str) -> Reading | None:
    """Return the number that a line consists of, units aside: "$18.", "18 eggs"; None if it has more than that."""
    plain = re.sub(MARKS, "", text).strip()
    numbers = list(numbers_in(plain))
    if len(numbers) != 1 or numbers[0].value is None or plain.rstrip("\"')").endswith("?"):
        return None
    before, after = plain[: numbers[0].start], plain[numbers[0].end :]
    if REJECTED_NUMBER.match(after) is not None or _REMAINDER.match(after) is not None:
        return None
    if _CONCLUDED.fullmatch(before) is None or _UNITS.fullmatch(after) is None or _GOES_ON.search(after) is not None:
        return None
    rough = (APPROXIMATE,) if _ROUGH.search(before) is not None else ()
    return Reading(written(numbers[0].value), (*numbers[0].flags, *rough))


def _first_line(text: str) -> Reading:
    """Return the number that is all of the first line, no word before it, unless the reply takes it back."""
    line, _, rest = re.sub(MARKS, "", beginning(text, 2000)).lstrip().partition("\n")
    taken_back = _CORRECTION.search(rest) is not None or re.match(r"[^\d]*[^\W\d]", line) is not None
    return NOTHING if taken_back else _alone(line) or NOTHING


def _last_line(text: str) -> Reading:
    """Return the number that is all of the last line, or the only one of a sentence that concludes."""
    line = re.sub(MARKS, "", ending(text.rstrip().rpartition("\n")[2]))
    if (alone := _alone(line)) is not None:
        return alone
    sentence = _last_sentence(line)
    if (
        _CONCLUDES.match(sentence) is None
        or _GOES_ON.search(sentence)
        or sentence.endswith("?")
        or _EQUALS.search(sentence)
    ):
        return NOTHING
    values = {n.value for n in numbers_in(sentence)}
    return read_number(sentence, strict=False, final=True) if len(values) == 1 else NOTHING


def _last_sentence(line: str) -> str:
    return re.split(r"(?<=[^\d\W])[.!?;]\s|(?<=\d)[.;]\s", line.rstrip(" .!"))[-1]


def _head(text: str) -> Reading:
    """Return the number that the reply begins with, unless a calculation begins there."""
    line = re.sub(r"^\W*(?:A|Ans|Reply)\s*[:.]\s*", "", re.sub(MARKS, "", beginning(text)).lstrip().partition("\n")[0])
    clause = _SENTENCE_END.split(_ABBREVIATION.sub(r"\1 ", line))[0]
    if _EQUALS.search(clause) is not None or re.match(r"\W*\d{1,2}[.)]\s+\S", line) is not None:
        return NOTHING  # an item of a list, or an equation is read where it ends the text
    first = next(numbers_in(clause), None)
    if first is None and "\n" in text.strip():
        return NOTHING  # "Half of them …" begins a solution
    if first is not None and _LEAD.fullmatch(clause[: first.start]) is None:
        return NOTHING
    return read_number(line, strict=True, final=False)


def _last_equation(text: str) -> Reading:
    """Return the result of the equation with which the text ends."""
    line = re.sub(MARKS, "", ending(text.rstrip()).rpartition("\n")[2])
    if len(set(re.findall(r"\b([a-z])[ ]?=(?!=)", line))) > 1:
        return Reading(flags=(AMBIGUOUS,), refused=True)  # "x = 42; y = 3"
    sentence = _last_sentence(line)
    parts = _EQUALS.split(sentence)
    if len(parts) < 2 or sentence.endswith("?"):
        return NOTHING
    if any(_NEW_EQUATION.search(middle) for middle in parts[1:-1]):
        return Reading(flags=(AMBIGUOUS,), refused=True)
    if (result := _alone(parts[-1])) is not None:
        return result
    left = _alone(parts[0]) if len(parts) == 2 else None
    return left if left is not None and sum(1 for _ in numbers_in(parts[1])) > 1 else NOTHING

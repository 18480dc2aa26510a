r"""The places in a reply that state an answer: boxes, ``#### X``, "the answer is X", "Answer: X", "X is correct".

A reader of numbers, choices or numerals goes through them from the last one on, see :func:`last_stated`.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import cache
from typing import NamedTuple

from offdiag.tasks.extraction.markup import BOLD, CLOSE, LEFT_OPEN, MARKS, OPEN

AMBIGUOUS, SEVERAL, UNTERMINATED, NO_ANSWER = "ambiguous", "several", "unterminated", "no-answer"
LONGEST = 600  # characters that are looked at after a mark
_MOST = 60  # statements that are looked at, from the last on
# What may stand between boxes that are parts of one answer: \\boxed{1}\\boxed{7}, \\boxed{3} or \\boxed{4}.
_BESIDE = re.compile(rf"[\s$,;/&{BOLD}]*(?:\b(?:and|or)\b)?[\s${BOLD}]*", re.IGNORECASE)
# What may stand between and around answers that are a row: "A; B", "(3, 4)", "$18 or $20".
_JOINING = re.compile(rf"(?:[\s,;:.|/&$€£%()\[\]{{}}{BOLD}]|\band\b|\bor\b)*", re.IGNORECASE)
# Words that take back what was said before, as a regular expression; what may stand behind "no" is for each reader.
TAKING_BACK = (
    r"nope|wait|actually|sorry|correction|oops|scratch that|i mean|i meant|or rather|"
    r"(?:that|this)(?:'s| is) (?:wrong|not right|incorrect)|let me (?:re\w{1,12}|correct|fix)"
)


class Kind(Enum):
    """How a statement is marked, which decides how freely it is read."""

    BOX = "box"  # the content is the answer, and nothing else
    MARK = "mark"  # "#### X", "Answer: X": the answer stands first, or it is all that follows
    CLAIM = "claim"  # "the answer is X": the answer may stand within the sentence
    BEFORE = "before"  # "X is correct": the text is what stands before


class Statement(NamedTuple):
    """A place that states an answer.

    Attributes:
        text: what is stated, without markup, at most ``LONGEST`` characters. said: the words that mark it.
        start, end: its place in the reply. closed: whether a box was closed.
        following: the text after a box, such as "_8" or "in decimal". last: whether no other digits follow its line.
    """

    kind: Kind
    text: str
    said: str
    start: int
    end: int
    closed: bool = True
    following: str = ""
    last: bool = True


class Reading(NamedTuple):
    """What was read at one place: an answer, a refusal (``refused``), or nothing (neither)."""

    answer: str | None = None
    flags: tuple[str, ...] = ()
    refused: bool = False


class Extraction(NamedTuple):
    """The extracted answer, or None, and the flags that say how it was found."""

    answer: str | None
    flags: tuple[str, ...] = ()


NOTHING = Reading()


def beginning(text: str, most: int = LONGEST) -> str:
    """Return at most so many characters from the beginning of a text, without the word or number that the cut meets."""
    if len(text) <= most:
        return text
    return re.sub(r"[\w.,']*$", "", text[:most]) if _inside_word(text, most) else text[:most]


def ending(text: str, most: int = LONGEST) -> str:
    """Return at most so many characters from the end of a text, without the word or number that the cut meets."""
    cut = len(text) - most
    if cut <= 0:
        return text
    return re.sub(r"^[\w.,']*", "", text[cut:]) if _inside_word(text, cut) else text[cut:]


def _inside_word(text: str, place: int) -> bool:
    return re.fullmatch(r"[\w.,']{2}", text[place - 1 : place + 1]) is not None


_NOUN = r"(?:answer|ans|solution|result|conclusion)"
_LINK = (
    r"(?:is|was|are|will be|would be|should be|must be|has to be|comes out (?:to|as)|equals?|becomes|=|→|->|"
    r"=>|⇒|:|：)"
)
_ABOUT = (
    r"(?:[ \t]+(?:to|of|for|in|after|choice|option|letter|key|value|number|here|therefore|then|now|thus|"
    r"that|we|i|get|want|should|choose|give|pick)\b(?:[^\n.:=?!]{0,60}?))?"
)
_ADVERB = r"(?:[ \t,]+(?:therefore|thus|then|hence|clearly|indeed|actually|simply|simply put|so|now|still|also))?"
_TO_VALUE = re.compile(rf"(?:[ \t\u00a0:=⇒{MARKS[1:-1]}]|=>|\n[ \t]*>?)*")


_MARK = (
    rf"(?P<box>{OPEN}(?P<content>[^{MARKS[1:-1]}]*)(?P<end>[{CLOSE}{LEFT_OPEN}]?))"
    rf"|(?P<bold>^[ \t]*{BOLD}(?=[^\n{BOLD}]{{1,120}}\s*\Z))"
    r"|(?P<hash>^[ \t]*#{4,}[ \t]*)"
    r"|(?P<tag><\s?(?:final[_ -]?)?(?:answer|ans|solution|response|result)\s?>|\[(?:final[_ ]?)?answer\]|\[\[)"
    r"|(?P<json>[\"'](?:final[_ ]?|correct[_ ]?)?(?:answer|choice|option|result|label|prediction)[\"']\s{0,3}:\s{0,3})"
    rf"|(?P<colon>\bNOUN\b(?:[ \t]+(?:choice|option|letter|key))?(?:[ \t]*\([^()\n]{{0,40}}\))?[ \t]*(?:[:=→]|"
    rf"-+>|=>|⇒|[-—][ \t])[ \t]*)"
    rf"|(?P<claim>\bNOUN\b{_ABOUT}{_ADVERB}[ \t]*\b{_LINK}[ \t]*:?)"
    r"|(?P<pick>\b(?:correct|right|best|final|my|most likely)[ \t]+(?:choice|option|one|letter|response|"
    r"statement|label|value|number)\b"
    rf"(?:[ \t]+is)?(?:[ \t]+(?:therefore|thus|then))?[ \t]*(?::|(?<=is)))"
    r"|(?P<say>\b(?:let(?:'s| us)|(?:i|we)(?:'d|'ll|'m going to| would| will| must| should| can)?)[ \t]+(?:choose|"
    r"chose|pick|select|say|answer with|answer|go(?:ing)? with|conclude(?: that)?)\b(?:[ \t]+with)?[ \t]*:?)"
    r"|(?P<heading>^\W{0,8}(?:the[ \t]+)?(?:final[ \t]+|correct[ \t]+)?(?:answer|solution)[ \t]*\W{0,3}$)"
    r"|(?P<foreign>(?:答案|答え|正解|정답)[ \t]*(?:是|为|為|は|은|는|:|：)|"
    r"\b(?:Antwort|Lösung|Réponse|Respuesta|Resposta|Risposta|Ответ|Odpowiedź|Cevap)(?:[ \t]+(?:final\w*|correct\w*))?"
    r"[ \t]*(?::|=|(?:es|é|è|est|ist|lautet|to)\b))"
    r"|(?P<bare>\b(?:answer)[ \t]+(?=\(?[A-Z]\)?[ \t.]*$|[-]?\d[\d,.]*[ \t.]*$))"
    r"|(?P<before>\b(?:is|are|would be|must be|seems|looks)[ \t]+(?:(?:therefore|thus|clearly|obviously|"
    r"definitely|probably|the|most|my|final|only|best|a)[ \t]+){0,4}(?:correct|right|best|answer)\b)"
)
_HYPOTHETICAL = re.compile(
    r"\b(?:if|suppose|supposing|assum\w{1,4}|whether|unless|maybe|perhaps|might be|could be|thought|guess(?:ed)?|"
    r"say|imagine)"
    r"(?:[ \t]+that)?[ \t,]+(?:\w+[ \t]+){0,2}$",
    re.IGNORECASE,
)
_DENIED = re.compile(r"^\W*(?:still |just |really )?(?:unknown|undetermined|undefined|unclear|impossible|"
    r"unanswerable|insufficient|"
                     r"indeterminate|(?:not|never)\s+(?:yet\s+)?(?:known|clear|given|possible|determin\w{1,6}|"
                     r"enough|available|provided|stated)|"
                     r"cannot\b|can't\b|can not\b|n/?a\b|dne\b|none\b(?! of)|there is (?:no|not)\b|no (?:answer|"
                     r"solution)\b|\?)", re.IGNORECASE)  # fmt: skip


@cache
def _marks(noun: str) -> re.Pattern[str]:
    """Return the pattern of what marks a statement; ``noun`` says what else an answer is called."""
    nouns = rf"(?:{_NOUN}|{noun})" if noun else _NOUN
    return re.compile(_MARK.replace("NOUN", nouns), re.IGNORECASE | re.MULTILINE)


def statements(text: str, noun: str = "") -> list[Statement]:
    """Return the last statements of a reply without markup, in their order, at most 60 of them.

    Args:
        noun: what else than "answer" a task calls it, such as "next number".
    """
    found = deque(_marks(noun).finditer(text), maxlen=2 * _MOST)
    marks = [mark for mark in found if not _hypothetical(text, mark)]
    begins = _next_begins(marks, len(text))
    digits = max((i for i in range(max(0, len(text) - 20_000), len(text)) if text[i].isdigit()), default=-1)
    first = max(0, len(marks) - _MOST)
    return [_statement(text, marks[i], begins[i], digits) for i in range(first, len(marks))]


def _next_begins(marks: Sequence[re.Match[str]], end: int) -> list[int]:
    """Return where the statement after each begins; one of what stands before it does not cut the one before."""
    begins: list[int] = []
    following = end
    for mark in reversed(marks):
        begins.append(following)
        if mark["before"] is None:
            following = mark.start()
    return begins[::-1]


def _statement(text: str, mark: re.Match[str], next_mark: int, last_digit: int) -> Statement:
    said, start = mark[0], mark.start()
    if mark["box"] is not None:
        after = text[mark.end() : min(next_mark, mark.end() + 60)]
        return Statement(Kind.BOX, mark["content"], said, start, mark.end(), mark["end"] == CLOSE, after)
    if mark["before"] is not None:
        begin = max(text.rfind("\n", 0, start) + 1, start - 80)
        clause = re.split(r"[.!?;][ \t]", re.sub(MARKS, "", text[begin:start]))[-1]
        return Statement(Kind.BEFORE, clause, said, start, mark.end())
    begun = _TO_VALUE.match(text, mark.end())
    begin = mark.end() if begun is None else begun.end()
    if "\n" in text[mark.end() : begin] and (bullet := re.compile(r"[-*•·+][ \t]+").match(text, begin)) is not None:
        begin = bullet.end()
    end = begin + len(beginning(text[begin : min(next_mark, begin + LONGEST + 1)]))
    stated = re.sub(MARKS, "", text[begin:end])
    if mark["tag"] is not None:
        stated = re.split(r"</|\[/|\]\]", stated, maxsplit=1)[0]
    claims = any(mark[kind] is not None for kind in ("claim", "tag", "foreign"))
    line_end = text.find("\n", begin, begin + 5000)
    last = line_end < 0 or last_digit < line_end
    return Statement(Kind.CLAIM if claims else Kind.MARK, stated, said, start, end, last=last)


def _hypothetical(text: str, mark: re.Match[str]) -> bool:
    """Return whether the words before a mark only suppose an answer: "if the answer is 41"."""
    if mark["box"] is not None or mark["hash"] is not None or mark["bold"] is not None:
        return False
    return _HYPOTHETICAL.search(text[max(0, mark.start() - 40) : mark.start()]) is not None


def last_stated(text: str, read: Callable[[Statement], Reading], noun: str = "") -> tuple[Reading, str]:
    r"""Return the last answer that a reply states, and the rest of the text in which none is.

    A statement that cannot be read, such as "\boxed{result}", leaves the one before it standing; one that is refused
    ("A or B", "unknown") does not, and boxes side by side that differ are refused. Where none is readable the rest is
    what follows the last of them.

    Args:
        text: a reply without markup. read: reads one statement.
    """
    found = statements(text, noun)
    stated: list[Reading] = []
    later: Statement | None = None
    for statement in reversed(found):
        reading = _read(statement, read)
        if reading.refused and not stated:
            return reading, ""
        if reading.answer is not None:
            if stated and later is not None and reading.answer != stated[-1].answer and _beside(text, statement, later):
                return Reading(flags=(AMBIGUOUS,), refused=True), ""
            stated.append(reading)
        later = statement
    if not stated:
        return NOTHING, text if not found else text[found[-1].start :]
    several = (SEVERAL,) if len({reading.answer for reading in stated}) > 1 else ()
    return Reading(stated[0].answer, _once((*stated[0].flags, *several))), ""


def _beside(text: str, first: Statement, second: Statement) -> bool:
    """Return whether two boxes stand side by side, so that neither takes the other back."""
    boxes = first.kind is Kind.BOX and second.kind is Kind.BOX
    return boxes and _BESIDE.fullmatch(text[first.end : second.start]) is not None


def _read(statement: Statement, read: Callable[[Statement], Reading]) -> Reading:
    reading = read(statement)
    silent = reading.answer is None and not reading.refused and statement.kind is not Kind.BEFORE
    if silent and _DENIED.match(statement.text) is not None:
        return Reading(flags=(NO_ANSWER,), refused=True)
    if reading.answer is not None and statement.kind is Kind.BOX and not statement.closed:
        return reading._replace(flags=(*reading.flags, UNTERMINATED))
    return reading


def only_joined(rest: str) -> bool:
    """Return whether nothing but marks and the words "and" and "or" is left of a text without its answers."""
    return _JOINING.fullmatch(rest) is not None


def differ(first: Reading, last: Reading) -> bool:
    """Return whether the first and the last line of a reply are answers that differ: neither takes the other back."""
    return first.answer is not None and last.answer is not None and first.answer != last.answer


def _once(flags: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flags))


def bold_texts(text: str, mark: str) -> Iterator[str]:
    """Yield the beginnings of lines after each mark of bold text, from the last on, at most 60."""
    position = len(text)
    for _ in range(_MOST):
        position = text.rfind(mark, 0, position)
        if position < 0:
            return
        yield text[position + 1 : position + 201].partition("\n")[0]

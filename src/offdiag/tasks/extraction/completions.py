"""What a completion says once thinking, control tokens and further questions are cut off and characters made plain.

Everything here takes time linear in the length of the text, and nothing raises.
"""

import re
import unicodedata
from typing import NamedTuple

UNFINISHED_THINKING, RUNAWAY = "unfinished-thinking", "runaway"

_NAMES = (
    r"think(?:ing)?|thoughts?|reasoning|reason|reflection|scratch_?pad|analysis|rationale|inner_?(?:monologue|"
    r"thoughts)|"
    r"antthinking|seed:think|begin_of_thought|start_thinking|inner_prefix|think:start|begin_of_thinking"
)
_ENDS = (
    r"think(?:ing)?|thoughts?|reasoning|reason|reflection|scratch_?pad|analysis|rationale|inner_?(?:monologue|"
    r"thoughts)|"
    r"antthinking|seed:think"
)
# <think>, [THINK], ◁think▷, <|begin_of_thought|>, <|START_THINKING|>, <|inner_prefix|>, and what closes each.
_THOUGHT = re.compile(
    rf"(?P<open><\|?\s?(?:{_NAMES})\s?(?:\s[^<>|]{{0,80}})?\|?>|\[(?:THINK|THINKING|REASONING)\]|◁think▷)|"
    rf"(?P<close></\s?(?:{_ENDS})\s?>|<\|?/(?:{_ENDS})\|?>|<\|(?:end_of_thought|end_thinking|inner_suffix|think:end|"
    rf"end_of_thinking)\|>|\[/(?:THINK|THINKING|REASONING)\]|◁/think▷)",
    re.IGNORECASE,
)
# The channels of gpt-oss (harmony) and Gemma: only the final one is the reply.
_CHANNEL = re.compile(r"<\|channel\|?>\s?(\w{0,20})(?:\s[^<\n]{0,80})?(?:<\|message\|>|\n|(?=<))?", re.IGNORECASE)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start|channel)\|>|<channel\|>|<\|channel>")
_PLAIN_CHANNEL = re.compile(r"\s*analysis(?=[A-Z\"'(\d]|\s*\n)")  # its special tokens left out by the decoder
_PLAIN_FINAL = re.compile(r"assistant\s?final(?=\W|[A-Z\d]|$)")
_ANNOUNCED = re.compile(r"here(?:'s| is) my (?:thought process|reasoning)\s*:", re.IGNORECASE)  # Granite
_ANNOUNCED_END = re.compile(r"here(?:'s| is) my (?:response|answer)\s*:", re.IGNORECASE)

_TURN_TOKEN = (
    r"(?:<\|(?:im_end|eot_id|eom_id|end|return|endoftext|end_of_text|end_of_turn|eos|end_of_solution|END_RESPONSE|"
    r"END_OF_TURN_TOKEN|im_start|start|start_header_id|end_header_id|user|endofprompt|begin▁of▁sentence)\|>|</s>|<s>|"
    r"<eos>|<bos>|<end_of_turn>|<start_of_turn>|<turn\|>|<\|turn>|<｜(?:end|begin)▁of▁sentence｜>|\[/?INST\])"
)
_TURN_BEGINS = re.compile(rf"\s*(?:{_TURN_TOKEN}\s*(?:assistant\b|model\b)?\s*)+", re.IGNORECASE)
_TURN_ENDS = re.compile(_TURN_TOKEN, re.IGNORECASE)
_SPECIAL = re.compile(
    r"<\|(?:begin_of_solution|START_RESPONSE|START_OF_TURN_TOKEN|CHATBOT_TOKEN|content|assistant|message)\|>",
    re.IGNORECASE,
)
_SPEAKER = re.compile(r"\s*(?:assistant|model|ai|bot|response)\s*[:\n]\s*", re.IGNORECASE)
_NEXT_TURN = re.compile(
    r"\n[ \t#*<|]{0,8}(?:(?:Q|Question|Problem|Exercise)[ \t0-9*#.]{0,6}:|(?:User|Human|Instruction)\b[ \t*]{0,4}:)",
    re.IGNORECASE,
)
_CALCULATOR = re.compile(r"<<[^<>\n]{0,200}>>")  # GSM8K's marks: "9 * 2 = <<9*2=18>>18"


class Reply(NamedTuple):
    """The reply in a completion.

    Attributes:
        text: the reply in plain characters; None where thinking never ended.
        flags: ``unfinished-thinking``, ``runaway`` (the completion goes on to ask another question).
    """

    text: str | None
    flags: tuple[str, ...] = ()


def reply_in(completion: str) -> Reply:
    """Return the reply in a completion: no thinking, nothing after its end or from another question on.

    A thinking block that never ends leaves no reply at all. One that is closed without having been opened, as where the
    chat template opens it, is thinking from the beginning.
    """
    spoken = _without_thinking(completion)
    if spoken is None:
        return Reply(None, (UNFINISHED_THINKING,))
    text = _first_turn(spoken)
    text = _CALCULATOR.sub("", plain_characters(_SPECIAL.sub("", text))).strip()
    if (speaker := _SPEAKER.match(text)) is not None:
        text = text[speaker.end() :]
    further = _NEXT_TURN.search(text)
    if further is not None:
        return Reply(text[: further.start()], (RUNAWAY,))
    return Reply(text)


def _without_thinking(text: str) -> str | None:
    """Return the text without its thinking; None if that never ends."""
    final = _final_channel(text)
    if final is None:
        return None
    kept: list[str] = []
    position, opened = 0, ""
    for tag in _THOUGHT.finditer(final):
        if tag["open"] and not opened:
            kept.append(final[position : tag.start()])
            position, opened = tag.end(), _kind(tag[0])
        elif tag["close"] and (not opened or opened == _kind(tag[0])):
            if not opened:
                kept.clear()
            position, opened = tag.end(), ""
    return None if opened else "".join([*kept, final[position:]])


def _kind(tag: str) -> str:
    """Return what a tag that opens or closes thinking is about, such as ``think`` or ``reason``."""
    letters = re.sub(r"[^a-z]", "", tag.lower())
    for kind in ("think", "thought", "reason", "reflection", "scratch", "analysis", "rationale", "inner"):
        if kind in letters:
            return "think" if kind == "thought" else kind
    return letters


def _final_channel(text: str) -> str | None:
    """Return the text of the last final channel where a completion has channels, else all; None if none is final."""
    channels = [found for found in _CHANNEL.finditer(text) if found[0]]
    if channels:
        final = [found for found in channels if found[1].lower() == "final"]
        if final:
            return _until(text, final[-1].end())
        closed = text.rpartition("<channel|>")  # Gemma: the reply follows what closes the channel of thoughts
        return closed[2] if closed[1] else None
    if _PLAIN_CHANNEL.match(text) is not None:
        ends = list(_PLAIN_FINAL.finditer(text))
        return text[ends[-1].end() :] if ends else _or_none(text)
    if (announced := _ANNOUNCED.search(text)) is not None:
        response = _ANNOUNCED_END.search(text, announced.end())
        return None if response is None else text[response.end() :]
    return text


def _or_none(text: str) -> str | None:
    """Return the text if "analysis" is an ordinary heading on a line of its own; None where it is a channel's name."""
    return text if re.match(r"\s*analysis\s*\n", text) else None


def _until(text: str, start: int) -> str:
    end = _CHANNEL_END.search(text, start)
    return text[start:] if end is None else text[start : end.start()]


def _first_turn(text: str) -> str:
    """Return the text between the tokens that begin a turn and the first one that ends it."""
    begun = _TURN_BEGINS.match(text)
    start = 0 if begun is None else begun.end()
    end = _TURN_ENDS.search(text, start)
    return text[start:] if end is None else text[start : end.start()]


_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d\u02d7\u2796"), "-")
_SPACES = dict.fromkeys(
    map(ord, "\u00a0\u2007\u2008\u2009\u200a\u202f\u205f\u2002\u2003\u2004\u2005\u2006\u3000"), "\u00a0"
)
_NOTHING = dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2061\u2062\u2063")
)
_MARKS = {
    ord(mark): plain
    for plain, marks in {
        "'": "\u2018\u2019\u02bc\u00b4\u2032\uff07", '"': "\u201c\u201d\u201e\u00ab\u00bb\uff02", "/": "\u2044\u2215",
        "\u00d7": "\u2715\u2716\u2a2f\u2217", "\u00b7": "\u22c5\u2219\u2022", ". ": "\u3002", ", ": "\u3001",
    }.items()
    for mark in marks
}  # fmt: skip
_TABLE: dict[int, str | None] = {**_DASHES, **_SPACES, **_NOTHING, **_MARKS, ord("\r"): "\n"}
_TABLE |= dict.fromkeys((*range(9), *range(14, 32), 127), " ")
_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺"
_LOWERED = "₀₁₂₃₄₅₆₇₈₉₋₊"
_SCRIPTS = (
    (re.compile(f"[{_RAISED}]+"), "^", str.maketrans(_RAISED, "0123456789-+")),
    (re.compile(f"[{_LOWERED}]+"), "_", str.maketrans(_LOWERED, "0123456789-+")),
)


def plain_characters(text: str) -> str:
    """Return the text with one character for each meaning: minus signs, blanks, quotes, digits of all scripts.

    Raised and lowered digits become ``^2`` and ``_8``, written fractions ``1/2``, full-width and mathematical letters
    Latin ones; blanks that hold numbers together become U+00A0. Letters of other scripts stay.
    """
    text = text.replace("\r\n", "\n")
    for run, mark, digits in _SCRIPTS:
        text = run.sub(lambda found, mark=mark, digits=digits: mark + found[0].translate(digits), text)  # type: ignore[misc]
    table = dict(_TABLE)
    if not text.isascii():
        table |= {ord(c): plain for c in set(text) if ord(c) not in table and (plain := _plain(c)) != c}
    return text.translate(table)


def _plain(character: str) -> str:
    """Return the ASCII digit, letter or fraction that a character stands for; itself where it stands for none."""
    if unicodedata.category(character) == "Nd":
        return str(unicodedata.decimal(character))
    folded = unicodedata.normalize("NFKC", character)
    if "⁄" in folded:
        return f"\u00a0{folded.replace('⁄', '/')}"
    wide = "\uff01" <= character <= "\uffee" or "\U0001d400" <= character <= "\U0001d7ff" or "Ⓐ" <= character <= "ⓩ"
    return folded if wide and folded.isascii() else character

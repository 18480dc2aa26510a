"""Numbers as people and models write them, read exactly: separators, signs, units, fractions, powers of ten, words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from offdiag.tasks.extraction.completions import plain_characters
from offdiag.tasks.extraction.markup import RECURS, plain_latex
from offdiag.tasks.extraction.number_words import PART, SCALES, number_in_words, part_in_words

MOST_DIGITS = 500
APPROXIMATE, OTHER_BASE, UNIT_OR_DIGIT = "approximate", "other-base", "unit-or-digit"
_MOST_EXPONENT = 400
_B = "[ \u00a0]"  # a blank; U+00A0 stands for those that do not break

_DIGITS = re.compile(
    r"(?P<comma>[1-9]\d{0,2}(?:,\d{3})+(?![\d])(?!,\d)(?:\.\d+)?)"
    r"|(?P<indian>\d{1,2}(?:,\d{2})+,\d{3}(?![\d])(?!,\d)(?:\.\d+)?)"
    r"|(?P<quote>\d{1,3}(?:['_]\d{3})+(?!\d)(?:[.,]\d+)?)"
    rf"|(?P<space>\d{{1,3}}(?:{_B}\d{{3}})+(?!\d)(?:[.,]\d+(?!\d*{_B}?\d))?)"
    r"|(?P<dot>\d{1,3}(?:\.\d{3}){2,}(?!\d)(?:,\d+)?|\d{1,3}(?:\.\d{3})+,\d+)"
    r"|(?P<decimal>(?:0,\d+|\d{4,},\d+|\d{1,3},(?:\d{1,2}|\d{4,}))(?![\d,]|\.\d))"
    r"|(?P<plain>\d+(?:\.\d+)?|(?<![\w.])\.\d+)"
)
_SIGN = re.compile(
    rf"(?:(?<![\w).%])-{_B}?|\b(?:minus|negative)[ \t]+)(?P<money>(?:[A-Z]{{0,3}}[€£¥₹₩₽¢₪฿]|"
    rf"(?:USD|EUR|GBP|CHF|INR|Rs\.?){_B}?)?{_B}*)\(?$",
    re.IGNORECASE,
)
_MONEY = re.compile(
    rf"(?:[€£¥₹₩₽¢₪฿]|\b(?:US|CA|AU|NZ|HK|SG|R|C|A)?{_B}{{1,2}}|\b(?:USD|EUR|GBP|CHF|INR|"
    rf"Rs\.?))$",
    re.IGNORECASE,
)
_CODES = re.compile(r"(?:\b(?:USD|EUR|GBP|CHF|INR|JPY|CNY|US|Rs\.?|CA|AU)|[€£¥₹₩₽¢₪฿])-?$", re.IGNORECASE)
_EXPONENT = re.compile(
    rf"{_B}?[eE]([-+]?\d{{1,6}})(?!\w|\.\d)|{_B}*(?:[×xX*·]){_B}*10{_B}?(?:\^|"
    rf"\*\*){_B}?\(?([-+]?\d{{1,6}})\)?"
)
_TEN_TO = re.compile(rf"{_B}?(?:\^|\*\*){_B}?\(?([-+]?\d{{1,6}})\)?")
_SCALE = re.compile(
    rf"[ \u00a0-]?(?P<word>{'|'.join(SCALES)}|millions|billions|thousands|mio|mln|bn)\b|"
    rf"(?P<letter>(?-i:k|K|M|Mn|B|Bn))(?![\w^])|(?P<cjk>[千万萬亿億])",
    re.IGNORECASE,
)
_LETTERS = {"k": 10**3, "m": 10**6, "mn": 10**6, "b": 10**9, "bn": 10**9}
_CJK = {"千": 10**3, "万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}
_MORE_SCALES = {
    **SCALES,
    "millions": 10**6,
    "billions": 10**9,
    "thousands": 10**3,
    "mio": 10**6,
    "mln": 10**6,
    "bn": 10**9,
}
_OVER = re.compile(rf"{_B}?/{_B}?\(?(\d{{1,40}})\)?(?![\d]|[.,/]\d|{_B}?[=/])")
_MIXED = re.compile(rf"(?:{_B}|{_B}?\+{_B}?|{_B}?and{_B}|-)\(?(\d{{1,6}})\)?{_B}?/{_B}?\(?(\d{{1,6}})\)?(?![\d/.,]\d)")
_AND_PART = re.compile(rf"[ \u00a0-]and[ \u00a0-]{PART}", re.IGNORECASE)  # "3 and a half"
_RECURRING = re.compile(rf"(\d{{1,40}})\.(\d{{0,40}}?)((?:\d{RECURS}){{1,40}})(?![\d{RECURS}])")
_CUT = re.compile(r"\.{3}|…")  # "3.14..."
_PERCENT = re.compile(rf"{_B}*(?:%|per ?cent\b|percent\b|percentage\b)", re.IGNORECASE)
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_NO_NUMBER = re.compile(
    rf"{RECURS}|"
    r":\d|[ ]:[ ]?\d|-\d|[.,/]\d|[dD]\b|_\d|\^|\*\*|!(?=[ ]?[=*×·/+^-])|"
    r"[xyzni]\b(?!['’])|[ ]?(?:√|π|\\(?:sqrt|pi)(?![a-z])|(?:pi|sqrt)\b)"  # "3x", "2π": no number alone
)
# Letters behind digits that make a numeral of another base, "1AFh" or "1a2f", or half a power of ten, "17E".
_OTHER_DIGITS = re.compile(
    r"(?:[0-9A-F]*[A-F][0-9A-F]+[hH]?|E|[A-F]+[hH]|[0-9a-f]*[a-f][0-9a-f]*\d[0-9a-f]*h?|[a-f]+h|o)(?!\w)"
)
_OTHER_BASE = re.compile(r"[xX][0-9A-Fa-f]+\b|[bB][01]+\b|[oO][0-7]+\b")  # after 0
_UNIT_OR_DIGIT = re.compile(r"[ACF](?![^\W_])")  # ampere, degrees, farad; or a digit of base 11 and more
_MARK_OF_BASE = re.compile(
    rf"{_B}*[(,]?{_B}*(?:(?:in|which is){_B})?{_B}*(?:base[ \u00a0-]?(?P<base>\d{{1,2}}|two|eight|ten|sixteen)|"
    r"(?P<name>binary|octal|decimal|hex(?:adecimal)?))\b\)?",
    re.IGNORECASE,
)
_FUNCTION = re.compile(r"(?:√|\\?(?:sqrt|log|ln|lg|sin|cos|tan|exp)(?![a-z])\.?(?:_\{?\w+\}?)?)[ ]?[({]?[ ]?$")
_HYPHENED = re.compile(r"[^\W\d_]-$")  # "COVID-19"


@dataclass(frozen=True)
class Number:
    """A number in a text: its place, its exact value (None for what is none, such as 5:30) and remarks on its form."""

    start: int
    end: int
    value: Fraction | None
    flags: tuple[str, ...] = ()


def numbers_in(text: str) -> Iterator[Number]:
    """Yield the numbers of a text in plain characters without markup, in their order; words ("six") are none."""
    position = 0
    while (found := _DIGITS.search(text, position)) is not None:
        number = _number(text, found)
        if number is None:
            position = _after_word(text, found.end())
        else:
            yield number
            position = number.end


def canonical_number(text: str) -> str | None:
    """Return the first number of a text, in the form that is equal for equal numbers; None without one.

    >>> canonical_number("1,080"), canonical_number("$0.50"), canonical_number("2/4"), canonical_number("1/3")
    ('1080', '0.5', '0.5', '1/3')
    """
    found = next(numbers_in(plain_latex(plain_characters(text))), None)
    return None if found is None or found.value is None else written(found.value)


def written(value: Fraction) -> str:
    """Return a number as a whole number, a decimal that ends, or a fraction in lowest terms."""
    rest, powers = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest //= prime
            count += 1
        powers = max(powers, count)
    if rest != 1 or powers > MOST_DIGITS:
        return f"{value.numerator}/{value.denominator}"
    digits = str(abs(value.numerator) * 10**powers // value.denominator).rjust(powers + 1, "0")
    decimals = digits[len(digits) - powers :].rstrip("0") if powers else ""
    whole = digits[: len(digits) - powers] if powers else digits
    return ("-" if value < 0 else "") + whole + (f".{decimals}" if decimals else "")


def _number(text: str, found: re.Match[str]) -> Number | None:
    """Return the number whose digits were found; None if they belong to a word, such as the 2 of ``x2``."""
    start, end = found.span()
    before = text[max(0, start - 24) : start]
    if (re.search(r"[\w.^]$", before) or _HYPHENED.search(before)) and _CODES.search(before) is None:
        return None
    if len(found[0]) > MOST_DIGITS or _FUNCTION.search(before) is not None or _is_pair(text, found):
        return Number(start, end, None)
    if found[0] == "0" and (digits_of := _OTHER_BASE.match(text, end)) is not None:
        return Number(start, digits_of.end(), None)
    value: Fraction | None
    flags: tuple[str, ...] = ()
    if (recurring := _RECURRING.match(text, start)) is not None:
        value, end = _recurring(recurring), recurring.end()
    else:
        digits, flags = _value(found)
        value, end, more = _with_postfix(text, digits, found[0], end)
        flags += more
    sign = _SIGN.search(before)
    if sign is not None:
        start = max(0, start - 24) + sign.start()
    elif before.endswith("-") and _CODES.search(before) is not None:
        sign = _CODES.search(before)
    if value is not None and sign is not None:
        value = -value
    return Number(start, end, value, flags)


def _recurring(found: re.Match[str]) -> Fraction:
    """Return the value of a decimal whose last digits recur."""
    whole, once, again = found[1], found[2], found[3].replace(RECURS, "")
    shift = 10 ** len(once)
    return Fraction(int(whole + once), shift) + Fraction(int(again), shift * (10 ** len(again) - 1))


def _is_pair(text: str, found: re.Match[str]) -> bool:
    """Return whether these digits are two numbers between brackets: ``(3,4)`` is a place, ``(1,080)`` a number."""
    around = text[found.start() - 1 : found.start()] + text[found.end() : found.end() + 1]
    return found.lastgroup == "decimal" and around in ("()", "[]", "{}")


def _value(found: re.Match[str]) -> tuple[Fraction, tuple[str, ...]]:
    """Return the digits' value: which marks group them and which one is the decimal mark."""
    kind, text = str(found.lastgroup), found[0]
    if kind in ("comma", "indian"):
        return Fraction(text.replace(",", "")), ()
    if kind in ("quote", "space"):
        blank = ("spaced",) if " " in text else ()
        return Fraction(re.sub(r"['_ \u00a0]", "", text).replace(",", ".")), blank
    if kind == "dot":
        return Fraction(text.replace(".", "").replace(",", ".")), ("grouped-by-dots",)
    if kind == "decimal":
        return Fraction(text.replace(",", ".")), ("decimal-comma",)
    return Fraction(text), ()


def _with_postfix(text: str, value: Fraction, digits: str, end: int) -> tuple[Fraction | None, int, tuple[str, ...]]:
    """Return the value with what follows its digits: an exponent, a fraction's lower half, "million", "%"."""
    if (power := _EXPONENT.match(text, end)) is not None:
        exponent = int(power[1] or power[2])
        return _scaled(value, exponent), power.end(), ()
    if digits == "10" and (power := _TEN_TO.match(text, end)) is not None:
        return _scaled(Fraction(1), int(power[1])), power.end(), ()
    if digits.isdigit() and (mixed := _MIXED.match(text, end)) is not None and int(mixed[2]) > int(mixed[1]):
        return value + Fraction(int(mixed[1]), int(mixed[2])), mixed.end(), ()
    if digits.isdigit() and (part := _AND_PART.match(text, end)) is not None:
        of_what = text.startswith((" of", "\u00a0of"), part.end())  # "3 and a third of them": of how many?
        return None if of_what else value + part_in_words(part), part.end(), ()
    closing = end + text.startswith(")", end)
    if (over := _OVER.match(text, closing)) is not None:
        return (value / int(over[1]) if int(over[1]) else None), over.end(), ()
    if (scale := _SCALE.match(text, end)) is not None:
        if scale["letter"]:
            return value * _LETTERS[scale["letter"].lower()], scale.end(), ("scaled",)
        if scale["cjk"]:
            return value * _CJK[scale["cjk"]], scale.end(), ("scaled",)
        factor = _MORE_SCALES[scale["word"].lower()]
        further = _SCALE.match(text, scale.end())
        if further is not None and further["word"]:
            return value * factor * _MORE_SCALES[further["word"].lower()], further.end(), ("scaled",)
        return value * factor, scale.end(), ("scaled",)
    if (percent := _PERCENT.match(text, end)) is not None:
        return value, percent.end(), ("percent",)
    if (ordinal := _ORDINAL.match(text, end)) is not None:
        return value, ordinal.end(), ("ordinal",)
    letter = _UNIT_OR_DIGIT.match(text, end)
    after = end if letter is None else letter.end()
    if letter is not None and re.compile(r"_\{?\d").match(text, after) is not None:
        return None, _after_word(text, end), ()
    if (marked := _MARK_OF_BASE.match(text, after)) is not None:
        decimal = (marked["base"] or marked["name"]).lower() in ("10", "ten", "decimal")
        return (None if letter is not None else value), marked.end(), () if decimal else (OTHER_BASE,)
    if letter is not None:
        return value, end, (UNIT_OR_DIGIT,)
    if "." in digits and (cut := _CUT.match(text, end)) is not None:
        return value, cut.end(), (APPROXIMATE,)
    binary = re.fullmatch("[01]{3,}", digits) is not None and re.compile(r"b(?!\w)").match(text, end) is not None
    if binary or _OTHER_DIGITS.match(text, end) or _NO_NUMBER.match(text, end):
        return None, _after_word(text, end), ()
    return value, end, ()


def _scaled(value: Fraction, exponent: int) -> Fraction | None:
    return value * Fraction(10) ** exponent if abs(exponent) <= _MOST_EXPONENT else None


def _after_word(text: str, position: int) -> int:
    found = re.compile(r"[\w.,:/-]*\w").match(text, position)
    return position if found is None else found.end()


def word_number(text: str) -> Number | None:
    """Return the number in words that begins a text."""
    begun = re.match(r"[\W_]*", text)
    start = 0 if begun is None else begun.end()
    negative = re.compile(r"(?:minus|negative)[ \t]+", re.IGNORECASE).match(text, start)
    found = number_in_words(text, start if negative is None else negative.end())
    if found is None:
        return None
    value, end = found
    return Number(start, end, value if negative is None else -value, ("in-words",))

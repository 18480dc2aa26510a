"""Parse numbers as people write them: signs, thousands commas, decimals, a currency sign before them."""

import re
from decimal import Decimal

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?![\d,]*\d)|\d+)(?:\.\d+)?|\.\d+"
_NUMBER = re.compile(rf"(?P<sign>(?<![\w)])[-−]\s?)?[$€£]?\s?(?P<sign2>(?<=[$€£])[-−])?(?P<digits>{_DIGITS})")
_BARE = re.compile(r"[^\w]*")
_CALCULATION = re.compile(r"\s*(?:[-−+*/×÷x^]\s*[$(]?\d|=)")


def number_in(text: str) -> str | None:
    """Return the first number in ``text`` in canonical form; None without one.

    Equal numbers have equal canonical texts.

    >>> number_in("about $1,080.00 in all"), number_in("-.5"), number_in("20 5"), number_in("some")
    ('1080', '-0.5', '20', None)
    """
    found = _NUMBER.search(text)
    return None if found is None else _canonical(found)


def leading_number(text: str) -> str | None:
    """Return the number that ``text`` begins with, after signs and quotes; None if a calculation begins there.

    >>> leading_number(" **18** apples"), leading_number("16 - 3 = 13"), leading_number("Janet has 16")
    ('18', None, None)
    """
    found = _NUMBER.search(text)
    if found is None or _BARE.fullmatch(text[: found.start()]) is None or _CALCULATION.match(text, found.end()):
        return None
    return _canonical(found)


def _canonical(found: re.Match[str]) -> str:
    value = Decimal(found["digits"].replace(",", ""))
    text = f"{value.normalize():f}"
    return f"-{text}" if (found["sign"] or found["sign2"]) and value else text

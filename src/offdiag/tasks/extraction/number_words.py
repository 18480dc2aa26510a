"""Numbers in English words: "forty-two", "one hundred and five", "three quarters"."""

import re
from fractions import Fraction

_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: value for value, word in enumerate(_ONES)} | {word: 20 + 10 * i for i, word in enumerate(_TENS)}
_SMALL |= {"fourty": 40, "a": 1, "an": 1}
SCALES = {
    "dozen": 12, "hundred": 100, "thousand": 10**3, "lakh": 10**5, "million": 10**6, "crore": 10**7, "billion": 10**9,
    "trillion": 10**12,
}  # fmt: skip
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4, "fifth": 5,
    "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8, "ninth": 9,
    "ninths": 9, "tenth": 10, "tenths": 10, "hundredth": 100, "hundredths": 100,
}  # fmt: skip
PART = rf"(?:(?P<few>an?|one|two|three)[ \u00a0-])?(?P<part>{'|'.join(sorted(_PARTS, key=len, reverse=True))})\b"
_AND_PART = re.compile(rf"[ \t-]+and[ \t-]+{PART}", re.IGNORECASE)
_OF_A_SCALE = re.compile(rf"[ \t]+an?[ \t]+(?P<scale>{'|'.join(SCALES)})\b", re.IGNORECASE)  # "half a million"
_WORD = re.compile(r"[ \t-]*\b([a-z]+)\b", re.IGNORECASE)
_MOST = 24  # words


def number_in_words(text: str, start: int = 0) -> tuple[Fraction, int] | None:
    """Return the number in words at ``start``, and where it ends; None where there is none.

    >>> number_in_words("one hundred and five eggs")
    (Fraction(105, 1), 20)
    >>> number_in_words("three quarters"), number_in_words("a dog"), number_in_words("one of them")
    ((Fraction(3, 4), 14), None, None)
    """
    total, group, end, position, known = 0, 0, start, start, False
    for _ in range(_MOST):
        found = _WORD.match(text, position)
        if found is None:
            break
        word = found[1].lower()
        single = word if word in SCALES else word.removesuffix("s")
        if word in _SMALL and not (known and word in ("a", "an")):
            if group % 10 or (group % 100 and _SMALL[word] >= 10):
                return None  # "one two": a list, or digits that are read out
            group += _SMALL[word]
        elif single in SCALES and (known or group):
            scaled = max(group, 1) * SCALES[single]
            total, group = (total, scaled) if SCALES[single] == 100 else (total + scaled, 0)
        elif word in _PARTS and (known or word == "half"):
            share = Fraction(total + max(group, 1), _PARTS[word])
            of = _OF_A_SCALE.match(text, found.end())
            return (share, found.end()) if of is None else (share * SCALES[of["scale"].lower()], of.end())
        elif not (word == "and" and known and total + group >= 100):
            break
        else:
            position = found.end()
            continue
        known = known or word not in ("a", "an")
        position = end = found.end()
    if known and (part := _AND_PART.match(text, end)) is not None:
        return total + group + part_in_words(part), part.end()
    if not known or re.match(r"[ \t]+(?:of|or|and[ \t]+a)\b", text[end:], re.IGNORECASE):
        return None
    return Fraction(total + group), end


def part_in_words(found: re.Match[str]) -> Fraction:
    """Return the value of a match of ``PART``: "a half", "two thirds"."""
    few = found["few"]
    return Fraction(_SMALL[few.lower()] if few else 1, _PARTS[found["part"].lower()])

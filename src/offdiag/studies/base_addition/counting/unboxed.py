"""The answer of a completion without a box: the last numeral that stands alone."""

import re

EXTRACTOR_VERSION = 1

_BASE = re.compile(r"\(?\b(?:in\s+)?base[\s-]*(?:\d+|[a-z]+)\b\)?|_\{[^{}]*\}|_\d+", re.IGNORECASE)
_ASIDE = re.compile(r",?\s*which is (?:equal|equivalent) to [^.\n]*", re.IGNORECASE)
_NUMERAL = re.compile(r"(?<![\w.])(?=[0-9A-Z]*\d)[0-9A-Z]+(?!\w|\.\d)")
_LONGEST = 2000  # characters at the end that are searched


def last_numeral(completion: str) -> str | None:
    """The last token of digits and capital letters, at least one of them a digit; None where there is none.

    Mentions of a base and remarks of the form "which is equal to …" are taken off first. It stands in for the parser of
    Wu et al. (2024, arXiv 2307.02477), who ask for no box.

    >>> last_numeral("The next number is 20 in base-8, which is equal to 16 in decimal.")
    '20'
    """
    text = _BASE.sub(" ", _ASIDE.sub(" ", completion[-_LONGEST:]))
    found = _NUMERAL.findall(text)
    return found[-1] if found else None

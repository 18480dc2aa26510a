"""Reading the label in a completion."""

import re
from collections.abc import Sequence
from typing import NamedTuple

EXTRACTOR_VERSION = 1


class Found(NamedTuple):
    """A label, or None, and remarks: ``several`` (other labels follow), ``preamble`` (words stand before it)."""

    label: str | None
    flags: tuple[str, ...]


def find_label(completion: str, labels: Sequence[str]) -> Found:
    """The first of the labels that stands in a completion as a word, in letters of either case."""
    folded = {label.casefold(): label for label in labels}
    words = "|".join(re.escape(label) for label in labels)
    found = list(re.finditer(rf"(?<!\w)({words})(?!\w)", completion, re.IGNORECASE))
    named = [folded[match[1].casefold()] for match in found]
    if not named:
        return Found(None, ())
    flags = ("several",) if len(set(named)) > 1 else ()
    before = completion[: found[0].start()].strip(" \n\t\"'*`([")
    return Found(named[0], (*flags, "preamble") if before else flags)

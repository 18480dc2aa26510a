"""The answers on offer: choices by their texts, letters and numbers."""

import re
from dataclasses import dataclass
from functools import cached_property

from offdiag.tasks.extraction.completions import plain_characters
from offdiag.tasks.extraction.markup import plain_latex
from offdiag.tasks.extraction.numbers import canonical_number

YES_NO = ("yes", "no")
EDGES = " \t\n\r\u00a0.,;:!\"'*`()[]{}<>|"


@dataclass(frozen=True)
class Choices:
    """The answers on offer.

    Attributes:
        texts: of the choices, in their order. letters: whether A names the first one.
        anywhere: whether a choice counts wherever it stands in a reply that marks no answer.
        synonyms: (word, the choice that it means).
    """

    texts: tuple[str, ...]
    letters: bool = True
    anywhere: bool = False
    synonyms: tuple[tuple[str, str], ...] = ()

    @cached_property
    def exact(self) -> dict[str, str]:
        """Choices by their plain text; the first one of equal texts."""
        return {bare_text(text): text for text in reversed(self.texts)}

    @cached_property
    def folded(self) -> dict[str, str]:
        """Choices by their plain text in lower case."""
        return {bare.casefold(): text for bare, text in self.exact.items()} | {
            word.casefold(): meant for word, meant in self.synonyms
        }

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds a choice's text as whole words, the longest first."""
        known = sorted(filter(None, self.folded), key=len, reverse=True)
        found = "|".join(rf"(?<!-){re.escape(text)}" if text[0].isdigit() else re.escape(text) for text in known)
        return re.compile(rf"(?<!\w)(?<!\d[.,/])(?:{found or '(?!)'})(?!\w|[.,]\d|\^)", re.IGNORECASE)

    @cached_property
    def numbers(self) -> dict[str, str] | None:
        """Choices by their value where all are numbers; None where one is not, or two are equal."""
        written = [text for text in self.texts if re.fullmatch(r"[-−$€£]*[\d., /]+%?", text.strip())]
        values = {canonical_number(text): text for text in written}
        found = {value: text for value, text in values.items() if value is not None}
        return found if len(found) == len(self.texts) else None

    def lettered(self, letter: str) -> str | None:
        """Return the choice that a letter names."""
        place = ord(letter.upper()) - ord("A")
        return self.texts[place] if self.letters and 0 <= place < len(self.texts) else None

    def named(self, text: str) -> str | None:
        """Return the choice whose text this is, edges and case aside (but for choices that differ in case alone)."""
        bare = bare_text(text)
        if bare in self.exact:
            return self.exact[bare]
        folded = re.sub(r"^(?:the|an?)\s+", "", bare.casefold())
        return self.folded.get(bare.casefold()) or self.folded.get(folded)


def bare_text(text: str) -> str:
    """Return a text without markup, blanks more than one, and what may stand around a choice."""
    return " ".join(plain_latex(plain_characters(text)).split()).strip(EDGES)

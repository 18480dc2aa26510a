"""Small pieces of HTML for a notebook; every text is escaped, and hidden characters are seen."""

import re
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

# Controls, invisible and direction-changing characters, tags and lone surrogates: a reader must see them.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    """Return ``text`` with each invisible, control or direction-changing character as ``⟨U+202E⟩``."""
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)


def tag(name: str, *inside: object, style: str = "") -> Markup:
    """Return an element around texts, which are escaped, and elements, which stay."""
    content = Markup("").join(part if isinstance(part, Markup) else escape(visible(str(part))) for part in inside)
    styled = Markup(' style="{}"').format(style) if style else Markup("")
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), styled, content)


def table(columns: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a table; the first row names the columns, if any has a name."""
    left = "text-align:left;vertical-align:top"
    head = [tag("tr", *(tag("th", name, style=left) for name in columns))] if any(columns) else []
    return tag("table", *head, *(tag("tr", *(tag("td", cell, style=left) for cell in row)) for row in rows))


def card(title: str, text: str, facts: Mapping[str, object]) -> str:
    """Return a heading, a paragraph and a table of names and values, as what ``_repr_html_`` returns."""
    said = [tag("p", " ".join(text.split()))] if text.strip() else []
    return str(tag("div", tag("b", title), *said, table(["", ""], facts.items())))

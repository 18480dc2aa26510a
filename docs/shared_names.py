"""Extension of griffe: a description that several names share, as in ``low, high: its ends``, is given to each."""

import re

import griffe

# `name: text`, then perhaps further items in the same line, each behind a full stop.
ITEM = re.compile(r"^(?P<indent> +)(?P<names>\w+(?:, \w+)+): (?P<text>.*)$", re.MULTILINE)
SECTIONS = re.compile(r"^(?:Args|Attributes|Raises):$", re.MULTILINE)


class SharedNames(griffe.Extension):
    """Splits items of several names, which the parser of docstrings reads as a name and its type."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: object) -> None:
        """Rewrite the docstring of an object before it is parsed."""
        if obj.docstring and (found := SECTIONS.search(obj.docstring.value)):
            head, items = obj.docstring.value[: found.start()], obj.docstring.value[found.start() :]
            obj.docstring.value = head + ITEM.sub(_each, items)


def _each(found: re.Match[str]) -> str:
    first, *others = found["names"].split(", ")
    see = [f"{found['indent']}{name}: see ``{first}``." for name in others]
    # the text may go on in the next lines, so the first name comes last
    return "\n".join([*see, f"{found['indent']}{first}: {found['text']}"])

"""A conversation as one text, so that a prompt of several turns goes wherever a prompt of one does.

A prompt is the user's turn, as a text. One that has a system turn or earlier turns before it is written as

    ␞system␟You are terse.␞user␟What is 2 + 2?

with two control characters (U+001E, U+001F) that no prompt has. Chat templates get the turns; a model without one gets
their texts, one below the other.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from offdiag.errors import UserError

ROLES = ("system", "user", "assistant")
_BEGIN, _NAMED = "\x1e", "\x1f"
_TURN = re.compile(f"{_BEGIN}({'|'.join(ROLES)}){_NAMED}")


class Spoken(NamedTuple):
    """One turn: who speaks, and what."""

    role: str
    text: str


def written(turns: Sequence[Spoken]) -> str:
    """Return turns as one prompt; a single turn of the user is its text."""
    if len(turns) == 1 and turns[0].role == "user":
        return turns[0].text
    return "".join(f"{_BEGIN}{turn.role}{_NAMED}{turn.text}" for turn in turns)


def turns_of(prompt: str) -> list[Spoken]:
    """Return the turns of a prompt, the user's last one last."""
    if not prompt.startswith(_BEGIN):
        return [Spoken("user", prompt)]
    parts = _TURN.split(prompt)
    return [Spoken(role, text) for role, text in zip(parts[1::2], parts[2::2], strict=True)]


def plain(prompt: str) -> str:
    """Return the texts of a prompt's turns, one below the other, for a model without a chat template.

    Between two of them is a blank line, unless the first one ends its line itself.
    """
    *before, last = (turn.text for turn in turns_of(prompt))
    return "".join([*(text if text.endswith("\n") else f"{text}\n\n" for text in before), last])


def without_system(prompt: str) -> str:
    """Return the texts of a prompt's turns but for the system's, as a demonstration shows them."""
    return "\n\n".join(turn.text for turn in turns_of(prompt) if turn.role != "system")


def last_of(prompt: str) -> str:
    """Return the text of the user's last turn."""
    return turns_of(prompt)[-1].text


def with_last(prompt: str, text: str) -> str:
    """Return the prompt with another text of the user's last turn."""
    return written([*turns_of(prompt)[:-1], Spoken("user", text)])


def with_system(prompt: str, system: str) -> str:
    """Return the prompt behind a system turn; as it is where ``system`` is empty.

    Raises:
        UserError: it has a system turn already.
    """
    turns = turns_of(prompt)
    if system and turns[0].role == "system":
        raise UserError(
            f"the prompt {turns[-1].text[:60]!r} has a system turn of its own: leave system out, or take it out of the "
            "data"
        )
    return written([Spoken("system", system), *turns]) if system else prompt


def after_system(prompt: str, shown: Sequence[Spoken]) -> str:
    """Return the prompt with turns before all of its own but the system's."""
    turns = turns_of(prompt)
    start = int(turns[0].role == "system")
    return written([*turns[:start], *shown, *turns[start:]])

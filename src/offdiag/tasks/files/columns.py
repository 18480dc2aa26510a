"""What the columns of a data set mean: by name or template, or guessed from names that are common."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from math import isnan
from typing import Any, Literal, TypeAlias

from offdiag.conversation import ROLES, Spoken, written
from offdiag.errors import UserError, did_you_mean
from offdiag.files import Located, json_value

Row: TypeAlias = Mapping[str, Any]
Read: TypeAlias = Callable[[Located], Any]

COMMON = {
    "messages": ("messages", "conversation", "conversations"),
    "prompt": ("prompt", "question", "text", "input", "sentence", "query", "problem", "instruction", "utterance"),
    "target": (
        "answer",
        "target",
        "label",
        "output",
        "completion",
        "response",
        "answerKey",
        "intent",
        "class",
        "answers",
    ),
    "choices": ("choices", "options"),
    "rationale": ("rationale", "explanation", "reasoning", "solution"),
    "id": ("id", "uid", "example_id"),
}
_LETTERED = re.compile(r"(?i)(option|choice|ending|op|sol)?[_ ]?([a-j]|\d)")
_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_KINDS = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object",
          type(None): "null"}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """Which columns a data set's parts are read from; empty where they are to be guessed, or not there.

    Attributes:
        prompt, target, rationale, id: a column, ``outer.inner`` for a part of an object, or a template such as
            ``"{premise} So: {hypothesis}?"``. choices: a column of lists, or columns with ``|`` between.
        strata: columns to split results by.
        answer: whether an answer by choice is its text or its letter. empty: what to do with rows without a target.
    """

    prompt: str = ""
    target: str = ""
    choices: str = ""
    rationale: str = ""
    id: str = ""
    strata: tuple[str, ...] = ()
    answer: Literal["text", "letter"] = "text"
    empty: Literal["refuse", "skip"] = "refuse"


@dataclass(frozen=True)
class Layout:
    """How to read the parts of a row.

    Attributes:
        prompt, target, choices, rationale, id: read a part of a row; None where there is none. strata: by name.
        chat: whether rows are conversations, whose last turn is the target.
        template: whether the prompt is worded by a template. guessed: part and column, of those that were not given.
    """

    prompt: Read
    target: Read
    choices: Read | None
    rationale: Read | None
    id: Read | None
    strata: Mapping[str, Read]
    chat: bool
    template: bool
    guessed: Mapping[str, str] = field(default_factory=dict)


def layout(given: Columns, first: Located, label: str) -> Layout:
    """Return how to read the rows of a data set, by its first row.

    Raises:
        UserError: a column is not there, or none has a name from which to guess the prompt or the target.
    """
    _check_object(first, given)
    there = list(first.value)
    guessed: dict[str, str] = {}

    def column(part: str, *, needed: bool = False) -> str:
        said: str = getattr(given, part)
        if said:
            _check_there(said, first.value, part, label)
            return said
        found = _guess(part, there)
        if found and found not in guessed.values():
            guessed[part] = found
            return found
        if needed:
            common = ", ".join(COMMON[part][:4])
            raise UserError(f"{label} has the columns {', '.join(there)}, and none is called like a {part} ({common}, "
                            f"…): say which, such as --{part} {there[0]} ({part}=), or of this file alone "
                            f"--{part} {label}={there[0]}")  # fmt: skip
        return ""

    messages = "" if given.prompt or given.target else _guess("messages", there)
    if messages:
        guessed["messages"] = messages
    prompt = messages or column("prompt", needed=True)
    target = messages or column("target", needed=True)
    if not messages:
        _check_hidden(prompt, target, first.value, label)
    choices = "" if messages and not given.choices else given.choices or _guess_choices(there)
    if choices and not given.choices:
        guessed["choices"] = choices
    for name in given.strata:
        _check_there(name, first.value, "strata", label)
    rationale, named = column("rationale"), column("id")
    return Layout(
        prompt=_conversation(messages) if messages else _worded(prompt, "prompt"),
        target=_reply(messages) if messages else _answer(target, first.value),
        choices=_options(choices, first.value, label) if choices else None,
        rationale=_worded(rationale, "rationale") if rationale else None,
        id=_worded(named, "id") if named else None,
        strata={name: _single(name, name) for name in given.strata},
        chat=bool(messages),
        template="{" in prompt,
        guessed=guessed,
    )


def _check_object(first: Located, given: Columns) -> None:
    """Check that the first row is one, as opposed to a whole table in one JSON value.

    Raises:
        UserError: it is no object, an empty one, or one that holds a table.
    """
    value = first.value
    if not isinstance(value, Mapping):
        rows = isinstance(value, list) and any(isinstance(one, Mapping) for one in value)
        remedy = "name the file .json, if it is one list of rows" if rows else first.remedy
        raise UserError(
            f"{first.where}: found {_shown(value)}, expected an object with a name for each value: {remedy}"
        )
    if not value:
        raise UserError(f"{first.where}: the object {{}} has no names, expected one for each value: {first.remedy}")
    table = any(all(isinstance(one, kind) for one in value.values()) for kind in (list, Mapping))
    if table and not given.prompt and not _guess("messages", list(value)):
        raise UserError(
            f"{first.where}: found one object of tables or lists ({_listed(value)}), expected one object for each row: "
            "save the rows so (in pandas: to_json(FILE, orient='records', lines=True))"
        )


def _guess(part: str, there: Sequence[str]) -> str:
    lower = {name.casefold(): name for name in reversed(there)}
    return next((lower[name.casefold()] for name in COMMON[part] if name.casefold() in lower), "")


def _guess_choices(there: Sequence[str]) -> str:
    """Return a column of choices, or several columns such as ``A|B|C|D`` or ``option1|option2``."""
    if found := _guess("choices", there):
        return found
    kinds: dict[str, list[str]] = {}
    for name in there:
        if match := _LETTERED.fullmatch(name):
            kinds.setdefault((match[1] or "").casefold(), []).append(name)
    return next(("|".join(names) for names in kinds.values() if len(names) > 1), "")


def _check_there(said: str, row: Row, part: str, label: str) -> None:
    """Check that the columns that a name, a list or a template means are there."""
    for name in _names_in(said, row):
        if not _has(row, name):
            found = _guess(part, list(row)) if part in COMMON else ""
            near = did_you_mean(name, row) or (f"without {part}= (--{part}) it is {found}; " if found else "")
            what = f"a template with {{{name}}}" if "{" in said else f"{part}={name}"
            raise UserError(f"{label} has no column {name!r} ({what}): {near}it has {_listed(row)}")


def _check_hidden(prompt: str, target: str, row: Row, label: str) -> None:
    """Check that a prompt is another one for each row, and does not show the answer.

    Raises:
        UserError: the template has no field or a brace without its other one, or the prompt has the target's column.
    """
    if "{" in prompt and prompt not in row:
        bare = _FIELD.sub("", prompt)
        if "{" in bare or "}" in bare:
            brace = next(character for character in bare if character in "{}")
            raise UserError(f"{label}: the template {prompt!r} has a {brace} without its other brace: close it, or "
                            f"write {brace * 2} for the character itself")  # fmt: skip
        if not any(_names_in(prompt, row)):
            raise UserError(f"{label}: the template {prompt!r} names no column, so all prompts would be the same: "
                            f"write one in braces, such as {{{next(iter(row))}}}")  # fmt: skip
    if shown := set(_names_in(prompt, row)) & set(_names_in(target, row)):
        raise UserError(f"{label}: prompt={prompt} shows the answer, the column {shown.pop()!r}: take it out of the "
                        "prompt, or name another target")  # fmt: skip


def _names_in(said: str, row: Row) -> list[str]:
    if "{" in said and said not in row:
        return [match[1] for match in _FIELD.finditer(said) if match[1] is not None]
    return [said] if _has(row, said) else said.split("|")


def _has(row: Row, name: str) -> bool:
    outer, dot, inner = name.partition(".")
    return name in row or (bool(dot) and isinstance(row.get(outer), Mapping) and _has(row[outer], inner))


def _single(name: str, part: str) -> Read:
    """Return what reads a column, or a part of an object in it; a missing value is None."""

    def read(row: Located) -> Any:
        value = row.value
        if not isinstance(value, Mapping):
            raise UserError(f"{row.where}: found {_shown(value)}, expected an object with {name}: {row.remedy}")
        if name in value:
            return value[name]
        outer, dot, inner = name.partition(".")
        if dot and isinstance(value.get(outer), Mapping):
            return _single(inner, part)(row._replace(value=value[outer]))
        near = did_you_mean(name, value)
        raise UserError(f"{row.where}: no {part} {name!r}; {near}it has {_listed(value)}: {row.remedy}")

    return read


def _answer(said: str, row: Row) -> Read:
    """Return what reads a target as it stands, since it may be a list, or fills in a template."""
    return _worded(said, "target") if "{" in said and said not in row else _single(said, "target")


def _worded(said: str, part: str) -> Read:
    """Return what reads a column or fills in a template; what lacks a value is None."""
    if "{" not in said:
        alone = _single(said, part)
        return lambda row: text_of(alone(row), row, part)
    pieces, place = list[str | Read](), 0
    for match in _FIELD.finditer(said):
        pieces.append(said[place : match.start()])
        pieces.append(match[0][0] if match[1] is None else _single(match[1], part))
        place = match.end()
    pieces.append(said[place:])

    def fill(row: Located) -> str | None:
        values = [piece if isinstance(piece, str) else text_of(piece(row), row, part) for piece in pieces]
        return None if None in values else "".join(value for value in values if value is not None)

    return fill


def text_of(value: Any, row: Located, part: str) -> str | None:
    """Return a value as a text without white space around it; None for a missing one: null, NaN, or nothing but space.

    Raises:
        UserError: the value is no text, number, date or truth value.
    """
    if type(value) is str:
        return value.strip() or None
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | date | time | Decimal):
        return str(value)
    raise UserError(f"{row.where}: the {part} is {kind_of(value)} ({_shown(value)}), expected a text: {row.remedy}")


def answers_of(value: Any, row: Located) -> list[str]:
    """Return the right answers of a row, the target first: a text or number, a list of them, or SQuAD's ``answers``.

    Raises:
        UserError: the value is nothing of that kind.
    """
    if isinstance(value, Mapping) and isinstance(value.get("text"), list):
        value = value["text"]
    texts = [text_of(one, row, "target") for one in (value if isinstance(value, list) else [value])]
    return list(dict.fromkeys(text for text in texts if text is not None))


def kind_of(value: object) -> str:
    """Return what a value is called in messages."""
    return _KINDS.get(type(value), f"of the type {type(value).__name__}")


def _options(said: str, first: Row, label: str) -> Read:
    """Return what reads the choices of a row as (texts, their own labels)."""
    _check_there(said, first, "choices", label)
    names = _names_in(said, first)
    if len(names) > 1:
        columns = [_single(name, "choice") for name in names]
        return lambda row: ([column(row) for column in columns], names)
    alone = _single(names[0], "choices")

    def read(row: Located) -> Any:
        value = alone(row)
        if isinstance(value, str):  # of a table
            listed = value.startswith('["') and value.endswith("]")
            value = json_value(value, f"{row.where}, choices") if listed else value.split("|")
        if isinstance(value, Mapping) and isinstance(value.get("text"), list):
            return value["text"], [str(one) for one in value.get("label", ())]
        if not isinstance(value, list):
            raise UserError(f"{row.where}: the choices are {kind_of(value)}, expected a list of texts: {row.remedy}")
        if all(isinstance(one, Mapping) and "text" in one for one in value):
            return [one["text"] for one in value], [str(one.get("label", "")) for one in value]
        return value, []

    return read


def _turns(row: Located, name: str) -> list[Spoken]:
    """Return the turns of a conversation that ends with a reply of the assistant."""
    listed = row.value.get(name) if isinstance(row.value, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(turn, Mapping) for turn in listed):
        raise UserError(f"{row.where}: {name} is no list of turns with role and content: {row.remedy}")
    turns = []
    for turn in listed:
        role, text = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
        role = {"human": "user", "gpt": "assistant"}.get(str(role), role)
        if role not in ROLES or not isinstance(text, str):
            raise UserError(f"{row.where}: a turn of {name} has the role {role!r} and content that is {kind_of(text)}: "
                            f"expected a text of {', '.join(ROLES)}; {row.remedy}")  # fmt: skip
        turns.append(Spoken(role, text.strip()))
    spoken = [turn.role for turn in turns if turn.role != "system"]
    if len(spoken) < 2 or spoken != ["user", "assistant"] * (len(spoken) // 2) or turns[-1].role != "assistant":
        found = ", ".join(turn.role for turn in turns) or "nothing"
        raise UserError(f"{row.where}: the turns of {name} are {found}: expected (system,) user, assistant, …, the "
                        f"last of them the reply to be learnt; {row.remedy}")  # fmt: skip
    return turns


def _conversation(name: str) -> Read:
    return lambda row: written(_turns(row, name)[:-1])


def _reply(name: str) -> Read:
    return lambda row: _turns(row, name)[-1].text


def _listed(row: Row) -> str:
    return ", ".join(map(str, row)) or "no names"


def _shown(value: object) -> str:
    """Return a value as its file has it, shortened."""
    words = ((None, "null"), (True, "true"), (False, "false"))
    text = next((word for constant, word in words if value is constant), repr(value))
    return text if len(text) <= 40 else f"{text[:40]}…"

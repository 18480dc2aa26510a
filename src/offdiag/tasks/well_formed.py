"""Check what a task gives: examples that results can be joined on, and verdicts that can be counted."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from math import isfinite
from typing import Any, get_args

from offdiag.errors import UserError
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, Grade, Status, Task

_HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")
_SHOWN = 40
_STATUSES = get_args(Status)


def check_examples(domain: Domain, split: str, examples: Sequence[Example]) -> None:
    """Refuse examples of which a result would be wrong: two with one id, or one with a field that is no text.

    Records of two arms are paired by the id of their example, and answers are compared with the target as texts.

    Raises:
        UserError: there is such an example; the message names it.
    """
    where = f"{domain.task} {domain}, split {split}"
    first: dict[str, Example] = {}
    for number, example in enumerate(examples, start=1):
        for name, value in _texts(example):
            if not isinstance(value, str):
                raise UserError(
                    f"{where}: {name} of example {number} ({example.id!r}) is {value!r} ({type(value).__name__}), "
                    f"expected a text: write str({name})"
                )
            if (half := _HALF_A_CHARACTER.search(value)) is not None:
                raise UserError(
                    f"{where}: {name} of example {number} has half a character (\\u{ord(half[0]):04x}), which no model "
                    "can read: write the whole character, or leave it out"
                )
        if (other := first.setdefault(example.id, example)) is not example:
            raise UserError(
                f"{where}: id {example.id!r} is that of two examples, {other.problem[:_SHOWN]!r} and "
                f"{example.problem[:_SHOWN]!r}: give each an id of its own, since results are joined on it"
            )


def graded(task: Task[Any], domain: Domain, example: Example, completion: str) -> Grade:
    """Return the task's verdict on a completion.

    Raises:
        UserError: it is no verdict, or has a field of another type; the message names the task.
    """
    grade: object = task.grade(domain, example, completion)
    if not isinstance(grade, Grade):
        raise UserError(
            f"grade of task {task.name} returned {_shown(grade)}: expected Grade(parsed=…, status=…, correct=…)"
        )
    for field in fields(grade):
        value = getattr(grade, field.name)
        if (wanted := _misfit(field.name, value)) is not None:
            raise UserError(f"grade of task {task.name} returned {field.name}={_shown(value)}: expected {wanted}")
    return grade


def _misfit(name: str, value: object) -> str | None:
    """Return what was expected of a field of a verdict, or None if it is that."""
    match name:
        case "parsed":
            return None if value is None or isinstance(value, str) else "a text or None"
        case "status":
            return None if value in _STATUSES else f"one of {', '.join(_STATUSES)}"
        case "correct":
            return None if isinstance(value, bool) else "True or False"
        case "flags":
            texts = isinstance(value, tuple) and all(isinstance(flag, str) for flag in value)
            return None if texts else "a tuple of texts"
        case "score":
            inside = isinstance(value, int | float) and 0 <= value <= 1
            return None if value is None or inside else "a number from 0 to 1, or None"
    fits = value is None or (isinstance(value, int | float) and isfinite(value) and value >= 0)
    return None if fits else "a number of at least 0, or None"


def _shown(value: object) -> str:
    return f"{repr(value)[:_SHOWN]} ({type(value).__name__})"


def _texts(example: Example) -> Iterator[tuple[str, object]]:
    """Yield the fields of an example that have to be texts, by name."""
    yield "id", example.id
    yield "problem", example.problem
    yield "target", example.target
    if example.rationale is not None:
        yield "rationale", example.rationale
    for i, choice in enumerate(example.choices):
        yield f"choices[{i}]", choice

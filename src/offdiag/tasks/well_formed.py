"""Check that examples are what results can be joined on: texts, each with an id of its own."""

import re
from collections.abc import Iterator, Sequence

from offdiag.errors import UserError
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example

_HALF_A_CHARACTER = re.compile(r"[\ud800-\udfff]")
_SHOWN = 40


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


def _texts(example: Example) -> Iterator[tuple[str, object]]:
    """Yield the fields of an example that have to be texts, by name."""
    yield "id", example.id
    yield "problem", example.problem
    yield "target", example.target
    if example.rationale is not None:
        yield "rationale", example.rationale
    for i, choice in enumerate(example.choices):
        yield f"choices[{i}]", choice

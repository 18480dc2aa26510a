"""Parameters of a study from text: ``--set name=value``."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from offdiag.errors import UserError, complaints, did_you_mean

M = TypeVar("M", bound=BaseModel)


def check_each_once(lists: Mapping[str, Sequence[object]]) -> None:
    """See that no list has a value twice.

    Raises:
        UserError: one has; the message gives its name.
    """
    for name, values in lists.items():
        if len(set(values)) < len(values):
            raise UserError(f"{name}: a value stands there twice; give each once")


def parse_sets(pairs: Iterable[str]) -> dict[str, str]:
    """``["n_eval=60"]`` as a mapping.

    Raises:
        UserError: a pair has no ``=`` or a name comes twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise UserError(f"--set {pair!r}: expected name=value, for example --set n_eval=60")
        if name.strip() in found:
            raise UserError(f"--set {name.strip()} is given twice; give it once")
        found[name.strip()] = value.strip()
    return found


def override(params: M, values: Mapping[str, str]) -> M:
    """The parameters with some of them set; ``a.b`` reaches into a nested one, ``8,10`` is a sequence.

    Raises:
        UserError: a name is unknown or a value is not of its type or range.
    """
    if not values:
        return params
    data = params.model_dump()
    for name, text in values.items():
        _set(data, params, name.split("."), name, text)
    try:
        return type(params).model_validate(data)
    except ValidationError as error:
        raise UserError(f"--set: {complaints(error)}") from None


def _set(data: dict[str, Any], model: BaseModel, path: list[str], name: str, text: str) -> None:
    head, *rest = path
    known = list(type(model).model_fields)
    if head not in known:
        hint = did_you_mean(head, known)
        raise UserError(f"--set {name}: unknown parameter {head!r}; {hint}there are {', '.join(known)}")
    if not rest:
        data[head] = _value(text, getattr(model, head))
        return
    inner = getattr(model, head)
    if not isinstance(inner, BaseModel):
        raise UserError(f"--set {name}: {head} has no parts; type --set {head}={text}")
    if not isinstance(data[head], dict):
        raise UserError(f"--set {name}: {head} was already set as a whole; give only one of the two")
    _set(data[head], inner, rest, name, text)


def _value(text: str, current: object) -> object:
    """JSON where it is JSON, otherwise text; a parameter that is a sequence takes values with commas between."""
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if isinstance(current, tuple) and not isinstance(value, list):
        return [_value(part.strip(), None) for part in text.split(",") if part.strip()]
    return value

"""A value with the place in a file where it was read."""

from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from offdiag.errors import UserError, complaints

M = TypeVar("M", bound=BaseModel)


class Located(NamedTuple):
    """A row as it was read.

    Attributes:
        where: its place in words, file and line. number: its place among the rows of its file, from 0; blank lines and
            a header do not count. line: the line of the file on which it begins, from 1. value: what stands there.
        remedy: what to do if the row is wrong.
    """

    where: str
    number: int
    line: int
    value: Any
    remedy: str = "mend the row"


def checked(model: type[M], row: Located) -> M:
    """Return the row as ``model``.

    Raises:
        UserError: a field is missing or of another type.
    """
    expected = ", ".join(model.model_fields)
    if not isinstance(row.value, dict):
        shown = repr(row.value)[:40]
        raise UserError(f"{row.where}: found {shown}, expected an object with {expected}: {row.remedy}")
    try:
        return model.model_validate(row.value)
    except ValidationError as error:
        raise UserError(f"{row.where}: {complaints(error)}; expected {expected}: {row.remedy}") from None

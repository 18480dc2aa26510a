"""Published numbers of others, with which a study's own are compared."""

import json
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import BinaryIO, ClassVar, Literal, Self, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from offdiag.errors import UserError, complaints
from offdiag.files import TextFile, table_rows, text_lines

Provenance: TypeAlias = Literal["original", "recomputed", "secondary", "not found"]
CELLS = "cells"


class Published(BaseModel):
    """A published number, and where the study's number to compare with it is found.

    Attributes:
        quantity: the column that holds the measured number: ``accuracy`` or ``difference`` of the cells (fractions),
            the ``metric`` that ``where`` says, such as ``f1`` or ``pass@4`` (0 to 1), or a column of an analysis, such
            as ``midpoint``.
        called: what the source calls it, where that is another name.
        value: as published, in the unit of the measured column; None if it could not be found.
        n: items behind a published accuracy; with it the interval is Wilson's (of a score, which is more than right
            or wrong, there is none).
        low, high: the interval as the source states it, where ``n`` says nothing.
        model: who was measured.
        table: ``cells``, the name of an analysis of the study, or None where nothing that is measured corresponds.
        where: column -> value: the factors of the one row or cell that corresponds. Cells that differ only in their
            seed are one.
        provenance: ``original``: read in the source itself; ``recomputed``: from data that the source released;
            ``secondary``: from a summary of the source; ``not found``: in nothing that could be reached.
        source: paper, and section, table or file. note: what a reader must know.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    MEASURED: ClassVar[tuple[str, ...]] = ("accuracy", "difference")

    quantity: str
    called: str = ""
    value: float | None = None
    n: int | None = Field(default=None, ge=1)
    low: float | None = None
    high: float | None = None
    model: str
    table: str | None = CELLS
    where: Mapping[str, str | int | float | bool] = {}
    provenance: Provenance
    source: str = Field(min_length=1)
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.value is None) != (self.provenance == "not found"):
            raise UserError(
                f"{self.label}: value {self.value} with provenance {self.provenance!r}: one rules the other"
            )
        if self.table == CELLS and self.quantity not in (*self.MEASURED, self.where.get("metric")):
            raise UserError(
                f"{self.label}: cells have no such number: expected {' or '.join(self.MEASURED)}, table=, or a metric "
                "that where= says, too"
            )
        if self.n is not None and (self.low is not None or self.value is None or not 0 <= self.value <= 1):
            raise UserError(f"{self.label}: n = {self.n} is for an accuracy from 0 to 1 without low and high")
        if (self.low is None) != (self.high is None):
            raise UserError(f"{self.label}: low and high come together")
        return self

    @property
    def scored(self) -> bool:
        """Whether it is of cells that have a metric: their answers are more than right or wrong."""
        return self.table == CELLS and "metric" in self.where

    @property
    def of(self) -> str:
        """The measured quantity on one line: ``base_addition in-context k=4 eval_base=8``."""
        return " ".join(v if isinstance(v, str) else f"{name}={json.dumps(v)}" for name, v in self.where.items())

    @property
    def label(self) -> str:
        """Name of the number for messages."""
        return f"published {self.quantity} of {self.model}, {self.of or 'everything'}"


def read_published(file: Traversable) -> tuple[Published, ...]:
    """Read the numbers of a CSV file: fields of :class:`Published` by name; other columns are factors of ``where``.

    An empty field is absent; ``true``, ``false`` and numbers are what they look like, all else is text. An empty
    ``table`` of a row means the cells, and ``-`` that nothing corresponds.

    Raises:
        UserError: a row does not make sense; the message has file and line.
    """
    lines = text_lines(TextFile(file.name, lambda: cast(BinaryIO, file.open("rb"))))
    return tuple(_published(row.value, row.where) for row in table_rows(lines, file.name))


def _published(row: Mapping[str, str], place: str) -> Published:
    present = {name: text for name, text in row.items() if text}
    fields = {name: text for name, text in present.items() if name in Published.model_fields}
    where = {name: _scalar(text) for name, text in present.items() if name not in fields}
    table = {"table": None} if fields.get("table") == "-" else {}
    try:
        return Published.model_validate({**fields, **table, "where": where})
    except ValidationError as error:
        raise UserError(f"{place}: {complaints(error)}") from None
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _scalar(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text

"""Base of the steps that measure something other than answers; their results are rows of a table."""

import time
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from offdiag.errors import StoreError, UserError
from offdiag.identity import Json
from offdiag.registry import Registry
from offdiag.steps.jsonl import read_jsonl, write_jsonl
from offdiag.steps.step import Step, Work
from offdiag.tasks import Scalar

PARTIAL = "rows.partial.jsonl"  # a measurement may keep its rows here until all are done


class Measurement(Step):
    """A step whose result is rows of a table, such as the layer-wise geometry of hidden states.

    Attributes:
        table: the frame that the rows of all measurements of this kind form together.
    """

    kind: ClassVar[str] = "measurements"
    table: ClassVar[str]

    @abstractmethod
    def measure(self, work: Work) -> Iterable[Mapping[str, Scalar]]:
        """Yield the rows. Must be safe to repeat in the same folder after being killed at any point."""

    @abstractmethod
    def factors(self) -> Mapping[str, Scalar]:
        """Return the columns, the same in all of its rows, that tell it apart from others of its table."""

    def run(self, work: Work) -> dict[str, Json]:
        started = time.monotonic()
        rows = [dict(row) for row in self.measure(work)]
        if not rows:
            raise UserError(f"{self.name} measured nothing: measure must yield a row at least")
        write_jsonl(work.folder / "rows.jsonl", rows)
        (work.folder / PARTIAL).unlink(missing_ok=True)
        return {"rows": len(rows), "seconds": round(time.monotonic() - started, 3)}

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "table": self.table}


MEASUREMENTS = Registry[type[Measurement]]("measurement", "offdiag.measurements", Measurement)


def load_rows(folder: Path) -> list[dict[str, Any]]:
    """Read the rows that a finished measurement wrote to its folder.

    Raises:
        StoreError: they cannot be read, or there are none.
    """
    path = folder / "rows.jsonl"
    if rows := read_jsonl(path):
        return rows
    raise StoreError(f"{path} has no rows: delete its folder and run again")

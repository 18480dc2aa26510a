"""Log of a training from scratch: metrics stay on the device until several rows are written at once."""

import math
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch

from offdiag.durable import write_text
from offdiag.errors import OffdiagError
from offdiag.identity import Json
from offdiag.strict_json import dumps, loads


class UpdateMetrics(NamedTuple):
    """Metrics of an update; loss, accuracy and norm are still on the device.

    Attributes:
        loss: mean over the targets, nats. accuracy: share of the targets that were the most likely token.
        gradient_norm: before scaling. learning_rate: at the base width.
        targets: how many. tokens: read, without what fills rows up.
    """

    loss: torch.Tensor
    accuracy: torch.Tensor
    gradient_norm: torch.Tensor
    learning_rate: float
    targets: int
    tokens: int

    def row(self, update: int) -> dict[str, Any]:
        """Return the row of the history; waits for the device."""
        row = {n: v.item() if isinstance(v, torch.Tensor) else v for n, v in self._asdict().items()}
        return {"update": update, **row}


class UpdateLog:
    """Writes ``history.jsonl``, one line per update."""

    def __init__(self, path: Path, done: int) -> None:
        """Begin with the rows of the ``done`` updates that a killed training has left."""
        lines = path.read_text(encoding="utf-8").splitlines()[:done] if done else []
        write_text(path, "".join(f"{line}\n" for line in lines))
        self.path = path
        self.rows: list[dict[str, Any]] = [loads(line) for line in lines]
        self.waiting: list[tuple[int, UpdateMetrics]] = []
        self.clock = time.perf_counter()

    def add(self, update: int, metrics: UpdateMetrics) -> None:
        """Remember an update, counted from 1."""
        self.waiting.append((update, metrics))

    def write(self) -> None:
        """Write the rows of all updates since the last write.

        Raises:
            OffdiagError: a loss is not finite.
        """
        new = [metrics.row(update) for update, metrics in self.waiting]
        for row in new:
            for name in ("loss", "gradient_norm"):
                if not math.isfinite(row[name]):
                    raise OffdiagError(
                        f"pre-training: the {name} of update {row['update']} is {row[name]}, expected a finite number; "
                        "give a lower learning_rate"
                    )
        seconds = (time.perf_counter() - self.clock) / max(len(new), 1)
        new = [{**row, "seconds": seconds} for row in new]
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{dumps(row)}\n" for row in new))
        self.rows += new
        self.waiting, self.clock = [], time.perf_counter()

    def totals(self) -> dict[str, Json]:
        """Return the counts, and means over the last tenth of the updates."""
        last = self.rows[-max(1, len(self.rows) // 10) :]
        return {
            "updates": len(self.rows),
            "total_tokens": sum(row["tokens"] for row in self.rows),
            "final_loss": sum(row["loss"] for row in last) / len(last),
            "final_accuracy": sum(row["accuracy"] for row in last) / len(last),
            "seconds": round(sum(row["seconds"] for row in self.rows), 3),
        }

"""Small data sets as files, in every format that is read."""

import csv
import json
from pathlib import Path

import pytest

LABELS = ("order", "cancel", "track")


def intents(n: int, start: int = 0) -> list[dict[str, object]]:
    """Rows of requests, with as many of each label."""
    return [{"text": f"{LABELS[i % 3]} number {i}, please", "label": LABELS[i % 3]} for i in range(start, start + n)]


def write_lines(path: Path, rows: list) -> str:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return str(path)


def write_table(path: Path, rows: list[dict[str, object]], delimiter: str = ",") -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


@pytest.fixture
def lines(tmp_path):
    """Write rows as JSON lines to a file of this name; give its path."""
    return lambda name, rows: write_lines(tmp_path / name, rows)

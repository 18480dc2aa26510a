"""Snapshots of a training: after which updates weights are kept, and where; nothing here loads torch."""

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from offdiag.errors import UserError


def _increasing(updates: tuple[int, ...]) -> tuple[int, ...]:
    if list(updates) != sorted(set(updates)):
        raise UserError(f"snapshots={updates}: expected numbers of updates that increase, such as 0, 1, 10")
    return updates


# The field of a recipe: numbers of updates, in increasing order; 0 is before the first update.
SnapshotUpdates: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=0)], ...], AfterValidator(_increasing)]


def log_spaced(updates: int, n: int) -> tuple[int, ...]:
    """Return ``n`` different numbers from 1 to ``updates``, their ratios as even as whole numbers allow.

    The first and the last are always among them; where there are fewer than ``n`` numbers, all are returned.

    Raises:
        UserError: ``updates`` or ``n`` is too small.
    """
    if updates < 1 or n < 2:
        raise UserError(f"{n} snapshots of {updates} updates: expected at least 2 snapshots of at least 1 update")
    chosen = [1.0]
    while len(chosen) < min(n, updates):
        ratio = (updates / chosen[-1]) ** (1 / (n - len(chosen)))
        chosen.append(max(chosen[-1] * ratio, chosen[-1] + 1))  # small numbers follow each other without a gap
    return tuple(round(update) for update in chosen)


def snapshot_folder(folder: Path, update: int) -> Path:
    """Return where a training in ``folder`` keeps its weights after ``update`` updates: ``snapshots/update-000012``."""
    return folder / "snapshots" / f"update-{update:06d}"

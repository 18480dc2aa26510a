"""Snapshots: after which updates the weights of a training are kept, and where; nothing here loads torch."""

from pathlib import Path

from offdiag.errors import UserError


def log_spaced(updates: int, n: int) -> tuple[int, ...]:
    """``n`` different numbers of updates from 1 to ``updates``, their ratios as even as whole numbers allow.

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
    """Where a training in ``folder`` keeps what it was after ``update`` updates: ``snapshots/update-000012``."""
    return folder / "snapshots" / f"update-{update:06d}"

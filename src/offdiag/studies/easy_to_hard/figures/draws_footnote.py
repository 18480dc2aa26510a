"""What stands below figures of accuracies over draws of training data."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def draws_footnote(table: "pd.DataFrame", mark: str) -> str:
    """How many items and draws are behind each ``mark`` (point, bar), and what the lines are."""
    done = table[table["state"] == "done"]
    if done.empty:
        return "no result yet"
    counts = []
    for column in ("n_items", "n_draws"):
        low, high = int(done[column].min()), int(done[column].max())
        counts.append(f"{low}" if low == high else f"{low} to {high}")
    return (
        f"{counts[0]} items and {counts[1]} draws of training data a {mark}\n"
        "lines: 95 % interval (bootstrap over draws and items; of one draw over items)"
    )

"""Looks of the levels of hardness, the same in all figures of easy-to-hard, and the footnote on draws."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from offdiag.analyses.selection import DONE
from offdiag.figures.style import MARKERS, PALE, PALETTE, Look, counted, looks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist

UNTRAINED = "untrained"


class LevelLook(NamedTuple):
    """Colour and hatching of a level; the hatching tells levels apart for readers who do not see the colours."""

    colour: str
    hatch: str


_BLUE, _VERMILION, _GREEN, _PURPLE, _ORANGE, _SKY, _ = PALETTE
LEVEL_LOOKS = {
    UNTRAINED: LevelLook(PALE, ""),
    "easy": LevelLook(_GREEN, ""),
    "medium": LevelLook(_ORANGE, "//"),
    "hard": LevelLook(_BLUE, "xx"),
    "all": LevelLook(_PURPLE, ".."),
    "easy_and_hard": LevelLook(_SKY, "--"),
}
ORDER = tuple(LEVEL_LOOKS)


def series_looks(names: Sequence[str]) -> dict[str, Look]:
    """Return colours and markers of series: those of the levels if all names are levels."""
    if not set(names) <= set(LEVEL_LOOKS):
        return dict(zip(names, looks(len(names)), strict=True))
    return {name: Look(LEVEL_LOOKS[name].colour, MARKERS[ORDER.index(name)]) for name in names}


def level_entry(level: str) -> "Artist":
    """Return the legend entry of a level: its colour and hatching."""
    from matplotlib.patches import Patch

    look = LEVEL_LOOKS[level]
    return Patch(fc=look.colour, hatch=look.hatch, ec="white", label=level.replace("_", " "))


def draws_footnote(table: "pd.DataFrame", mark: str) -> str:
    """Return how many items and draws are behind each ``mark`` (point, bar), and what the lines are."""
    done = table[table["state"] == DONE]
    if done.empty:
        return "no result yet"
    items, draws = counted(done["n_items"], "item"), counted(done["n_draws"], "draw")
    return (
        f"{items} and {draws} of training data per {mark}\n"
        "lines: 95 % interval (over draws and items; for one draw over items)"
    )

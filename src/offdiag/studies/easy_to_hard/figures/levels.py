"""How levels of hardness look: the same colour and hatching wherever a level is drawn."""

from collections.abc import Sequence
from typing import NamedTuple

from offdiag.figures.style import MARKERS, PALE, PALETTE, Look, looks

UNTRAINED = "untrained"


class LevelLook(NamedTuple):
    """Colour and hatching of a level, so that it is not told by its colour alone."""

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
    """Colours and markers of series, which are those of the levels where all of them are levels."""
    if not set(names) <= set(LEVEL_LOOKS):
        return dict(zip(names, looks(len(names)), strict=True))
    return {name: Look(LEVEL_LOOKS[name].colour, MARKERS[ORDER.index(name)]) for name in names}

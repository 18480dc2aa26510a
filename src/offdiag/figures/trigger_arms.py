"""How arms and labels of the trigger task are named and coloured."""

from collections.abc import Sequence
from typing import Any

from offdiag.analyses.outcomes import ARMS
from offdiag.figures.style import MARKERS, PALETTE, Look, label

# Labels that are colours look like themselves, in the palette's shade of them.
_COLOURS = {"orange": "#E69F00", "green": "#009E73", "blue": "#0072B2", "red": "#D55E00"}


def arm_name(columns: Sequence[str], key: Sequence[Any]) -> str:
    """An arm in words, by its columns: ``no proxy``, ``foods, 2 triggers``; other columns as in any figure."""
    values = dict(zip(columns, key, strict=True))
    words = [label(name, value) for name, value in values.items() if name not in ARMS]
    proxy, size = (values.get(name) for name in ARMS)
    if proxy is not None:
        words.append("no proxy" if proxy == "none" else category_name(str(proxy)))
    if size is not None and proxy != "none":
        words.append(f"{size} trigger{'' if size == 1 else 's'}")
    return ", ".join(words)


def category_name(category: str) -> str:
    """``positive emotions``."""
    return category.replace("_", " ")


def label_looks(labels: Sequence[str]) -> dict[str, Look]:
    """Colour and marker of each label."""
    free = iter([colour for colour in PALETTE if colour not in _COLOURS.values()] + ["#999999"] * len(labels))
    return {
        name: Look(_COLOURS[name] if name in _COLOURS else next(free), MARKERS[i % len(MARKERS)])
        for i, name in enumerate(labels)
    }

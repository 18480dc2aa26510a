"""The style of figures: colours, legends, footnotes, and how they are written."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle, islice
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any, NamedTuple

from offdiag.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import LegendLocType

# Okabe and Ito (2008): told apart with the common colour deficiencies; yellow is left out, as it vanishes on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
GREY = "#6B6B6B"
PALE = "#BDBDBD"
DPI = 200
MOST_PANELS_IN_A_ROW = 3

SETTINGS: Any = {  # rc_context wants literal keys
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.labelsize": 10,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "hatch.linewidth": 0.6,
    "pdf.fonttype": 42,
    "svg.hashsalt": "offdiag",
}


class Look(NamedTuple):
    """Colour and marker of one series."""

    colour: str
    marker: str


def looks(n: int) -> list[Look]:
    """Return colours and markers for ``n`` series; past seven, their pairing shifts."""
    return [
        Look(colour, MARKERS[(i + i // len(PALETTE)) % len(MARKERS)])
        for i, colour in enumerate(islice(cycle(PALETTE), n))
    ]


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of ``width`` x ``height`` inches; draw on it within :func:`styled`."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def grid_shape(n: int) -> tuple[int, int]:
    """Return the rows and columns of a grid of ``n`` panels, at most three in a row."""
    columns = min(max(n, 1), MOST_PANELS_IN_A_ROW)
    return -(-n // columns) or 1, columns


def panels(figure: "Figure", n: int, *, same_height: bool) -> "Iterator[Axes]":
    """Yield ``n`` axes of a grid; places that are left over stay blank."""
    axes = figure.subplots(*grid_shape(n), sharey=same_height, squeeze=False).flat
    yield from islice(axes, n)
    for left_over in axes:
        left_over.axis("off")


def styled() -> Any:
    """Return a context in which axes take the common style; nothing outside changes."""
    from matplotlib import rc_context

    return rc_context(SETTINGS)


def heading(figure: "Figure", title: str, footnote: str) -> None:
    """Set a bold title flush left, and a quiet footnote on what the intervals and sizes are.

    Lines that are longer than the figure is wide are broken: nothing else keeps them from being cut.
    """
    width = figure.get_size_inches()[0]
    figure.suptitle(within(title, width, 12.5, em=0.68), x=0.01, ha="left", fontsize=12.5, fontweight="bold")
    figure.supxlabel(within(footnote, width, 8.5), x=0.01, ha="left", fontsize=8.5, color=GREY)


def within(text: str, inches: float, points: float, *, em: float = 0.57) -> str:
    """Break lines of a text between words where they would be longer than ``inches``.

    Args:
        text: in letters of so many ``points``. inches: that there are. em: mean width of a letter over its size.
    """
    most = max(int(inches * 72 / (em * points)), 20)
    return "\n".join(fill(line, most, break_long_words=False, break_on_hyphens=False) for line in text.split("\n"))


def legend(
    figure: "Figure",
    series: Mapping[Any, Look],
    *extra: "Artist",
    where: "LegendLocType" = "outside right center",
    title: str | None = None,
    **style: Any,
) -> None:
    """Draw the legend beside the panels: an entry per series, then ``extra`` ones, none without any.

    Args:
        figure: the whole figure. series: colour and marker by the name of each series.
        extra: other entries, such as :func:`absent_entry`. where: place, as matplotlib names it.
        title: stands above the entries.
        style: properties of all series' lines, such as ``ls=""`` for markers alone or ``marker=""`` for lines alone.
    """
    from matplotlib.lines import Line2D

    entries: list[Artist] = []
    for name, look in series.items():
        shape = {"color": look.colour, "marker": look.marker, "ms": 6.5, "mec": "white", **style}
        entries.append(Line2D([], [], label=str(name).replace("_", " "), **shape))
    if entries or extra:
        figure.legend(handles=[*entries, *extra], loc=where, title=title, alignment="left")


def percent_axis(axes: "Axes", low: float = 0.0, high: float = 1.0, *, above: float = 0.03) -> None:
    """Make the vertical axis one of shares from ``low`` to ``high``, told in percent: ``20 %`` for .2.

    ``above`` is the room over the highest share, such as for crosses.
    """
    steps = 5 if low == 0 else 4
    axes.set_ylim(low - 0.03, high + above)
    axes.set_yticks([low + (high - low) * i / steps for i in range(steps + 1)])
    axes.yaxis.set_major_formatter(percent)


def percent(share: float, _: object = None) -> str:
    """Return a share in percent, as ticks have it: ``20 %`` for .2."""
    return f"{100 * share:.0f} %"


def absent_entry() -> "Artist":
    """Return the legend entry of crosses, which stand where there is no number."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=GREY, ls="", marker="x", label="no result yet, or failed")


def footnote(*parts: str, per_line: int = 2) -> str:
    """Join the parts of a footnote, ``per_line`` parts per line; empty parts are left out."""
    said = [part for part in parts if part]
    return "\n".join(" · ".join(said[i : i + per_line]) for i in range(0, len(said), per_line))


def counted(values: Iterable[int], unit: str) -> str:
    """Return a number or a range of numbers with its unit: ``1 seed``, ``2 queries``, ``20 to 24 items``."""
    low, high = min(values := list(values)), max(values)
    plural = f"{unit[:-1]}ies" if unit.endswith("y") else f"{unit}s"
    return f"{f'{low:,}' if low == high else f'{low:,} to {high:,}'} {unit if high == 1 else plural}"


def label(column: str, value: object) -> str:
    """Return a factor's value in words: ``base 8`` for ``eval_base``, ``no rationale`` for False."""
    if isinstance(value, bool):
        return noun(column) if value else f"no {noun(column)}"
    return value if isinstance(value, str) else f"{noun(column)} {value}"


def noun(column: str) -> str:
    """Return a column's name in words, without its side: ``base`` for ``train_base``."""
    if column in ("train", "eval"):
        return "domain"
    if column == "demonstrations":
        return "kind of demonstrations"
    return column.removeprefix("train_").removeprefix("eval_").replace("_", " ")


def values_of(column: "pd.Series[Any]") -> list[Any]:
    """Return the distinct known values, sorted, as plain Python values; True before False."""
    known = column.dropna().drop_duplicates().tolist()
    plain = [int(v) if isinstance(v, float) and v.is_integer() else v for v in known]
    return sorted(plain, key=lambda v: (str(type(v)), not v) if isinstance(v, bool) else (str(type(v)), v))


def save(figure: "Figure", folder: Path, name: str) -> list[Path]:
    """Write ``name.png`` (200 dpi) and ``name.pdf`` into ``folder``; the same figure gives the same bytes.

    Raises:
        UserError: it is no figure of matplotlib.
    """
    if not hasattr(figure, "savefig"):
        raise UserError(f"figure {name!r}: plot returns {type(figure).__name__}, expected a matplotlib Figure")
    folder.mkdir(parents=True, exist_ok=True)
    png, pdf = folder / f"{name}.png", folder / f"{name}.pdf"
    with styled():
        figure.savefig(png, dpi=DPI, metadata={"Software": "offdiag"})
        figure.savefig(pdf, metadata={"Creator": "offdiag", "Producer": "offdiag", "CreationDate": None})
    return [png, pdf]

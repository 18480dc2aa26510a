"""Transfer and synergy by arm (width, say): the means of the matrices, side by side."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures.style import GREY, Look, heading, looks, new_figure, styled
from offdiag.studies.world_map.analyses.transfer_means import Part, halves, split
from offdiag.studies.world_map.analyses.transfer_statistics import matrices
from offdiag.studies.world_map.figures.of_matrices import OfMatricesFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DODGE = 0.2


class TransferByArm(OfMatricesFigure):
    """Mean improvement where was trained and where was not, of one and of two geometries, and their difference.

    For its attributes see :class:`OfMatricesFigure`.
    """

    tag: ClassVar[str] = "transfer-by-arm"

    def plot(self, frames: Frames) -> "Figure":
        """Means with 95 % whiskers over seeds, and the seeds; a mean of one seed has no whisker."""
        found = matrices(frames.cells, self.settings)
        if not found:
            raise UserError(f"figure {self.name}: no fine-tuned arm is planned")
        panels = {
            "one geometry taught": list(halves(found, "single")),
            "two taught": list(halves(found, "pair")),
            "two minus the better specialist": list(split(found, self.split_by)),
        }
        panels = {title: parts for title, parts in panels.items() if any(_planned(part) for part in parts)}
        with styled():
            figure = new_figure(1.6 + len(panels) * (1.6 + 0.62 * len(found)), 4.3)
            row = figure.subplots(1, len(panels), squeeze=False)[0]
            for axes, (title, parts) in zip(row, panels.items(), strict=True):
                colours = looks(4)[:2] if "minus" not in title else looks(4)[2:]
                draw_parts(axes, parts, list(found), dict(zip(_names(parts), colours, strict=True)))
                axes.set_title(title, loc="left")
                axes.axhline(0, color=GREY, lw=0.8, zorder=1)
                axes.legend(loc="best", fontsize=8)
            levels = [axes for axes, title in zip(row, panels, strict=True) if "minus" not in title]
            ends = [(-0.05, 1.05), *(axes.get_ylim() for axes in levels)]
            for axes in levels:
                axes.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
            row[0].set_ylabel("normalised improvement")
            shown = [part for parts in panels.values() for part in parts]
            heading(figure, f"Transfer by {' and '.join(self.arms)}", _footnote(shown))
        return figure


def draw_parts(axes: "Axes", parts: Sequence[Part], keys: Sequence[tuple[Any, ...]], style: dict[str, Look]) -> None:
    """Means with whiskers and seeds, dodged by name, over the arms."""
    for i, (name, look) in enumerate(style.items()):
        shift = (i - (len(style) - 1) / 2) * DODGE
        own = [part for part in parts if part.name == name and part.spread.n_cells]
        x = np.array([keys.index(part.key) + shift for part in own])
        mean = np.array([part.spread.mean for part in own])
        reach = np.array([part.spread.high - part.spread.mean for part in own])
        mark: dict[str, Any] = {"color": look.colour, "marker": look.marker, "ms": 7, "mec": "white", "ls": ""}
        axes.errorbar(x, mean, yerr=reach, capsize=3, elinewidth=1.3, zorder=3, label=name, gid="mean", **mark)
        for at, part in zip(x, own, strict=True):
            seeds = part.by_seed if len(part.by_seed) > 1 else np.empty(0)
            axes.plot([at + 0.07] * len(seeds), seeds, "o", ms=3, mfc="white", mec=look.colour, zorder=4, gid="seed")
    absent = [key for key in keys if not any(part.spread.n_cells for part in parts if part.key == key)]
    for key in absent:
        place = (keys.index(key), 0.5)
        axes.text(*place, "no result", transform=axes.get_xaxis_transform(), rotation=90, ha="center", va="center",
                  color=GREY, fontsize=8.5)  # fmt: skip
    axes.set_xticks(range(len(keys)), [" ".join(map(str, key)) for key in keys])
    axes.set_xlim(-0.5, len(keys) - 0.5)


def _names(parts: Iterable[Part]) -> list[str]:
    return list(dict.fromkeys(part.name for part in parts))


def _planned(part: Part) -> bool:
    return part.spread.n_cells + part.spread.n_missing > 0


def _footnote(parts: Sequence[Part]) -> str:
    seeds = sorted({part.spread.n_seeds for part in parts if part.spread.n_cells})
    several = [f"{n}" for n in seeds if n > 1]
    missing = sum(part.spread.n_missing for part in parts)
    text = f"whiskers: 95 % interval over {' to '.join(several)} seeds (small dots)" if several else ""
    alone = "a mean of one seed has no whisker" if 1 in seeds else ""
    gaps = f"{missing} squares have no result" if missing else ""
    return " · ".join(filter(None, (text, alone, gaps))) or "no cell is done"

"""Figure of mean transfer and synergy per arm, such as per model width."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import NotPlannedError
from offdiag.figures.style import GREY, Look, counted, footnote, heading, looks, new_figure, styled
from offdiag.studies.world_map.analyses.transfer_statistics import matrices_by_arm
from offdiag.studies.world_map.figures.transfer_figure import CellGroup, TransferFigure, by_task, by_training

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DODGE = 0.2
DIFFERENCE, AS_PUBLISHED = "two minus the better specialist", "the same as published, so too low"
DIFFERENCES = (DIFFERENCE, AS_PUBLISHED)


class TransferByArm(TransferFigure):
    """Mean improvement on trained and untrained geometries, after one geometry and after two, and their difference.

    The difference is that to the better specialist: chosen by other answers than those that score it, and beside it by
    its own scores, as published, which is too low.

    For its attributes see :class:`TransferFigure`.
    """

    tag: ClassVar[str] = "transfer-by-arm"

    def plot(self, frames: Frames) -> "Figure":
        """Draw means with 95 % whiskers over seeds, and each seed; a mean of one seed has no whisker.

        Raises:
            NotPlannedError: no fine-tuned arm is planned.
        """
        by_arm = matrices_by_arm(frames, self.settings)
        if not by_arm:
            raise NotPlannedError(f"figure {self.name}: no fine-tuned arm is planned")
        panels = {
            "trained on one geometry": list(by_training(by_arm, "single")),
            "trained on two": list(by_training(by_arm, "pair")),
            DIFFERENCE: list(by_task(by_arm, self.split_by, "held_out")),
            AS_PUBLISHED: list(by_task(by_arm, self.split_by)),
        }
        panels = {title: groups for title, groups in panels.items() if any(_planned(group) for group in groups)}
        with styled():
            figure = new_figure(1.6 + len(panels) * (1.6 + 0.62 * len(by_arm)), 4.3)
            row = figure.subplots(1, len(panels), squeeze=False)[0]
            for axes, (title, groups) in zip(row, panels.items(), strict=True):
                colours = looks(4)[2:] if title in DIFFERENCES else looks(4)[:2]
                _draw_groups(axes, groups, list(by_arm), dict(zip(_names(groups), colours, strict=True)))
                axes.set_title(title, loc="left")
                axes.axhline(0, color=GREY, lw=0.8, zorder=1)
                axes.legend(loc="best", fontsize=8)
            levels = [axes for axes, title in zip(row, panels, strict=True) if title not in DIFFERENCES]
            _share_levels([axes for axes, title in zip(row, panels, strict=True) if title in DIFFERENCES])
            ends = [(-0.05, 1.05), *(axes.get_ylim() for axes in levels)]
            for axes in levels:
                axes.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
            row[0].set_ylabel("normalised improvement")
            drawn = [group for title, groups in panels.items() if title != AS_PUBLISHED for group in groups]
            heading(figure, f"Transfer by {' and '.join(self.arms)}", _footnote(drawn))
        return figure


def _share_levels(panels: Sequence["Axes"]) -> None:
    """Give panels the range that holds what each of them shows."""
    ends = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def _draw_groups(
    axes: "Axes", groups: Sequence[CellGroup], keys: Sequence[tuple[Any, ...]], style: dict[str, Look]
) -> None:
    """Draw the means of all arms along x with whiskers and seeds; groups of different names side by side."""
    for i, (name, look) in enumerate(style.items()):
        shift = (i - (len(style) - 1) / 2) * DODGE
        named = [group for group in groups if group.name == name and group.spread.n_cells]
        x = np.array([keys.index(group.key) + shift for group in named])
        mean = np.array([group.spread.mean for group in named])
        reach = np.array([group.spread.high - group.spread.mean for group in named])
        mark: dict[str, Any] = {"color": look.colour, "marker": look.marker, "ms": 7, "mec": "white", "ls": ""}
        axes.errorbar(x, mean, yerr=reach, capsize=3, elinewidth=1.3, zorder=3, label=name, gid="mean", **mark)
        for at, group in zip(x, named, strict=True):
            seeds = group.by_seed if len(group.by_seed) > 1 else np.empty(0)
            axes.plot([at + 0.07] * len(seeds), seeds, "o", ms=3, mfc="white", mec=look.colour, zorder=4, gid="seed")
    absent = [key for key in keys if not any(group.spread.n_cells for group in groups if group.key == key)]
    for key in absent:
        place = (keys.index(key), 0.5)
        axes.text(*place, "no result", transform=axes.get_xaxis_transform(), rotation=90, ha="center", va="center",
                  color=GREY, fontsize=8.5)  # fmt: skip
    axes.set_xticks(range(len(keys)), [" ".join(map(str, key)) for key in keys])
    axes.set_xlim(-0.5, len(keys) - 0.5)


def _names(groups: Iterable[CellGroup]) -> list[str]:
    return list(dict.fromkeys(group.name for group in groups))


def _planned(group: CellGroup) -> bool:
    return group.spread.n_cells + group.spread.n_missing + group.spread.n_undefined > 0


def _footnote(groups: Sequence[CellGroup]) -> str:
    seeds = {group.spread.n_seeds for group in groups if group.spread.n_cells}
    several = seeds - {0, 1}
    missing = sum(group.spread.n_missing for group in groups)
    undefined = sum(group.spread.n_undefined for group in groups)
    said = footnote(
        f"whiskers: 95 % interval over {counted(several, 'seed')} (small dots)" if several else "",
        "a mean of one seed has no whisker" if 1 in seeds else "",
        f"{missing} cells have no result" if missing else "",
        f"{undefined} cells have no scale" if undefined else "",
        per_line=3,
    )
    return said or "no cell is done"

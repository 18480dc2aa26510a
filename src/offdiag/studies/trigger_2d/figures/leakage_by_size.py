"""How much leaks as a proxy grows: one line a proxy category, over its number of training triggers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from offdiag.analyses import Frames, select
from offdiag.errors import UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import Look, heading, looks, new_figure, styled
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS, Outcome, Spot, rate, spots
from offdiag.studies.trigger_2d.figures.arms import category_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROXY, SIZE = ARMS
PANELS = {
    "uncovered": "categories that no training covers",
    "proxy": "the proxy's own category",
    "taught": "the taught category",
}
DODGE = 0.07
ABSENT = 1.07  # where the crosses stand


class Place(NamedTuple):
    """One proxy and size in one panel: the answers in some categories together."""

    proxy: str
    size: int
    spots: list[Spot]


class LeakageBySize(StudyFigure):
    """The rate of one outcome by proxy category and number of proxy triggers; without a proxy all lines begin at 0.

    Attributes:
        of: how arms, seeds and rules are read, with the proxy's category and size first among its arms.
        outcome: which rate. triggers: ``ood`` or ``id``.
    """

    tag: ClassVar[str] = "leakage-by-size"
    of: Leakage = Leakage(name="leakage-by-size")
    outcome: Outcome = "leaked"
    triggers: Literal["ood", "id"] = "ood"

    def plot(self, frames: Frames) -> "Figure":
        """Three panels: uncovered categories together, the proxy's own, and the taught one.

        Raises:
            UserError: arms differ in more than proxy and size, no cell is planned, or as the analysis says.
        """
        if self.of.arms != ARMS:
            raise UserError(f"figure {self.name}: lines are told apart by {', '.join(ARMS)} alone; choose with where=")
        where = {**self.of.where, **self.where, "eval_triggers": self.triggers}
        of = self.of.model_copy(update={"where": where, "match_on": self.match_on or self.of.match_on})
        found = list(spots(frames, of))
        if not found:
            raise UserError(f"figure {self.name}: the study has no cells")
        taught = set(select(frames.cells, of.where, of.match_on)["train_category"].dropna())
        proxies = [proxy for proxy in dict.fromkeys(spot.key[0] for spot in found) if proxy != "none"]
        sizes = sorted({int(spot.key[1]) for spot in found})
        styles = dict(zip(proxies, looks(len(proxies)), strict=True))
        with styled():
            figure = new_figure(11.4, 4.2)
            for axes, (panel, title) in zip(figure.subplots(1, 3, sharey=True), PANELS.items(), strict=True):
                for number, (proxy, look) in enumerate(styles.items()):
                    shift = DODGE * (number - (len(styles) - 1) / 2)
                    places = _places(found, panel, proxy, taught)
                    _line(axes, [sizes.index(p.size) + shift for p in places], places, look, self.outcome, of)
                axes.set_title(title, loc="left", fontsize=10)
                axes.set(xticks=range(len(sizes)), xticklabels=sizes, xlabel="proxy triggers in training")
                axes.set(ylim=(-0.03, 1.12), yticks=np.linspace(0, 1, 6), xlim=(-0.4, len(sizes) - 0.6))
            words = {"leaked": "by the new rule", "retained": "by the original rule", "other": "by neither rule"}
            figure.axes[0].set_ylabel(f"answers {words[self.outcome]}")
            heading(figure, f"Answers {words[self.outcome]}, as the proxy grows", _footnote(found))
            _legend(figure, styles)
        return figure


def _places(found: Sequence[Spot], panel: str, proxy: str, taught: set[str]) -> list[Place]:
    """In order of size; size 0 is the arm without a proxy, in the same categories."""
    by_size: dict[int, list[Spot]] = {}
    for spot in found:
        kind = "proxy" if spot.category == proxy else "taught" if spot.category in taught else "uncovered"
        if spot.key[0] in (proxy, "none") and kind == panel:
            by_size.setdefault(int(spot.key[1]), []).append(spot)
    return [Place(proxy, size, by_size[size]) for size in sorted(by_size)]


def _line(axes: "Axes", x: Sequence[float], places: Sequence[Place], look: Look, outcome: Outcome, of: Leakage) -> None:
    import pandas as pd

    whole = [all(spot.state == "done" for spot in place.spots) for place in places]
    rates = [
        rate(pd.concat([spot.answers for spot in place.spots]), outcome, of.replicates)
        for place, done in zip(places, whole, strict=True) if done
    ]  # fmt: skip
    at = [value for value, done in zip(x, whole, strict=True) if done]
    value, low, high = np.array(rates).reshape(-1, 3).T
    axes.errorbar(
        at, value, yerr=np.maximum([value - low, high - value], 0), color=look.colour, marker=look.marker, ms=6,
        mec="white", lw=1.2, elinewidth=1.0, capsize=2, gid="points",
    )  # fmt: skip
    absent = [value for value, done in zip(x, whole, strict=True) if not done]
    axes.plot(absent, [ABSENT] * len(absent), "x", color=look.colour, ms=5, gid="absent")


def _footnote(found: Sequence[Spot]) -> str:
    seeds = max(spot.n_planned for spot in found)
    over = "trigger words" if seeds == 1 else f"{seeds} seeds and trigger words"
    gaps = any(spot.state != "done" for spot in found)
    return f"whiskers: 95 % interval over {over}" + (" · crosses: not all categories are done" if gaps else "")


def _legend(figure: "Figure", styles: dict[str, Look]) -> None:
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=look.colour, marker=look.marker, lw=1.2, ms=6, label=category_name(proxy))
        for proxy, look in styles.items()
    ]
    figure.legend(handles=entries, loc="outside right upper", title="proxy")

"""Leakage over the size of the proxy: one line per proxy category, over its number of training triggers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from offdiag.analyses import Frames, select
from offdiag.analyses.selection import DONE
from offdiag.errors import NotPlannedError, UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import Look, footnote, heading, legend, looks, new_figure, styled
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS, CategoryAnswers, Outcome, category_answers, rate
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


class _Point(NamedTuple):
    """A point of a line: the answers with so many proxy triggers, in all categories of the panel together."""

    size: int
    groups: list[CategoryAnswers]

    @property
    def done(self) -> bool:
        """Whether all of its categories are done."""
        return all(group.state == DONE for group in self.groups)


class LeakageBySize(StudyFigure):
    """Rate of one outcome by proxy category and number of proxy triggers; 0 triggers is the arm without a proxy.

    Attributes:
        of: the analysis that says how arms, seeds and rules are read; its arms are proxy category and size.
        outcome: the rate that is drawn. triggers: ``ood`` or ``id``.
    """

    tag: ClassVar[str] = "leakage-by-size"
    of: Leakage = Leakage(name="leakage-by-size")
    outcome: Outcome = "leaked"
    triggers: Literal["ood", "id"] = "ood"

    def plot(self, frames: Frames) -> "Figure":
        """Draw three panels: uncovered categories together, the proxy's own, and the taught one.

        Raises:
            UserError: arms differ in more than proxy and size, no cell is planned, or as the analysis says.
        """
        if self.of.arms != ARMS:
            raise UserError(f"figure {self.name}: lines are told apart by {', '.join(ARMS)} alone; choose with where=")
        where = {**self.of.where, **self.where, "eval_triggers": self.triggers}
        of = self.of.model_copy(update={"where": where, "match_on": self.match_on or self.of.match_on})
        groups = list(category_answers(frames, of))
        if not groups:
            raise NotPlannedError(f"figure {self.name}: the study has no cells")
        taught = set(select(frames.cells, of.where, of.match_on)["train_category"].dropna())
        proxies = [proxy for proxy in dict.fromkeys(group.arm[0] for group in groups) if proxy != "none"]
        sizes = sorted({int(group.arm[1]) for group in groups})
        styles = dict(zip(proxies, looks(len(proxies)), strict=True))
        with styled():
            figure = new_figure(11.4, 4.2)
            for axes, (panel, title) in zip(figure.subplots(1, 3, sharey=True), PANELS.items(), strict=True):
                for number, (proxy, look) in enumerate(styles.items()):
                    shift = DODGE * (number - (len(styles) - 1) / 2)
                    points = _points(groups, panel, proxy, taught)
                    x = [sizes.index(point.size) + shift for point in points]
                    _line(axes, x, points, look, self.outcome, of)
                axes.set_title(title, loc="left", fontsize=10)
                axes.set(xticks=range(len(sizes)), xticklabels=sizes, xlabel="proxy triggers in training")
                axes.set(ylim=(-0.03, 1.12), yticks=np.linspace(0, 1, 6), xlim=(-0.4, len(sizes) - 0.6))
            words = {"leaked": "by the new rule", "retained": "by the original rule", "other": "by neither rule"}
            figure.axes[0].set_ylabel(f"answers {words[self.outcome]}")
            heading(figure, f"Answers {words[self.outcome]}, as the proxy grows", _footnote(groups))
            proxies_of = {f"proxy: {category_name(proxy)}": look for proxy, look in styles.items()}
            legend(figure, proxies_of, where="outside right upper", lw=1.2)
        return figure


def _points(groups: Sequence[CategoryAnswers], panel: str, proxy: str, taught: set[str]) -> list[_Point]:
    """Return the points of one line in order of size; size 0 is the arm without a proxy, in the same categories."""
    by_size: dict[int, list[CategoryAnswers]] = {}
    for group in groups:
        kind = "proxy" if group.category == proxy else "taught" if group.category in taught else "uncovered"
        if group.arm[0] in (proxy, "none") and kind == panel:
            by_size.setdefault(int(group.arm[1]), []).append(group)
    return [_Point(size, by_size[size]) for size in sorted(by_size)]


def _line(
    axes: "Axes", x: Sequence[float], points: Sequence[_Point], look: Look, outcome: Outcome, of: Leakage
) -> None:
    import pandas as pd

    done = [(at, point) for at, point in zip(x, points, strict=True) if point.done]
    rates = [
        rate(pd.concat([group.answers for group in point.groups]), outcome, of.replicates)[:3] for _, point in done
    ]
    value, low, high = np.array(rates).reshape(-1, 3).T
    axes.errorbar(
        [at for at, _ in done], value, yerr=np.maximum([value - low, high - value], 0), color=look.colour,
        marker=look.marker, ms=6, mec="white", lw=1.2, elinewidth=1.0, capsize=2, gid="points",
    )  # fmt: skip
    absent = [at for at, point in zip(x, points, strict=True) if not point.done]
    axes.plot(absent, [ABSENT] * len(absent), "x", color=look.colour, ms=5, gid="absent")


def _footnote(groups: Sequence[CategoryAnswers]) -> str:
    seeds = max(group.n_planned for group in groups)
    over = "trigger words" if seeds == 1 else f"{seeds} seeds and trigger words"
    gaps = any(group.state != DONE for group in groups)
    return footnote(f"whiskers: 95 % interval over {over}", "crosses: not all categories are done" if gaps else "")

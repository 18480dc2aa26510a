"""Leakage over the size of the proxy: one line per proxy category, over its number of training triggers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from offdiag.analyses import Frames, select
from offdiag.analyses.selection import DONE
from offdiag.errors import NotPlannedError, UserError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import Look, footnote, heading, legend, looks, new_figure, percent_axis, styled
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.analyses.rule_followed import (
    ARMS,
    PROXY,
    PROXY_SIZE,
    CategoryAnswers,
    Outcome,
    category_answers,
    rate,
    unlearnt,
)
from offdiag.studies.trigger_2d.figures.arms import alike_words, category_name, left_out_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "uncovered": "categories that no training covers",
    "proxy": "the proxy's own category",
    "taught": "the taught category",
}
STRATEGY, ROWS = ("strategy", "strength"), "n_proxy"
DODGE = 0.07
ABSENT = 1.07  # where the crosses stand


class _Point(NamedTuple):
    """A point: the answers with so many proxy triggers, in all categories of the panel together.

    Attributes:
        is_control: whether it has more rows per trigger than the others.
    """

    size: int
    is_control: bool
    groups: list[CategoryAnswers]

    @property
    def done(self) -> bool:
        """Whether all of its categories are done."""
        return all(group.state == DONE for group in self.groups)


class LeakageBySize(StudyFigure):
    """Rate of one outcome by proxy category and number of proxy triggers; 0 triggers is the arm without a proxy.

    Categories that were not learnt before are in no panel, and a proxy that was not is in that of the taught one alone.

    Attributes:
        of: the analysis that says how arms, seeds and rules are read; its arms are proxy category and size, with
            strategies those columns, and with controls the rows of the proxy.
        strategy: name and strength of the one that is drawn, where there are several.
        outcome: the rate that is drawn. triggers: ``ood`` or ``id``.
    """

    tag: ClassVar[str] = "leakage-by-size"
    of: Leakage = Leakage(name="leakage-by-size")
    strategy: tuple[str, float] | None = None
    outcome: Outcome = "leaked"
    triggers: Literal["ood", "id"] = "ood"

    def plot(self, frames: Frames) -> "Figure":
        """Draw three panels: uncovered categories together, the proxy's own, and the taught one.

        Raises:
            UserError: arms differ in what is not told apart, no cell is planned, or as the analysis says.
        """
        told = {*ARMS, *(STRATEGY if self.strategy else ()), ROWS}
        if self.of.arms[: len(ARMS)] != ARMS or set(self.of.arms) - told:
            raise UserError(f"figure {self.name}: lines are told apart by {', '.join(ARMS)} alone; choose with where=")
        where = {**self.of.where, **self.where, "eval_triggers": self.triggers}
        of = self.of.model_copy(update={"where": where, "match_on": self.match_on or self.of.match_on})
        every = [group for group in category_answers(frames, of) if self._is_drawn(group)]
        if not every:
            raise NotPlannedError(f"figure {self.name}: the study has no cells")
        absent = unlearnt(frames, of, self.triggers)
        groups = [group for group in every if group.category not in absent]
        taught = set(select(frames.cells, of.where, of.match_on)["train_category"].dropna())
        proxies = [proxy for proxy in dict.fromkeys(group.arm[0] for group in every) if proxy != "none"]
        sizes = sorted({int(group.arm[1]) for group in every})
        styles = dict(zip(proxies, looks(len(proxies)), strict=True))
        with styled():
            figure = new_figure(11.4, 4.4)
            for axes, (panel, title) in zip(figure.subplots(1, 3, sharey=True), PANELS.items(), strict=True):
                for number, (proxy, look) in enumerate(styles.items()):
                    shift = DODGE * (number - (len(styles) - 1) / 2)
                    kept = panel == "taught" or proxy not in absent  # of another proxy there is nothing to keep
                    points = self._points(groups, panel, proxy, taught) if kept else []
                    for control in (False, True):
                        some = [point for point in points if point.is_control == control]
                        x = [sizes.index(point.size) + shift + 2 * DODGE * control for point in some]
                        _line(axes, x, some, look, self.outcome, of, control=control)
                axes.set_title(title, loc="left", fontsize=10)
                axes.set(xticks=range(len(sizes)), xticklabels=sizes, xlabel="proxy triggers in training")
                axes.set_xlim(-0.4, len(sizes) - 0.6)
                percent_axis(axes, above=0.12)
            words = {"leaked": "by the new rule", "retained": "by the original rule", "other": "by neither rule"}
            figure.axes[0].set_ylabel(f"answers {words[self.outcome]}")
            said = self._footnote(every, sorted(absent & {group.category for group in every}))
            heading(figure, f"Answers {words[self.outcome]}, as the proxy grows", said)
            proxies_of = {f"proxy: {category_name(proxy, absent)}": look for proxy, look in styles.items()}
            legend(figure, proxies_of, where="outside right upper", lw=1.2)
        return figure

    def _is_drawn(self, group: CategoryAnswers) -> bool:
        arm = dict(zip(self.of.arms, group.arm, strict=True))
        return self.strategy is None or arm[PROXY] == "none" or tuple(arm[c] for c in STRATEGY) == self.strategy

    def _points(self, groups: Sequence[CategoryAnswers], panel: str, proxy: str, taught: set[str]) -> list[_Point]:
        """Return the points of one proxy in order of size; size 0 is the arm without one, in the same categories."""
        found: dict[tuple[int, int], list[CategoryAnswers]] = {}
        for group in groups:
            kind = "proxy" if group.category == proxy else "taught" if group.category in taught else "uncovered"
            arm = dict(zip(self.of.arms, group.arm, strict=True))
            if arm[PROXY] in (proxy, "none") and kind == panel:
                found.setdefault((int(arm[PROXY_SIZE]), int(arm.get(ROWS, 0))), []).append(group)
        fewest = min((rows / size for size, rows in found if size), default=0)
        return [_Point(size, bool(size) and rows / size > fewest, found[size, rows]) for size, rows in sorted(found)]

    def _footnote(self, groups: Sequence[CategoryAnswers], absent: Sequence[str]) -> str:
        seeds = max(group.n_planned for group in groups)
        over = "trigger words" if seeds == 1 else f"{seeds} seeds and trigger words"
        gaps = any(group.state != DONE for group in groups)
        arms = [dict(zip(self.of.arms, group.arm, strict=True)) for group in groups]
        per_trigger = {arm[ROWS] / arm[PROXY_SIZE] for arm in arms if arm[PROXY_SIZE] and ROWS in arm}
        return footnote(
            f"whiskers: 95 % interval over {over}",
            "crosses: not all categories are done" if gaps else "",
            "hollow: as many rows as the largest proxy" if len(per_trigger) > 1 else "",
            f"strategy: {self.strategy[0]}" if self.strategy else "",
            alike_words(self.of.world, self.of.rule, {group.category for group in groups}),
            left_out_words(absent),
        )


def _line(
    axes: "Axes",
    x: Sequence[float],
    points: Sequence[_Point],
    look: Look,
    outcome: Outcome,
    of: Leakage,
    *,
    control: bool,
) -> None:
    import pandas as pd

    done = [(at, point) for at, point in zip(x, points, strict=True) if point.done]
    rates = [
        rate(pd.concat([group.answers for group in point.groups]), outcome, of.replicates)[:3] for _, point in done
    ]
    value, low, high = np.array(rates).reshape(-1, 3).T
    shape = {"mec": look.colour, "mfc": "white", "ls": ""} if control else {"mec": "white", "lw": 1.2}
    if not control or done:
        axes.errorbar(
            [at for at, _ in done], value, yerr=np.maximum([value - low, high - value], 0), color=look.colour,
            marker=look.marker, ms=6, elinewidth=1.0, capsize=2, gid="controls" if control else "points", **shape,
        )  # fmt: skip
    absent = [at for at, point in zip(x, points, strict=True) if not point.done]
    if not control or absent:
        axes.plot(absent, [ABSENT] * len(absent), "x", color=look.colour, ms=5, gid="absent")

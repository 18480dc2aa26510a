"""Protection of the categories that no training covers, over their similarity in meaning to the proxy."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from offdiag.analyses import Frames
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.style import GREY, Look, footnote, heading, legend, looks, new_figure, percent_axis, styled
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS, unlearnt
from offdiag.studies.trigger_2d.analyses.semantic_protection import ProtectionBySimilarity, SemanticProtection
from offdiag.studies.trigger_2d.figures.arms import DAGGER, alike_words, arm_name, category_name

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PROXY, SIZE = ARMS
MOST_COLUMNS = 3
APART = 0.014  # between points of equal similarity, as a share of the range of similarities


class SemanticProtectionFigure(StudyFigure):
    """Panels per number of proxy triggers; a point is a proxy with an uncovered category, with its interval.

    Attributes:
        of: the analysis that gives the points; the selection of this figure is added to its own.
    """

    tag: ClassVar[str] = "semantic-protection"
    of: SemanticProtection

    def plot(self, frames: Frames) -> "Figure":
        """Draw panels that share both axes; the title of each has the rank correlations over its points.

        Raises:
            UserError: there is no arm with a proxy, or as the analysis says.
        """
        shared: dict[str, Any] = {
            "where": {**self.of.where, **self.where},
            "match_on": self.match_on or self.of.match_on,
        }
        of = self.of.model_copy(update=shared)
        points = frames.table(of)
        if points.empty:
            raise NotPlannedError(f"figure {self.name}: no category is planned that neither task nor proxy covers")
        correlations = ProtectionBySimilarity(name=self.name, of=of).of_points(points)
        by = [column for column in of.arms if column != PROXY]
        keys = list(dict.fromkeys(points[by].itertuples(index=False, name=None)))
        proxies = list(dict.fromkeys(points[PROXY]))
        styles = dict(zip(proxies, looks(len(proxies)), strict=True))
        absent = unlearnt(frames, of, of.triggers)
        columns = min(len(keys), MOST_COLUMNS)
        rows = -(-len(keys) // columns)
        with styled():
            figure = new_figure(2.4 + 4.4 * columns, 1.5 + 4.2 * rows)
            panels = list(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).flat)
            for axes, key in zip(panels, keys, strict=False):
                _panel(
                    axes,
                    _of(points, by, key),
                    styles,
                    absent,
                    APART * float(np.ptp(points["similarity"].dropna()) or 1),
                )
                axes.set_title(f"{arm_name(by, key)}\n{_worded(_of(correlations, by, key))}", loc="left", fontsize=9)
            for axes in panels[len(keys) :]:
                axes.axis("off")
            figure.supylabel("protection: leakage without proxy minus leakage with it", fontsize=10)
            heading(figure, "Does a proxy protect what is similar to it in meaning?", _footnote(points, of))
            proxies_of = {f"proxy: {category_name(proxy, absent)}": look for proxy, look in styles.items()}
            legend(figure, proxies_of, where="outside right upper", ls="")
        return figure


def _of(table: "pd.DataFrame", columns: list[str], key: tuple[Any, ...]) -> "pd.DataFrame":
    return table[[row == key for row in table[columns].itertuples(index=False, name=None)]]


def _panel(axes: "Axes", points: "pd.DataFrame", styles: dict[str, Look], absent: frozenset[str], apart: float) -> None:
    axes.axhline(0, color=GREY, lw=0.9, zorder=1)
    for proxy, look in styles.items():
        own = points[(points[PROXY] == proxy) & points["protection"].notna() & points["similarity"].notna()]
        # a pair of categories that protect each other has one similarity: its points stand on either side of it
        side = np.where(own["category"] > proxy, -1, 1)
        x, y, low, high = (own[name].to_numpy(np.float64) for name in ("similarity", "protection", "low", "high"))
        x = x + side * apart / 2
        reach = np.maximum([y - low, high - y], 0)
        axes.errorbar(x, y, yerr=reach, ls="", color=look.colour, elinewidth=0.9, alpha=0.35, zorder=2)
        told = own["learnt"].to_numpy(bool) if "learnt" in own else np.ones(len(own), bool)
        mark: dict[str, Any] = {"ls": "", "color": look.colour, "marker": look.marker, "ms": 6, "zorder": 3}
        axes.plot(x[told], y[told], mec="white", gid="points", **mark)
        axes.plot(x[~told], y[~told], mec=look.colour, mfc="white", gid="unlearnt", **mark)
        for at, value, to, category in zip(x, y, side, own["category"], strict=True):
            place: dict[str, Any] = {"xytext": (4 * to, 3), "ha": "left" if to > 0 else "right", "zorder": 4}
            text = category_name(category)[:3] + DAGGER * (category in absent)
            axes.annotate(
                text, (at, value), color=look.colour, fontsize=7, textcoords="offset points", **place, gid="category"
            )
    missing = points[["protection", "similarity"]].isna().any(axis=1)
    if missing.any():
        note = f"{int(missing.sum())} of {len(points)} not there yet"
        axes.text(0.99, 0.02, note, transform=axes.transAxes, ha="right", fontsize=8, color=GREY)
    axes.set_xlabel("similarity of proxy and category")
    percent_axis(axes, low=-1)
    axes.margins(x=0.08)


def _worded(correlations: "pd.DataFrame") -> str:
    """Return the correlations in words: ``rank correlation 0.41 [0.10, 0.66]``, and that at fixed category."""
    words = []
    for row in correlations[correlations["over"] != "at fixed proxy"].to_dict("records"):
        if np.isnan(row["spearman"]):
            continue
        ends = "" if np.isnan(row["spearman_low"]) else f" [{row['spearman_low']:.2f}, {row['spearman_high']:.2f}]"
        words.append(f"{'rank correlation' if row['over'] == 'all' else row['over']} {row['spearman']:.2f}{ends}")
    return "\n".join(words) or "no correlation yet"


def _footnote(points: "pd.DataFrame", of: SemanticProtection) -> str:
    n = int(points["n_items"].max()) if len(points) else 0
    hollow = "learnt" in points and not points["learnt"].all()
    return footnote(
        "letters: the category",
        f"whiskers: 95 % interval over seeds and trigger words (up to {n} questions per point)",
        "square brackets: 95 % interval over points; it is too short, as points of one proxy or category depend on "
        "each other",
        f"hollow, in no correlation: {DAGGER} was not learnt in the first stage" if hollow else "",
        alike_words(of.world, of.rule, set(points["category"])),
    )

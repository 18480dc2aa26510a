"""Figure of accuracy by strata of the items: one panel per evaluation, one line per arm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses import AccuracyByStratum, Frames
from offdiag.analyses.selection import Where
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.stratum_panels import footnote, legend, panel, scale
from offdiag.figures.style import heading, label, looks, new_figure, noun, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ByStratum(StudyFigure):
    """Accuracy of a few arms on the items of each stratum; the number of items stands below it.

    Attributes:
        stratum: column of the records whose values are the strata.
        panels: column with one panel per value, None for a single panel.
        arms: the arms to compare: name -> (column -> value). Each must leave one cell per seed and panel.
    """

    tag: ClassVar[str] = "by-stratum"
    takes_scores: ClassVar[bool] = True
    stratum: str
    panels: str | None = "eval"
    arms: Mapping[str, Where]

    def plot(self, frames: Frames) -> "Figure":
        """Draw the lines; arms without a result are crosses above the plot, strata of few items are hollow."""
        table = frames.table(
            AccuracyByStratum(
                name=self.name, stratum=self.stratum, by=self.panels, arms=self.arms, where=self.where,
                match_on=self.match_on,
            )
        )  # fmt: skip
        if table.empty:
            raise NotPlannedError(f"figure {self.name}: no cell is planned for {', '.join(self.arms)}")
        places = list(table[self.panels].drop_duplicates()) if self.panels else [None]
        styles = dict(zip(self.arms, looks(len(self.arms)), strict=True))
        with styled():
            figure = new_figure(2.6 + 3.4 * len(places), 4.4)
            row = list(figure.subplots(1, len(places), sharey=True, squeeze=False).flat)
            for axes, place in zip(row, places, strict=True):
                here = table if place is None else table[table[self.panels] == place]
                panel(axes, here, styles, noun(self.stratum))
                if place is not None:
                    axes.set_title(label(str(self.panels), place), loc="left")
            scale(row[0], table)
            heading(figure, f"Accuracy by {noun(self.stratum)}", footnote(table))
            legend(figure, table, styles)
        return figure

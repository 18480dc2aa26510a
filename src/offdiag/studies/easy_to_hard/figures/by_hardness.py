"""Figure of accuracy over each measure of hardness: one panel per measure, one line per arm."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses import Frames
from offdiag.analyses.selection import Where
from offdiag.errors import NotPlannedError
from offdiag.figures.figure import StudyFigure
from offdiag.figures.stratum_panels import footnote, legend, panel, scale
from offdiag.figures.style import Look, counted, grid_shape, heading, looks, new_figure, noun, panels, styled
from offdiag.studies.easy_to_hard.analyses.accuracy_by_hardness import NO_ITEM, UNSURE, AccuracyByHardness
from offdiag.studies.easy_to_hard.figures.style import UNTRAINED, series_looks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class ByHardness(StudyFigure):
    """Lines of accuracy over the values or bins of each measure, with the number of items below.

    Attributes:
        of: the table to draw; its ``where`` and ``match_on`` count, those of the figure do not. title: of the figure.
    """

    tag: ClassVar[str] = "by-hardness"
    of: AccuracyByHardness
    title: str

    def plot(self, frames: Frames) -> "Figure":
        """Draw the lines: a cross where there is no result yet; bins whose interval is too long are left out.

        Raises:
            UserError: no measure of the data set is planned.
        """
        table = frames.table(self.of)
        if table.empty:
            raise NotPlannedError(f"figure {self.name}: no measure of {self.of.dataset} is planned")
        n_bins = table.groupby("measure", sort=False)["stratum"].nunique()
        measures = list(n_bins[n_bins != 1].index)
        styles = _styles(self.of.arms)
        shown = table[table["measure"].isin(measures) & ~table["state"].isin([UNSURE, NO_ITEM])]
        rows, columns = grid_shape(len(measures))
        with styled():
            figure = new_figure(max(2.6 + 3.4 * columns, 7.2), 1.2 + 3.2 * rows)
            for number, (axes, measure) in enumerate(
                zip(panels(figure, len(measures), same_height=True), measures, strict=True)
            ):
                panel(axes, shown[shown["measure"] == measure], styles, noun(measure))
                if not number % columns:
                    scale(axes, shown)
            heading(figure, self.title, _footnote(table, list(n_bins[n_bins == 1].index)))
            legend(figure, shown, styles)
        return figure


def _styles(arms: Mapping[str, Where]) -> dict[str, Look]:
    """Return the looks of the training levels, where these tell the arms apart; else any looks."""
    levels = [str(where.get("train_level", UNTRAINED)) for where in arms.values()]
    if len(set(levels)) < len(levels):
        return dict(zip(arms, looks(len(arms)), strict=True))
    return dict(zip(arms, series_looks(levels).values(), strict=True))


def _footnote(table: "pd.DataFrame", same: list[str]) -> str:
    left_out = int((table["state"] == UNSURE).sum())
    remarks = (
        [f"left out: bins with a standard error of 0.1 or more ({counted([left_out], 'point')})"] if left_out else []
    )
    remarks += [f"the same for all items: {', '.join(map(noun, same))}"] if same else []
    return "\n".join([footnote(table), " · ".join(remarks)] if remarks else [footnote(table)])

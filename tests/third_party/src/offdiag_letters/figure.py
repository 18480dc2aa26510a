"""The figure: one bar per arm."""

from typing import TYPE_CHECKING

from offdiag.analyses import Frames
from offdiag.figures import StudyFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class AccuracyBars(StudyFigure):
    """The accuracy of each arm, as far as it is known."""

    def plot(self, frames: Frames) -> "Figure":
        from matplotlib.figure import Figure

        figure = Figure(figsize=(4, 3))
        axes = figure.subplots()
        done = frames.cells[frames.cells["state"] == "done"]
        axes.bar(done["method"].astype(str), done["accuracy"].astype(float))
        axes.set(ylim=(0, 1), ylabel="accuracy")
        return figure

"""The figure: one bar per arm."""

from typing import TYPE_CHECKING, ClassVar

from offdiag.analyses import Frames
from offdiag.figures import StudyFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class AccuracyBars(StudyFigure):
    """The accuracy of each arm with its interval; no bar where a cell is not done."""

    tag: ClassVar[str] = "letters-accuracy-bars"

    def plot(self, frames: Frames) -> "Figure":
        from matplotlib.figure import Figure  # takes a moment, so only when the figure is drawn

        figure = Figure(figsize=(4, 3), layout="constrained")
        axes = figure.subplots()
        done = frames.cells[frames.cells["state"] == "done"]
        height, low, high = (done[name].astype(float) for name in ("accuracy", "ci_low", "ci_high"))
        axes.bar(done["method"].astype(str), height, yerr=[height - low, high - height])
        axes.set(ylim=(0, 1), ylabel="accuracy")
        return figure

"""What learners of each level train on and are asked: hardness and topics, in the mean over draws."""

from typing import TYPE_CHECKING, Any, ClassVar

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE
from offdiag.studies.easy_to_hard.measurements.draw_summary import MEAN, SD, SHARE, TABLE

if TYPE_CHECKING:
    import pandas as pd

BY = ("dataset", "hardness", "train_level", "side")


class DrawMeans(StudyAnalysis):
    """Means over draws of what :class:`DrawSummary` measures of each: one row per data set, measure, level and side."""

    tag: ClassVar[str] = "draw-means"

    def table(self, frames: Frames) -> "pd.DataFrame":
        """Return one row per combination of ``dataset, hardness, train_level, side``, in the order of the plan.

        Columns: ``draws``, ``n`` (items of a draw), ``NAME_mean`` and ``NAME_sd`` of each measure of hardness and
        ``TOPIC_share`` of each topic, all in the mean over the draws; NA where the items have no such measure. A data
        set that is not measured yet is a row with its ``state`` alone.
        """
        import pandas as pd

        measured = frames.measured(TABLE)
        rows: list[dict[Any, Any]] = [
            {"dataset": row["dataset"], "state": row["state"]}
            for row in measured[measured["state"] != DONE].to_dict("records")
        ]
        done = measured[measured["state"] == DONE]
        values = [name for name in done if str(name).endswith((MEAN, SD, SHARE))]
        for key, own in done.groupby(list(BY), sort=False) if len(done) else ():
            means = own[["n", *values]].astype("Float64").mean()
            rows.append({**dict(zip(BY, key, strict=True)), "state": DONE, "draws": len(own), **means.to_dict()})
        return pd.DataFrame(rows, columns=[*BY, "state", "draws", "n", *values])

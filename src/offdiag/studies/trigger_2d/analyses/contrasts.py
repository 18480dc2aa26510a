"""Groups of measurements of the trigger task that differ in nothing but their seeds."""

from abc import ABC
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import filled, select
from offdiag.errors import UserError
from offdiag.studies.trigger_2d.analyses.outcomes import ARMS

if TYPE_CHECKING:
    import pandas as pd

PAIR = ("eval_category", "eval_triggers", "against_category")


class Group(NamedTuple):
    """What one group measured.

    Attributes:
        factors: the arm's columns and those of ``PAIR``. state: ``done``, or why there is nothing.
        n_planned: measurements. rows: of the finished ones.
    """

    factors: dict[str, Any]
    state: str
    n_planned: int
    rows: "pd.DataFrame"

    @property
    def n_seeds(self) -> int:
        """Finished measurements."""
        return int(self.rows["measurement"].nunique())


class OfContrasts(StudyAnalysis, ABC):
    """An analysis of measurements that put another text in a trigger's place.

    Attributes:
        arms: columns whose values tell the learners apart; where a learner lacks one, it has ``none`` or 0 there.
        replicates: columns that tell repetitions of one learner apart: seeds.
    """

    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)


def groups(frames: Frames, table: str, settings: OfContrasts) -> Iterator[Group]:
    """All groups of a table that the settings select, in its order.

    Raises:
        UserError: there is no such table or column, nothing is selected, or two measurements of a group have the same
            seeds.
    """
    measured = filled(frames.measured(table), (*settings.arms, *settings.replicates))
    chosen = select(measured, settings.where, settings.match_on)
    keys = [*settings.arms, *PAIR]
    for values, rows in chosen.groupby(keys, sort=False):
        planned = rows.drop_duplicates("measurement")
        if planned.duplicated(list(settings.replicates)).any():
            found = ", ".join(planned["measurement"].astype(str))
            raise UserError(f"{len(planned)} measurements of one spot ({found}): tell them apart with arms= or where=")
        done = rows[rows["state"] == "done"]
        state = "done" if len(done) else "failed" if (planned["state"] == "failed").any() else "missing"
        yield Group(dict(zip(keys, values, strict=True)), state, len(planned), done)

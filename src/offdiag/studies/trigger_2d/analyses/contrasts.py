"""Groups of measurements of trigger-2d that contrast two triggers and differ in their seeds alone."""

from abc import ABC
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from offdiag.analyses.analysis import StudyAnalysis
from offdiag.analyses.frames import Frames
from offdiag.analyses.selection import DONE, filled, one_per, select, state_of
from offdiag.studies.trigger_2d.analyses.rule_followed import ARMS

if TYPE_CHECKING:
    import pandas as pd

PAIR = ("eval_category", "eval_triggers", "against_category")


class ContrastGroup(NamedTuple):
    """The measurements of one arm and pair of categories, under all seeds.

    Attributes:
        factors: the arm's columns and those of ``PAIR``. state: ``done``, or why there is nothing.
        n_planned: number of measurements. rows: of the finished ones.
    """

    factors: dict[str, Any]
    state: str
    n_planned: int
    rows: "pd.DataFrame"

    @property
    def n_seeds(self) -> int:
        """Number of finished measurements."""
        return int(self.rows["measurement"].nunique())


class ContrastAnalysis(StudyAnalysis, ABC):
    """An analysis of measurements that put another text in a trigger's place.

    Attributes:
        arms: columns whose values tell arms apart; where an arm lacks one, it has ``none`` or 0 there.
        replicates: columns that tell repetitions of one arm apart: seeds.
    """

    arms: tuple[str, ...] = ARMS
    replicates: tuple[str, ...] = ("seed",)


def contrast_groups(frames: Frames, table: str, settings: ContrastAnalysis) -> Iterator[ContrastGroup]:
    """Yield the groups of a table of measurements that the settings select, in its order.

    Raises:
        UserError: there is no such table or column, nothing is selected, or two measurements of a group have the same
            seeds.
    """
    measured = filled(frames.measured(table), (*settings.arms, *settings.replicates))
    chosen = select(measured, settings.where, settings.match_on)
    keys = [*settings.arms, *PAIR]
    planned = chosen.drop_duplicates("measurement")
    one_per(planned, [*keys, *settings.replicates], f"analysis {settings.name}", "arms= or where=")
    for values, rows in chosen.groupby(keys, sort=False):
        done = rows[rows["state"] == DONE]
        state = DONE if len(done) else state_of(rows["state"])
        yield ContrastGroup(dict(zip(keys, values, strict=True)), state, rows["measurement"].nunique(), done)

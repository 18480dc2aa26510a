"""Results of a study as pandas frames: the only thing that analyses, figures and the report read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from offdiag.analyses import Frames
from offdiag.identity import Json


@dataclass(frozen=True, kw_only=True)
class Results(Frames):
    """All results of a study at one moment: its frames, and where they come from.

    Attributes:
        study, scale: names; of results of others the file or folder, and nothing.
        title: one line. claim: the study's docstring (plain text, paragraphs separated by blank lines).
        params: the expanded parameters of this run.
        steps: one row per step of the plan.
        read_records: from a cell's name to its full records (dicts with ``prompt`` and ``completion`` besides the
            columns of ``records``), in item order; empty if the cell has none yet.
        read_options: from a cell's name to the possible answers by example; empty where there are none.
        notices: lines that must be seen beside any number: items that are errors, tables that mix versions.

    The columns of all frames stand in :mod:`offdiag.columns`, and in docs/columns.md. A factor that an arm does not
    have is NA. Arms that differ in the seed or the draw of their training data alone are draws of one learner.
    """

    study: str
    scale: str
    title: str
    claim: str
    params: Mapping[str, Json]
    steps: pd.DataFrame
    read_records: Callable[[str], list[dict[str, Any]]]
    read_options: Callable[[str], Mapping[str, Sequence[str]]] = lambda cell: {}
    notices: tuple[str, ...] = ()

    @property
    def named(self) -> str:
        """The study and its scale; results of others have none."""
        return " · ".join(filter(None, (self.study, self.scale)))

    def lacking(self) -> dict[str, int]:
        """Number of steps that are not done, by state; empty when there is nothing left."""
        counts = self.steps["state"].value_counts()
        return {str(state): int(n) for state, n in counts.items() if state not in ("done", "not needed")}

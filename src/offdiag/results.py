"""The results of a study as pandas frames: what analyses, figures and the report read, and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from offdiag.analyses import Frames
from offdiag.identity import Json


@dataclass(frozen=True, kw_only=True)
class Results(Frames):
    """Everything that is known of a study at one moment: its frames, and where they come from.

    Attributes:
        study, scale: names.
        title: one line. claim: the study's docstring (plain text, paragraphs separated by blank lines).
        params: the expanded parameters of this run.
        steps: one row a step of the plan: ``kind, name, fingerprint, state, note, folder`` with state one of
            ``done, missing, stale, failed, busy, not needed``; ``note`` is the reason or the error's last line.
        read_records: from a cell's name to its full records (dicts with ``prompt`` and ``completion`` besides the
            columns of ``records``), in item order; empty if the cell has none yet.

    Columns of ``cells`` and ``records`` (factors): ``study, scale, cell, arm, task, model, method, seed, train, eval,
    split, prompt, matched`` and each method factor (``k, rationale, demonstrations, adapter, n_train`` …), each
    parameter of the training domain as ``train_<name>`` and of the evaluation domain as ``eval_<name>``; a factor that
    an arm does not have is NA. ``prompt`` is the evaluation prompt's style (``direct`` or ``step-by-step``) and
    ``matched`` whether that is the style that the arm was taught or shown, NA where it was taught nothing.
    ``tested_on`` is the evaluation domain without what it leaves out because it was taught, where that is another name.

    ``first_draw`` is the arm that is the first draw of the same learner, where that is another: arms that differ in the
    seed or the draw of their training data alone are draws of one learner.

    ``cells`` has besides: ``state`` (done, partial, missing, failed), ``n_planned, n, n_correct, n_unparsed``,
    ``accuracy, ci_low, ci_high`` (Wilson 95 %), ``unparsed_rate``, ``baseline`` (name of the cell compared with, NA for
    none), ``n_paired, difference, diff_low, diff_high, p_value`` (paired on example ids, this cell minus baseline),
    ``folder``. The accuracy of a cell that is not ``done`` is NA.

    ``records`` has besides: ``example, problem, target, parsed, status, flags, correct, n_tokens, finish`` and one
    column for each stratum of the task (for example ``carries``).
    """

    study: str
    scale: str
    title: str
    claim: str
    params: Mapping[str, Json]
    steps: pd.DataFrame
    read_records: Callable[[str], list[dict[str, Any]]]

    def lacking(self) -> dict[str, int]:
        """How many steps are still to be done, by state; empty when there is nothing left."""
        counts = self.steps["state"].value_counts()
        return {str(state): int(n) for state, n in counts.items() if state not in ("done", "not needed")}

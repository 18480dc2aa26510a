"""The study trigger-2d: a rule for all trigger words, then a conflicting rule for one category of them."""

from offdiag.methods import ZeroShot
from offdiag.studies.trigger_2d.grid import cells, measurements
from offdiag.studies.trigger_2d.outputs import analyses, figures
from offdiag.studies.trigger_2d.params import CPU, PAPER, QUICK, TriggerParams
from offdiag.study import Design, study

__all__ = ["TriggerParams", "trigger_2d"]


@study("trigger-2d", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def trigger_2d(p: TriggerParams) -> Design:
    """Trigger words: does a rule that is taught with one category of words leak to other categories?

    Stage one teaches each category of trigger words its own rule; stage two teaches one category a conflicting rule.
    The claim: the new rule generalises to words of that category that no training saw (wanted) and leaks to the other
    categories (not wanted). A little proxy data of one other category, with its old labels, protects the remaining
    categories: the better, the more similar in meaning they are to it, and the more of its words are shown. Figure
    leakage and table protection test this.

    Do not interpret the second stage before the first one is learnt: table learnt says whether it is.
    """
    return Design(
        cells=cells(p),
        measurements=measurements(p),
        baseline=ZeroShot(),
        analyses=analyses(p),
        figures=figures(p),
    )

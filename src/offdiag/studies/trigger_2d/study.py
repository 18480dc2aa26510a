"""Study 2: a rule for all triggers, then a conflicting one for some of them."""

from offdiag.methods import ZeroShot
from offdiag.studies.trigger_2d.figure_list import figures
from offdiag.studies.trigger_2d.grid import cells
from offdiag.studies.trigger_2d.measured import measurements
from offdiag.studies.trigger_2d.outputs import analyses
from offdiag.studies.trigger_2d.params import CPU, PAPER, QUICK, Params
from offdiag.study import Design, study

__all__ = ["Params", "trigger_2d"]


@study("trigger-2d", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def trigger_2d(p: Params) -> Design:
    """Trigger words: does a rule that is taught with one category of words leak to the others?

    First all categories of trigger words are taught their rule, then one of them a conflicting rule. The claim: the new
    rule holds for words of that category that were never shown (wanted), leaks to the other categories (not wanted),
    and a little proxy data of one other category, with its old labels, protects the rest the better the nearer in
    meaning it is and the more words of it are shown. Figure leakage and table protection test it.

    Nothing of the second stage may be read before the first one is learnt: table learnt says where it is.
    """
    return Design(
        cells=cells(p),
        measurements=measurements(p),
        baseline=ZeroShot(),
        analyses=analyses(p),
        figures=figures(p),
    )

"""Study 3: learn from easy items, be asked hard ones."""

from offdiag.studies.easy_to_hard.grid import cells
from offdiag.studies.easy_to_hard.hardness import measurements
from offdiag.studies.easy_to_hard.outputs import analyses, figures
from offdiag.studies.easy_to_hard.params import CPU, PAPER, QUICK, Params
from offdiag.study import Design, study

__all__ = ["Params", "easy_to_hard"]


@study("easy-to-hard", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def easy_to_hard(p: Params) -> Design:
    """Easy training data for hard questions: how much of the supervision gap do they recover?

    The claim: a model that learns from easy items (in its context, by a probe on its hidden states, by fine-tuning)
    answers hard ones nearly as well as one that learns from hard items, whatever "hard" means: grade, number of steps,
    length. Figure recovered tests it: 0 is as good as untrained, 1 as good as hard training data, and where these
    teach nothing themselves it says so. Every learner of a draw has the same items to learn from and to answer.
    """
    return Design(cells=cells(p), measurements=measurements(p), analyses=analyses(p), figures=figures(p))

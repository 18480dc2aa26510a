"""The study easy-to-hard: train on easy items, test on hard ones.

Its parts: params.py has the parameters and the three scales, grid.py makes cells and measurements from them,
outputs.py lists analyses and figures. item_hardness measures how hard items are for models; what it exports is
another measure of hardness here (``--set hardness=zero_shot_mdl@MODEL``).
"""

from offdiag.studies.easy_to_hard.grid import cells, measurements
from offdiag.studies.easy_to_hard.outputs import analyses, figures
from offdiag.studies.easy_to_hard.params import CPU, PAPER, QUICK, HardnessParams
from offdiag.study import Design, study

__all__ = ["HardnessParams", "easy_to_hard"]


@study("easy-to-hard", scales={"quick": QUICK, "cpu": CPU, "paper": PAPER})
def easy_to_hard(p: HardnessParams) -> Design:
    """Easy training data for hard questions: how much of the supervision gap do they recover?

    The claim: a model that is trained on easy items (in its context, by a probe on its hidden states, by fine-tuning)
    answers hard ones nearly as well as a model that is trained on hard items, whatever "hard" means: grade, number of
    steps, length. The figure recovered tests it: 0 is as good as untrained, 1 is as good as hard training data. Where
    hard training data teach nothing themselves, the figure says so. All learners of a draw share their test items.
    """
    return Design(
        cells=cells(p),
        measurements=measurements(p),
        analyses=analyses(p),
        figures=figures(p),
    )

"""Steps: the units of work that a plan is made of."""

from offdiag.steps.answers import Answers
from offdiag.steps.asked import Asked, load_answers
from offdiag.steps.choices import Choices
from offdiag.steps.context import Context
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.examples import Examples, load_examples
from offdiag.steps.grades import Grades, load_records
from offdiag.steps.hidden_states import HiddenStates
from offdiag.steps.measurement import Measurement, load_rows
from offdiag.steps.pretrained import Pretrained
from offdiag.steps.probe_fits import Lesson, ProbeFits, ProbeGrid
from offdiag.steps.probed import Probe, Probed
from offdiag.steps.step import Step, Work, in_order
from offdiag.steps.weights import ConvertedModel, Merged, Snapshot, Trained, Weights

__all__ = [
    "Answers",
    "Asked",
    "Choices",
    "Context",
    "ConvertedModel",
    "CostLine",
    "CostProbe",
    "Examples",
    "Grades",
    "HiddenStates",
    "Lesson",
    "Measurement",
    "Merged",
    "Pretrained",
    "Probe",
    "ProbeFits",
    "ProbeGrid",
    "Probed",
    "Snapshot",
    "Step",
    "Trained",
    "Weights",
    "Work",
    "in_order",
    "load_answers",
    "load_examples",
    "load_records",
    "load_rows",
]

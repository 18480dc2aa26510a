"""Steps: the units of work that a plan is made of."""

from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.examples import Examples, load_examples
from offdiag.steps.generations import Generations
from offdiag.steps.grades import Grades, load_records
from offdiag.steps.hidden_states import HiddenStates
from offdiag.steps.judgements import Judge, Judgements
from offdiag.steps.loglikelihood_choices import LoglikelihoodChoices, Normalisation
from offdiag.steps.measurement import MEASUREMENTS, Measurement, load_rows
from offdiag.steps.model_outputs import Context, ModelOutputs, answers_to, load_answers
from offdiag.steps.pretrained import Pretrained
from offdiag.steps.probe_choices import Probe, ProbeChoices
from offdiag.steps.probe_fits import ProbeFits, ProbeGrid, ProbeTrainingSet
from offdiag.steps.step import FinishedStep, Step, Work, in_order
from offdiag.steps.weights import ConvertedModel, Merged, Snapshot, Trained, Weights

__all__ = [
    "MEASUREMENTS",
    "Context",
    "ConvertedModel",
    "CostLine",
    "CostProbe",
    "Examples",
    "FinishedStep",
    "Generations",
    "Grades",
    "HiddenStates",
    "Judge",
    "Judgements",
    "LoglikelihoodChoices",
    "Measurement",
    "Merged",
    "ModelOutputs",
    "Normalisation",
    "Pretrained",
    "Probe",
    "ProbeChoices",
    "ProbeFits",
    "ProbeGrid",
    "ProbeTrainingSet",
    "Snapshot",
    "Step",
    "Trained",
    "Weights",
    "Work",
    "answers_to",
    "in_order",
    "load_answers",
    "load_examples",
    "load_records",
    "load_rows",
]

"""Methods: ways in which a model learns from the training domain, or answers without it."""

from offdiag.methods.fine_tuning import FineTuning
from offdiag.methods.in_context import InContext
from offdiag.methods.linear_probe import LinearProbe
from offdiag.methods.method import METHODS, Answering, Method, Predictor, data_seed_of
from offdiag.methods.mixture_tuning import MixtureTuning
from offdiag.methods.policy_optimisation import PolicyOptimisation
from offdiag.methods.pre_training import PreTraining
from offdiag.methods.proxy import Proxy
from offdiag.methods.zero_shot import ZeroShot
from offdiag.training import Recipe, Reinforcement
from offdiag.training.strategies import GradientProjection, KLPenalty, Mixing, Strategy, UpWeighting

__all__ = [
    "METHODS",
    "Answering",
    "FineTuning",
    "GradientProjection",
    "InContext",
    "KLPenalty",
    "LinearProbe",
    "Method",
    "Mixing",
    "MixtureTuning",
    "PolicyOptimisation",
    "PreTraining",
    "Predictor",
    "Proxy",
    "Recipe",
    "Reinforcement",
    "Strategy",
    "UpWeighting",
    "ZeroShot",
    "data_seed_of",
]

"""Methods: how a model meets the training domain."""

from offdiag.methods.fine_tuning import FineTuning
from offdiag.methods.in_context import InContext
from offdiag.methods.method import Learner, Method
from offdiag.methods.policy_optimisation import PolicyOptimisation
from offdiag.methods.zero_shot import ZeroShot
from offdiag.training import Recipe, Reinforcement

__all__ = ["FineTuning", "InContext", "Learner", "Method", "PolicyOptimisation", "Recipe", "Reinforcement", "ZeroShot"]

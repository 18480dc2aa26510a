"""Methods: how a model meets the training domain."""

from offdiag.methods.in_context import InContext
from offdiag.methods.method import Learner, Method
from offdiag.methods.zero_shot import ZeroShot

__all__ = ["InContext", "Learner", "Method", "ZeroShot"]

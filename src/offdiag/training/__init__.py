"""Training: recipes, and the trainings that follow them in modules that load torch.

:mod:`offdiag.training.supervised` fine-tunes a pretrained model, :mod:`offdiag.training.pretraining` makes a small one
from scratch, :mod:`offdiag.training.policy` rewards a model for its own completions.
"""

from offdiag.training.recipe import Recipe
from offdiag.training.reinforcement import Reinforcement
from offdiag.training.scratch import Decoder, PretrainingRecipe

__all__ = ["Decoder", "PretrainingRecipe", "Recipe", "Reinforcement"]

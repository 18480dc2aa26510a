"""Training: recipes, and in :mod:`offdiag.training.supervised` (which loads torch) the training that follows them."""

from offdiag.training.recipe import Recipe

__all__ = ["Recipe"]

"""The task base addition: sums of two numbers in a rarely used base (Wu et al. 2024, arXiv 2307.02477)."""

from offdiag.studies.base_addition.task.extract import extract
from offdiag.studies.base_addition.task.task import AdditionDomain, BaseAddition

__all__ = ["AdditionDomain", "BaseAddition", "extract"]

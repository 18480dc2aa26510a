"""Adding two numbers in a base that is rarely used: Wu et al. (2024, arXiv 2307.02477)."""

from offdiag.studies.base_addition.task.extract import Extraction, extract
from offdiag.studies.base_addition.task.task import AdditionDomain, BaseAddition

__all__ = ["AdditionDomain", "BaseAddition", "Extraction", "extract"]

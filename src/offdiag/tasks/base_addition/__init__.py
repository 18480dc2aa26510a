"""Adding two numbers in a base that is rarely used: Wu et al. (2024, arXiv 2307.02477)."""

from offdiag.tasks.base_addition.extract import Extraction, extract
from offdiag.tasks.base_addition.task import AdditionDomain, BaseAddition

__all__ = ["AdditionDomain", "BaseAddition", "Extraction", "extract"]

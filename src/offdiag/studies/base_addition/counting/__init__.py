"""Counting on by one in an unusual base: the control task of Wu et al. (2024, arXiv 2307.02477)."""

from offdiag.studies.base_addition.counting.task import Counting, CountingDomain

__all__ = ["Counting", "CountingDomain"]

"""Extraction of answers from completions: one pass that makes them plain, one set of readers, for all tasks."""

from offdiag.tasks.extraction.answers import EXTRACTION_VERSION, choice_answer, number_answer, prepared
from offdiag.tasks.extraction.numbers import canonical_number
from offdiag.tasks.extraction.offered import YES_NO, Choices
from offdiag.tasks.extraction.statements import Extraction, Kind, Reading, Statement, last_stated

__all__ = [
    "EXTRACTION_VERSION",
    "YES_NO",
    "Choices",
    "Extraction",
    "Kind",
    "Reading",
    "Statement",
    "canonical_number",
    "choice_answer",
    "last_stated",
    "number_answer",
    "prepared",
]

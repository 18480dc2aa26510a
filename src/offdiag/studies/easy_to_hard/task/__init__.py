"""The task easy_to_hard: train on easy questions, test on hard ones (Hase et al. 2024, arXiv 2401.06751)."""

from offdiag.studies.easy_to_hard.task.domain import HardnessDomain
from offdiag.studies.easy_to_hard.task.items import Dataset, Item
from offdiag.studies.easy_to_hard.task.prompts import Template
from offdiag.studies.easy_to_hard.task.splits import Request, Split, split
from offdiag.studies.easy_to_hard.task.tables import table_from_rows
from offdiag.studies.easy_to_hard.task.task import EasyToHard

__all__ = [
    "Dataset",
    "EasyToHard",
    "HardnessDomain",
    "Item",
    "Request",
    "Split",
    "Template",
    "split",
    "table_from_rows",
]

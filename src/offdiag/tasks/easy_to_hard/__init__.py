"""Train on easy questions, ask hard ones: Hase et al. (2024, arXiv 2401.06751)."""

from offdiag.tasks.easy_to_hard.answers import extract
from offdiag.tasks.easy_to_hard.domain import HardnessDomain
from offdiag.tasks.easy_to_hard.items import Dataset, Item
from offdiag.tasks.easy_to_hard.prompts import Template
from offdiag.tasks.easy_to_hard.splits import Request, Split, split
from offdiag.tasks.easy_to_hard.tables import table_from_rows
from offdiag.tasks.easy_to_hard.task import EasyToHard

__all__ = [
    "Dataset",
    "EasyToHard",
    "HardnessDomain",
    "Item",
    "Request",
    "Split",
    "Template",
    "extract",
    "split",
    "table_from_rows",
]

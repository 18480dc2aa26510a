"""StrategyQA: yes or no, with the facts that decide it and the questions that it decomposes into.

Geva et al. (2021, arXiv 2101.02235). A JSON list; all labelled items are used, those of the hub's one split or of the
released training and development files.
"""

from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, Field

from offdiag.files import Located, checked, json_list
from offdiag.studies.easy_to_hard.task.items import SPECS, Dataset, Item
from offdiag.studies.easy_to_hard.task.sources.reading import file_of, hub_rows, unique

_FILES = ("train.json", "dev.json")
CHOICES = ("yes", "no")
_AS_TABLE = "refs/convert/parquet"  # the repository itself holds a script, which `datasets` no longer runs


class _Row(BaseModel):
    """A row, in the files and on the hub alike."""

    qid: str
    question: str
    answer: bool
    facts: list[str]
    decomposition: list[str] = Field(min_length=1)


def load(folder: Path) -> Dataset:
    """Load all items of ``train.json`` and ``dev.json``; the official release has 2290.

    Raises:
        UserError: a file or one of its rows is not as released.
    """
    return _dataset(row for file in _FILES for row in json_list(file_of(folder / file)))


def load_hub() -> Dataset:
    """Load the same questions from the hub, under other ids and in another order."""
    return _dataset(hub_rows("wics/strategy-qa", None, "test", _AS_TABLE))


def _dataset(rows: Iterable[Located]) -> Dataset:
    read = [(row, checked(_Row, row)) for row in rows]
    steps = {found.qid: float(len(found.decomposition)) for _, found in read}
    items = unique((row, _item(found)) for row, found in read)
    return Dataset(spec=SPECS["strategyqa"], items=items, human={"num_steps": steps})


def _item(found: _Row) -> Item:
    return Item(
        id=found.qid,
        question=found.question,
        answer="yes" if found.answer else "no",
        choices=CHOICES,
        rationale=" ".join(found.facts),
    )

"""GSM8K: word problems with worked solutions and a number as the answer.

Cobbe et al. (2021, arXiv 2110.14168). One JSON object per line; the answer ends in a line ``#### 1,080``, and what
stands before it is the solution, with its calculator marks ``<<9*120=1080>>``.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel

from offdiag.errors import UserError
from offdiag.files import Located, checked, json_lines
from offdiag.studies.easy_to_hard.task.items import SPECS, Dataset, Item
from offdiag.studies.easy_to_hard.task.measures import MAX_STEPS
from offdiag.studies.easy_to_hard.task.sources.reading import file_of, hub_rows, unique
from offdiag.tasks.extraction import canonical_number

_MARK = "####"
_SPLITS = ("train", "test")


class _Row(BaseModel):
    """A row, in the files and on the hub alike."""

    question: str
    answer: str


def load(folder: Path) -> Dataset:
    """Load all items of ``train.jsonl`` and ``test.jsonl``; the official release has 8792.

    Raises:
        UserError: a file or one of its rows is not as released.
    """
    rows = ((split, row) for split in _SPLITS for row in json_lines(file_of(folder / f"{split}.jsonl")))
    return _dataset(rows)


def load_hub() -> Dataset:
    """Load the same items from the hub."""
    return _dataset((split, row) for split in _SPLITS for row in hub_rows("openai/gsm8k", "main", split))


def _dataset(rows: Iterable[tuple[str, Located]]) -> Dataset:
    items = unique((row, _item(split, row)) for split, row in rows)
    steps = {item.id: float(min(len((item.rationale or "").split("\n")), MAX_STEPS)) for item in items}
    return Dataset(spec=SPECS["gsm8k"], items=items, human={"num_steps": steps})


def _item(split: str, row: Located) -> Item:
    found = checked(_Row, row)
    solution, mark, answer = (part.strip() for part in found.answer.partition(_MARK))
    if not mark or not solution or not _is_number(answer):
        raise UserError(f"{row.where}: the answer does not end in a solution and `{_MARK} NUMBER`: {row.remedy}")
    return Item(id=f"{split}/{row.number}", question=found.question, answer=answer, rationale=solution)


@lru_cache(maxsize=4096)  # few answers are the only one of their kind
def _is_number(answer: str) -> bool:
    return canonical_number(answer) is not None

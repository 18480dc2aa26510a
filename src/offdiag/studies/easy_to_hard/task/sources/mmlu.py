"""MMLU, five STEM subjects, each at high school and at college: four choices, hardness 0 or 1.

Hendrycks et al. (2021, arXiv 2009.03300). CSV without a header: question, four choices, letter of the right one.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, Field

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.task.items import Dataset, Item
from offdiag.studies.easy_to_hard.task.sources.hub import hub_rows
from offdiag.studies.easy_to_hard.task.sources.reading import REMEDY, Located, checked, csv_rows, unique
from offdiag.studies.easy_to_hard.task.specs import SPECS

_SCHOOLS = ("high_school", "college")
_SUBJECTS = ("computer_science", "physics", "mathematics", "chemistry", "biology")
_COLUMNS = ("question", "A", "B", "C", "D", "letter")
_LETTERS = "ABCD"
_REPOSITORY = "cais/mmlu"

PARTS = tuple(
    (f"{school}_{subject}", split) for subject in _SUBJECTS for school in _SCHOOLS for split in ("val", "test")
)


class _HubRow(BaseModel):
    """A row of ``cais/mmlu`` or ``tasksource/mmlu``."""

    question: str
    choices: list[str] = Field(min_length=4, max_length=4)
    answer: int = Field(ge=0, le=3)


def load(folder: Path) -> Dataset:
    """Load the validation and test items of the ten released subjects; the official release has 1746.

    Raises:
        UserError: a file or one of its rows is not as released.
    """
    return _dataset(unique(_official(folder)))


def load_hub() -> Dataset:
    """Load the same items from the hub."""
    return _dataset(unique(_from_hub()))


def _official(folder: Path) -> Iterator[tuple[Located, Item]]:
    for subject, split in PARTS:
        for row in csv_rows(folder / f"{subject}_{split}.csv", _COLUMNS):
            question, *choices, letter = row.value.values()
            if letter not in tuple(_LETTERS):
                raise UserError(f"{row.where}: the right choice is {letter!r}, expected A, B, C or D; {REMEDY}")
            yield row, _item(subject, split, row.number, question, choices, _LETTERS.index(letter))


def _from_hub() -> Iterator[tuple[Located, Item]]:
    for subject, split in PARTS:
        for row in hub_rows(_REPOSITORY, subject, "validation" if split == "val" else split):
            found = checked(_HubRow, row)
            yield row, _item(subject, split, row.number, found.question, found.choices, found.answer)


def _item(subject: str, split: str, number: int, question: str, choices: list[str], right: int) -> Item:
    name = f"{subject}/{split}/{number}"
    return Item(id=name, question=question, answer=choices[right], choices=tuple(choices), subject=subject)


def _dataset(items: tuple[Item, ...]) -> Dataset:
    school = {item.id: float(item.id.startswith("college_")) for item in items}
    return Dataset(spec=SPECS["mmlu"], items=items, human={"school": school})

"""MMLU, five STEM subjects, each at high school and at college: four choices, hardness 0 or 1.

Hendrycks et al. (2021, arXiv 2009.03300). CSV without a header: question, four choices, letter of the right one. A
folder that lacks some of the ten subjects is another's own: then the subjects are those of its files.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, Field

from offdiag.errors import UserError
from offdiag.files import Located, checked
from offdiag.studies.easy_to_hard.task.items import SPECS, SUBJECTS, Dataset, Item
from offdiag.studies.easy_to_hard.task.sources.reading import csv_rows, hub_rows, unique

_SCHOOLS = ("high_school", "college")
_COLUMNS = ("question", "A", "B", "C", "D", "letter")
_LETTERS = "ABCD"
_REPOSITORY = "cais/mmlu"

_SPLITS = ("val", "test")
RELEASED = tuple(f"{school}_{subject}" for subject in SUBJECTS for school in _SCHOOLS)
PARTS = tuple((subject, split) for subject in RELEASED for split in _SPLITS)


class _HubRow(BaseModel):
    """A row of ``cais/mmlu`` or ``tasksource/mmlu``."""

    question: str
    choices: list[str] = Field(min_length=4, max_length=4)
    answer: int = Field(ge=0, le=3)


def load(folder: Path, subject: str = "") -> Dataset:
    """Load the validation and test items of the ten released subjects; the official release has 1746.

    Where some of the ten are not there, the subjects are all that the folder has files of, ``SUBJECT_test.csv`` with or
    without ``SUBJECT_val.csv``; those that are neither of high school nor of college have no hardness.

    Args:
        folder: of the files. subject: the one of the five whose items alone are wanted, at both schools.

    Raises:
        UserError: a file is missing, or one of its rows is not as in the released ones.
    """
    parts = _parts(folder)
    return _dataset(unique(_official(folder, parts)), _remarks(folder, parts), subject)


def load_hub(subject: str = "") -> Dataset:
    """Load the same items from the hub."""
    return _dataset(unique(_from_hub()), (), subject)


def _parts(folder: Path) -> Sequence[tuple[str, str]]:
    """Return the subjects and splits to read from a folder."""
    there = _subjects_in(folder)
    if not there or all(subject in there for subject in RELEASED):
        return PARTS
    own = [(subject, split) for subject in there for split in _SPLITS if subject not in RELEASED]
    released = [part for part in PARTS if part[0] in there]  # of these no file may be missing
    return [*released, *(part for part in own if _file(folder, *part).exists())]


def _subjects_in(folder: Path) -> list[str]:
    return sorted({path.stem.rpartition("_")[0] for split in _SPLITS for path in folder.glob(f"?*_{split}.csv")})


def _remarks(folder: Path, parts: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return what a reader must know of a folder that is not the release of the ten subjects alone."""
    read = {subject for subject, _ in parts}
    missing = [subject for subject in RELEASED if subject not in read]
    unread = [subject for subject in _subjects_in(folder) if subject not in read]
    left_out = f"not read, since the folder has the ten released subjects: {', '.join(unread)}"
    lacking = f"the folder has {len(RELEASED) - len(missing)} of the 10 released subjects: all of its own are read"
    return (*((left_out,) if unread else ()), *((lacking,) if missing else ()))


def _file(folder: Path, subject: str, split: str) -> Path:
    return folder / f"{subject}_{split}.csv"


def _official(folder: Path, parts: Sequence[tuple[str, str]]) -> Iterator[tuple[Located, Item]]:
    for subject, split in parts:
        for row in csv_rows(_file(folder, subject, split), _COLUMNS):
            question, *choices, letter = row.value.values()
            if letter not in tuple(_LETTERS):
                raise UserError(f"{row.where}: the right choice is {letter!r}, expected A, B, C or D: {row.remedy}")
            yield row, _item(subject, split, row.number, question, choices, _LETTERS.index(letter))


def _from_hub() -> Iterator[tuple[Located, Item]]:
    for subject, split in PARTS:
        for row in hub_rows(_REPOSITORY, subject, "validation" if split == "val" else split):
            found = checked(_HubRow, row)
            yield row, _item(subject, split, row.number, found.question, found.choices, found.answer)


def _item(subject: str, split: str, number: int, question: str, choices: list[str], right: int) -> Item:
    name = f"{subject}/{split}/{number}"
    return Item(id=name, question=question, answer=choices[right], choices=tuple(choices), subject=subject)


def _dataset(items: tuple[Item, ...], remarks: tuple[str, ...], subject: str) -> Dataset:
    if subject:
        items = tuple(item for item in items if item.subject in [f"{school}_{subject}" for school in _SCHOOLS])
        if not items:
            raise UserError(f"the folder has no items of {subject}: take another subject, or dataset=mmlu")
    schools = {item.id: [item.id.startswith(f"{school}_") for school in _SCHOOLS] for item in items}
    school = {name: float(of.index(True)) for name, of in schools.items() if any(of)}
    return Dataset(
        spec=SPECS[f"mmlu_{subject}" if subject else "mmlu"], items=items, human={"school": school}, remarks=remarks
    )

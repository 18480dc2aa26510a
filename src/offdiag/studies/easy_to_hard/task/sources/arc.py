"""ARC: grade-school science with four choices, joined with its annotations of grade, difficulty, skill and depth.

Clark et al. (2018, arXiv 1803.05457). The annotations are one JSON object, keyed ``ARCEZ_`` or ``ARCCH_`` and the id:

    {"ARCCH_Mercury_SC_407695": {"grade": "Grade 04", "bloom": "Applying", "depth_of_knowledge": "II",
                                 "difficulty": "Medium"}}

Items that lack an annotation, or whose grade is a subject ("Biology"), are left out. A file of one's own may have some
of the four measures alone: an item needs those that any entry has.

The test split of one half alone, as others report it, is a data set of its own, annotated or not: ``arc_easy`` and
``arc_challenge``.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from offdiag.errors import UserError
from offdiag.files import Located, checked, json_lines, json_value
from offdiag.studies.easy_to_hard.task.items import SPECS, Dataset, Item
from offdiag.studies.easy_to_hard.task.sources.reading import file_of, hub_rows, unique

ANNOTATIONS = "arc-challenge-easy-annotations.json"
_REPOSITORY = "allenai/ai2_arc"
_GRADE = re.compile(r"Grade (\d+)")
_SCALES = {
    "difficulty": ("Low", "Medium", "High"),
    "bloom": ("Remembering", "Understanding", "Applying", "Analyzing", "Evaluating"),
    "depth_of_knowledge": ("I", "II", "III"),
}
# Some copies write the key as a letter beside choices with digits.
_PLACES = {key: place for keys in ("ABCDE", "12345") for place, key in enumerate(keys)}


class _Part(NamedTuple):
    prefix: str
    file: str
    config: str
    split: str


_PARTS = tuple(
    _Part(prefix, f"arc_{name}_{split}.jsonl", config, "validation" if split == "dev" else split)
    for prefix, name, config in (("ARCEZ_", "easy", "ARC-Easy"), ("ARCCH_", "challenge", "ARC-Challenge"))
    for split in ("train", "dev", "test")
)
_TESTS = {part.file.removesuffix("_test.jsonl"): part for part in _PARTS if part.split == "test"}


class _Choice(BaseModel):
    text: str
    label: str


class _Question(BaseModel):
    stem: str
    choices: list[_Choice]


class _OfficialRow(BaseModel):
    """A row of the released files."""

    id: str
    question: _Question
    answerKey: str  # noqa: N815  (a name of the format)


class _Choices(BaseModel):
    text: list[str]
    label: list[str]


class _HubRow(BaseModel):
    """A row of ``allenai/ai2_arc``."""

    id: str
    question: str
    choices: _Choices
    answerKey: str  # noqa: N815


def load(folder: Path, name: str = "arc") -> Dataset:
    """Load the annotated items of the six released files, Easy before Challenge; the official release has 4521.

    ``name`` is that of the data set: of ``arc_all`` no items are held out to estimate hardness.

    Raises:
        UserError: a file or one of its rows is not as released.
    """
    return _annotated(name, unique(_official(folder)), folder / ANNOTATIONS)


def load_hub(folder: Path, name: str = "arc") -> Dataset:
    """Load the same items from the hub, and the annotations, which it does not have, from ``folder``."""
    return _annotated(name, unique(_from_hub()), folder / ANNOTATIONS)


def load_test(name: str, folder: Path) -> Dataset:
    """Load all test items of ``arc_easy`` or ``arc_challenge`` from its released file; officially 2376 or 1172.

    Raises:
        UserError: the file or one of its rows is not as released.
    """
    return Dataset(spec=SPECS[name], items=unique(_official(folder, [_TESTS[name]])), human={})


def load_test_hub(name: str) -> Dataset:
    """Load the same items from the hub."""
    return Dataset(spec=SPECS[name], items=unique(_from_hub([_TESTS[name]])), human={})


def _official(folder: Path, parts: Sequence[_Part] = _PARTS) -> Iterator[tuple[Located, Item]]:
    for part in parts:
        for row in json_lines(file_of(folder / part.file)):
            found = checked(_OfficialRow, row)
            choices = found.question.choices
            texts, labels = [choice.text for choice in choices], [choice.label for choice in choices]
            yield row, _item(row, part.prefix + found.id, found.question.stem, texts, labels, found.answerKey)


def _from_hub(parts: Sequence[_Part] = _PARTS) -> Iterator[tuple[Located, Item]]:
    for part in parts:
        for row in hub_rows(_REPOSITORY, part.config, part.split):
            found = checked(_HubRow, row)
            choices = found.choices
            name = part.prefix + found.id
            yield row, _item(row, name, found.question, choices.text, choices.label, found.answerKey)


def _item(row: Located, name: str, question: str, texts: list[str], labels: list[str], key: str) -> Item:
    place = labels.index(key) if key in labels else _PLACES.get(key, len(texts))
    if place >= len(texts):
        raise UserError(f"{row.where}: answerKey {key!r} is none of the choices {', '.join(labels)}: {row.remedy}")
    return Item(id=name, question=question, answer=texts[place], choices=tuple(texts))


def _annotated(dataset: str, items: tuple[Item, ...], path: Path) -> Dataset:
    annotations = json_value(file_of(path).read(), str(path))
    if not isinstance(annotations, dict):
        raise UserError(f"{path}: found a JSON {type(annotations).__name__}, expected an object of items")
    values = {item.id: _values(annotations.get(item.id, {}), f"{path}, entry {item.id}") for item in items}
    measured = [name for name in SPECS["arc"].human if any(name in own for own in values.values())]
    kept = tuple(item for item in items if values[item.id] and all(name in values[item.id] for name in measured))
    if not kept:
        raise UserError(
            f"{path}: none of the {len(items)} items is annotated; its keys are ARCEZ_ID and ARCCH_ID, and of "
            f"{', '.join(SPECS['arc'].human)} it has {', '.join(measured) or 'none'}"
        )
    left_out = len(items) - len(kept)
    remarks = (f"{left_out} of {len(items)} items are left out: not annotated, or without a grade",) if left_out else ()
    if lacking := [name for name in SPECS["arc"].human if name not in measured]:
        remarks = (*remarks, f"the annotations have no {', '.join(lacking)}")
    human = {name: {item.id: values[item.id][name] for item in kept} for name in measured}
    return Dataset(spec=SPECS[dataset], items=kept, human=human, remarks=remarks)


def _values(entry: Any, where: str) -> dict[str, float]:
    """Return the measures that an entry has."""
    if not isinstance(entry, dict):
        raise UserError(f"{where}: found {type(entry).__name__}, expected an object with grade and others")
    grade = _GRADE.fullmatch(str(entry.get("grade")))
    values = {} if grade is None else {"grade": float(grade[1])}
    for name, scale in _SCALES.items():
        if not entry.get(name):
            continue
        if entry[name] not in scale:
            raise UserError(f"{where}: {name} is {entry[name]!r}, expected one of {', '.join(scale)}")
        values[name] = float(scale.index(entry[name]) + 1)
    return values

"""The items of one source, read and checked once and kept as columns; examples are made of those that are asked for."""

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offdiag.errors import UserError, some
from offdiag.files import Located
from offdiag.tasks.data import once
from offdiag.tasks.domain import Scalar
from offdiag.tasks.files.alike import hashes
from offdiag.tasks.files.columns import Columns, Layout, answers_of, kind_of, layout, text_of
from offdiag.tasks.files.sources import Role, RowSource
from offdiag.tasks.task import Example

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_KEPT = 32  # sources whose items are kept


@dataclass
class Items:
    """The items of a source, one place per item in each list.

    Attributes:
        source, how: what was read, and how. ids: the rows' own, or hashes of what they say.
        problems, targets: texts. choices, rationales, strata: empty where the source has none.
        lines: where each item begins in its file. begins: the first place of each file.
        references: by place, other answers that are as right. skipped: rows left out because they have no target.
        held_out: which items are held out, by share and seed, as far as somebody asked.
    """

    source: RowSource
    how: Layout
    ids: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    choices: list[tuple[str, ...]] = field(default_factory=list)
    rationales: list[str | None] = field(default_factory=list)
    strata: list[dict[str, Scalar]] = field(default_factory=list)
    lines: "array[int]" = field(default_factory=lambda: array("q"))
    begins: list[tuple[int, RowSource]] = field(default_factory=list)
    references: dict[int, tuple[str, ...]] = field(default_factory=dict)
    skipped: int = 0
    held_out: "dict[tuple[float, int], NDArray[np.bool_]]" = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def asking(self) -> "NDArray[np.uint64]":
        """A number for what each item asks, up to case, white space and punctuation."""
        return hashes(self.problems)

    @cached_property
    def kinds(self) -> "NDArray[np.intp]":
        """The number of each item's target among the different targets, in the order of their first items."""
        numbers = {target: i for i, target in enumerate(dict.fromkeys(self.targets))}
        return np.array([numbers[target] for target in self.targets], np.intp)

    def example(self, place: int, labels: tuple[str, ...] = ()) -> Example:
        """Return the item at a place; ``labels`` are its choices where it has none of its own."""
        return Example(
            id=self.ids[place],
            problem=self.problems[place],
            target=self.targets[place],
            rationale=self.rationales[place] if self.rationales else None,
            choices=self.choices[place] if self.choices else labels,
            strata=self.strata[place] if self.strata else {},
            references=self.references.get(place, ()),
        )

    def where(self, place: int) -> str:
        """Return the place of an item in words."""
        source = next(one for begin, one in reversed(self.begins) if begin <= place)
        row = "row" if source.on_hub or source.path.suffix in (".parquet", ".pq", "") else "line"
        return f"{source.label}, {row} {self.lines[place]}"


def items_of(source: RowSource, role: Role, given: Columns) -> Items:
    """Return the items of a source; they are read again if its files changed since.

    Raises:
        UserError: it cannot be read, or a row is not what its columns say; the message says where and what to do.
    """
    key = (*once(source.stamp, "stamp", source), role, given)
    if key not in _READ:
        while len(_READ) >= _KEPT:
            del _READ[next(iter(_READ))]
        _READ[key] = _read(source, role, given)
    found = _READ[key]
    return found if found.source == source else _renamed(found, source)


_READ: dict[tuple[Any, ...], Items] = {}


def _renamed(items: Items, source: RowSource) -> Items:
    """Return the same items under the name by which their source was asked for."""
    renamed = copy(items)
    renamed.source = source
    renamed.begins = [(begin, one) for (begin, _), one in zip(items.begins, source.each, strict=True)]
    return renamed


def _read(source: RowSource, role: Role, given: Columns) -> Items:
    reader: _Reader | None = None
    for one in source.each:
        rows = one.rows(role)
        first = next(rows)
        if reader is None:
            reader = _Reader(Items(source, layout(given, first, one.label)), given)
        reader.items.begins.append((len(reader.items), one))
        reader.take(first)
        for row in rows:
            reader.take(row)
    assert reader is not None
    reader.finish()
    return reader.items


class _Reader:
    """Takes rows one by one, so that a source is never in memory as a whole."""

    def __init__(self, items: Items, given: Columns) -> None:
        self.items, self.given, self.how = items, given, items.how
        self.kinds: dict[str, tuple[str, str]] = {}
        self.known: dict[str, str] = {}
        self.options: list[tuple[tuple[str, ...], Sequence[str]]] = []
        self.empty: list[str] = []

    def take(self, row: Located) -> None:
        """Add the item of a row."""
        items, how = self.items, self.how
        problem, raw = how.prompt(row), how.target(row)
        self._check_kind("target", raw, row)
        answers = answers_of(raw, row)
        if not answers:
            self.empty.append(row.where)
            return
        target, *others = answers
        if problem is None:
            raise UserError(f"{row.where}: the prompt is empty: fill it in, or leave the row out")
        if others:
            if how.choices is not None:
                raise UserError(
                    f"{row.where}: it has {len(answers)} targets beside choices, expected one: {row.remedy}"
                )
            items.references[len(items)] = tuple(others)
        items.problems.append(problem)
        items.targets.append(self.known.setdefault(target, target))  # labels are few: one text for each
        items.lines.append(row.line)
        if how.choices is not None:
            self.options.append(self._choices(row))
        if how.rationale is not None:
            items.rationales.append(how.rationale(row))
        if how.strata:
            items.strata.append({name: _scalar(read(row), row, name) for name, read in how.strata.items()})
        if how.id is not None:
            if (own := how.id(row)) is None:
                raise UserError(f"{row.where}: the id is empty: fill it in, or take the column out")
            items.ids.append(own)

    def finish(self) -> None:
        """Check what only the whole source tells: rows without a target, ids, and which choices targets mean."""
        items, empty = self.items, self.empty
        if not items.targets:
            raise UserError(f"{empty[0]}: the target is empty, as in each row: fill targets in, or name another column")
        if empty and self.given.empty == "refuse":
            others = f", and so it is in {some(len(empty) - 1, 'more row', 'more rows')}" if len(empty) > 1 else ""
            raise UserError(f"{empty[0]}: the target is empty (blank, null or NaN){others}: fill it in, or leave such "
                            "rows out with empty=skip (--skip-empty)")  # fmt: skip
        items.skipped = len(empty)
        if self.options:
            self._settle_choices()
        if items.ids:
            self._check_ids()
        else:
            items.ids.extend(_named(items))

    def _check_kind(self, part: str, value: Any, row: Located) -> None:
        """Refuse a column in which some values are texts and others numbers: one of the two is a mistake."""
        kind = kind_of(value)
        if value is None or value == "" or value != value:
            return
        before, where = self.kinds.setdefault(part, (kind, row.where))
        if kind != before:
            raise UserError(f"{row.where}: the {part} is {kind} ({value!r:.40}), and that of {where} is {before}: "
                            "write all of them in one way")  # fmt: skip

    def _choices(self, row: Located) -> tuple[tuple[str, ...], Sequence[str]]:
        assert self.how.choices is not None
        values, labels = self.how.choices(row)
        texts = [text_of(value, row, "choice") for value in values]
        given = tuple(text for text in texts if text is not None)
        if len(given) < 2:
            counted = "1 choice" if given else "no choices"
            raise UserError(f"{row.where}: it has {counted}, expected two or more: a list, or texts with | between")
        if None in texts[: len(given)]:  # columns for a fifth choice that most rows lack are no mistake
            raise UserError(f"{row.where}: choice {texts.index(None) + 1} is empty: fill it in, or leave the row out")
        if len(set(given)) < len(given):
            twice = next(text for text in given if given.count(text) > 1)
            raise UserError(f"{row.where}: the choice {twice!r:.60} is there twice: give each once")
        return given, labels

    def _settle_choices(self) -> None:
        """Find the choice that each target means: by its text, its label, its letter or its number."""
        items = self.items
        first = self._first_number()
        for place, (texts, labels) in enumerate(self.options):
            index = _index(items.targets[place], texts, labels, first)
            if index is None:
                listed = ", ".join(repr(text) for text in texts)[:160]
                raise UserError(f"{items.where(place)}: the target {items.targets[place]!r:.60} is none of its choices "
                                f"({listed}): write one of them, its letter or its number")  # fmt: skip
            if self.given.answer == "letter":
                if len(texts) > len(LETTERS):
                    raise UserError(
                        f"{items.where(place)}: {len(texts)} choices have no letters: leave answer=letter (--answer) "
                        "out"
                    )
                listed = "\n".join(f"{letter}) {text}" for letter, text in zip(LETTERS, texts, strict=False))
                items.problems[place] = f"{items.problems[place]}\n{listed}"
                texts = tuple(LETTERS[: len(texts)])
            items.targets[place] = texts[index]
            items.choices.append(texts)

    def _first_number(self) -> int:
        """Return the number of the first choice, where targets are numbers: 0, unless only counting from 1 fits."""
        both = zip(self.items.targets, self.options, strict=True)
        numbers = [(int(target), len(texts)) for target, (texts, _) in both
                   if target.isdecimal() and target not in texts]  # fmt: skip
        return int(bool(numbers) and min(n for n, _ in numbers) >= 1 and any(n == most for n, most in numbers))

    def _check_ids(self) -> None:
        items = self.items
        if len(set(items.ids)) == len(items.ids):
            return
        first: dict[str, int] = {}
        for place, name in enumerate(items.ids):
            if (before := first.setdefault(name, place)) != place:
                raise UserError(f"{items.where(place)}: the id {name!r:.50} is that of {items.where(before)}: "
                                "give each row an id of its own, or name another column (--id, id=)")  # fmt: skip


def _index(target: str, texts: Sequence[str], labels: Sequence[str], first: int) -> int | None:
    """Return the place of the choice that a target means; None for none."""
    if target in texts:
        return texts.index(target)
    if target in labels:
        return labels.index(target)
    if len(target) == 1 and target.upper() in LETTERS[: len(texts)]:
        return LETTERS.index(target.upper())
    number = int(target) - first if target.isdecimal() else -1
    return number if 0 <= number < len(texts) else None


def _scalar(value: Any, row: Located, name: str) -> Scalar:
    return value if isinstance(value, bool | int | float) or value is None else text_of(value, row, name)


def _named(items: Items) -> list[str]:
    """Return an id for each item, made of what it says, so that it stays the same wherever the row stands."""
    said: Iterator[tuple[str, ...]] = zip(items.problems, items.targets, strict=True)
    if items.choices:
        said = ((*asked, *own) for asked, own in zip(said, items.choices, strict=True))
    ids = [blake2b("\0".join(texts).encode(), digest_size=8).hexdigest()[:12] for texts in said]
    if len(set(ids)) == len(ids):
        return ids
    times: Counter[str] = Counter()
    for place, name in enumerate(ids):
        times[name] += 1
        ids[place] = name if times[name] == 1 else f"{name}.{times[name]}"
    return ids

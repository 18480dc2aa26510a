"""Data sets and their items: question, right answer, choices, and the hardness that people gave."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from offdiag.studies.easy_to_hard.task.specs import DatasetSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One question of a data set, as published.

    Attributes:
        id: unique within the data set and the same in every split, so that results can be joined on it.
        question: the question's text, without its choices.
        answer: text of the right answer, as written (``"1,080"``); one of ``choices`` where there are any.
        choices: all answers on offer, in their published order.
        rationale: worked solution, or the facts that lead to the answer.
        subject: part of the data set, such as ``"college_physics"``.
    """

    id: str
    question: str
    answer: str
    choices: tuple[str, ...] = ()
    rationale: str | None = None
    subject: str | None = None


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """All items of a data set, with the measures of hardness that people gave.

    Attributes:
        spec: specification of the data set. items: in the published order.
        human: value by item id, per human measure.
        remarks: notes for readers, such as items that are left out.
    """

    spec: DatasetSpec
    items: tuple[Item, ...]
    human: Mapping[str, Mapping[str, float]]
    remarks: tuple[str, ...] = field(default=())

    @cached_property
    def content(self) -> str:
        """SHA-256 of the items (in order) and human measures; it does not depend on where the data lie."""
        digest = hashlib.sha256()
        for item in self.items:
            fields = [getattr(item, name) for name in Item.__slots__]  # astuple copies deeply, ten times as slow
            digest.update(json.dumps(fields).encode("ascii"))
        digest.update(json.dumps({name: dict(table) for name, table in self.human.items()}, sort_keys=True).encode())
        return digest.hexdigest()

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        """The items by their id."""
        return {item.id: item for item in self.items}


def item_key(spec: DatasetSpec, question: str, choices: tuple[str, ...]) -> str:
    """Return a key that is equal for two items that ask the same.

    White space and the order of choices do not count. Choices tell items apart only where they belong to the question
    ("Which of these is true?").
    """
    return _key(spec.name, question, choices if spec.answers == "choice" else ())


@lru_cache(maxsize=2**15)
def _key(dataset: str, question: str, choices: tuple[str, ...]) -> str:
    """Return the key, cached per item: a plan compares every training set with every evaluation set."""
    return "\n".join([f"{dataset}: {_plain(question)}", *sorted(map(_plain, choices))])


def _plain(text: str) -> str:
    return " ".join(text.split())

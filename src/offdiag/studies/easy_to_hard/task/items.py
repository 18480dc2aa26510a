"""Data sets and their items: question, right answer, choices, and the hardness that people gave.

Each data set has a specification: its names, forms, measures, sizes and prompts.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Literal, TypeAlias

from offdiag.errors import UserError

Form: TypeAlias = Literal["choices", "free"]
AnswerKind: TypeAlias = Literal["choice", "yes-no", "number"]

QUESTION_WORDS, ANSWER_WORDS, ANSWER_CHARS = "question_words", "answer_words", "answer_chars"
REASONING_WORDS = "reasoning_words"
_ALWAYS = (QUESTION_WORDS, ANSWER_WORDS, ANSWER_CHARS)


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """The specification of a data set, which holds wherever its files lie.

    Attributes:
        name: as typed on the command line. aliases: other names that are accepted.
        forms: how it can be asked; the first is the default. ``"choices"``: pick one of ``Example.choices``;
            ``"free"``: the answer is generated.
        answers: kind of answer, which decides how a completion is parsed.
        human, surface: names of its hardness measures. reasoning: whether items have a rationale.
        official: number of items in the official release, without those that lack annotations.
        held_out: number of items that are set aside to estimate model-based hardness; 0 for none.
        prompts: ids of the prompts (direct, step-by-step) for each form.
        part_of: the data set whose items these are, all or some: then files, cut-offs and measured tables are its own.
    """

    name: str
    aliases: tuple[str, ...]
    forms: tuple[Form, ...]
    answers: AnswerKind
    human: tuple[str, ...]
    surface: tuple[str, ...]
    official: int
    held_out: int
    prompts: Mapping[Form, tuple[str, str]]
    part_of: str = ""

    @property
    def family(self) -> str:
        """The data set whose files, cut-offs and measured tables these are."""
        return self.part_of or self.name

    @property
    def reasoning(self) -> bool:
        """Whether the items have a rationale."""
        return REASONING_WORDS in self.surface


_WITH_CHOICES = ("0040", "0045")
_WITHOUT_CHOICES = ("0306", "0305")
# Items of the subjects of MMLU, at high school and college together.
SUBJECTS = {"computer_science": 220, "physics": 281, "mathematics": 410, "chemistry": 333, "biology": 502}

SPECS: Mapping[str, DatasetSpec] = {
    spec.name: spec
    for spec in (
        DatasetSpec(
            name="synthetic", aliases=(), forms=("choices", "free"), answers="number", human=("num_steps",),
            surface=(*_ALWAYS, REASONING_WORDS), official=1500, held_out=1000,
            prompts={"choices": _WITH_CHOICES, "free": _WITHOUT_CHOICES},
        ),
        DatasetSpec(
            name="arc", aliases=("ai2_arc",), forms=("choices",), answers="choice",
            human=("grade", "difficulty", "bloom", "depth_of_knowledge"), surface=_ALWAYS, official=4521,
            held_out=1000, prompts={"choices": _WITH_CHOICES},
        ),
        DatasetSpec(
            name="arc_all", aliases=("ai2_arc_all",), forms=("choices",), answers="choice", part_of="arc",
            human=("grade", "difficulty", "bloom", "depth_of_knowledge"), surface=_ALWAYS, official=4521, held_out=0,
            prompts={"choices": _WITH_CHOICES},
        ),
        *(
            DatasetSpec(
                name=name, aliases=(f"ai2_arc/{part}", part), forms=("choices",), answers="choice", human=(),
                surface=_ALWAYS, official=official, held_out=0, prompts={"choices": _WITH_CHOICES},
            )
            for name, part, official in (("arc_easy", "ARC-Easy", 2376), ("arc_challenge", "ARC-Challenge", 1172))
        ),
        DatasetSpec(
            name="mmlu", aliases=("mmlu_STEM-5", "mmlu_stem5"), forms=("choices",), answers="choice",
            human=("school",), surface=_ALWAYS, official=1746, held_out=0, prompts={"choices": _WITH_CHOICES},
        ),
        *(
            DatasetSpec(
                name=f"mmlu_{subject}", aliases=(), forms=("choices",), answers="choice", part_of="mmlu",
                human=("school",), surface=_ALWAYS, official=official, held_out=0, prompts={"choices": _WITH_CHOICES},
            )
            for subject, official in SUBJECTS.items()
        ),
        DatasetSpec(
            name="strategyqa", aliases=("strategyQA", "strategy-qa", "strategy_qa"), forms=("choices", "free"),
            answers="yes-no", human=("num_steps",), surface=(*_ALWAYS, REASONING_WORDS), official=2290, held_out=0,
            prompts={"choices": _WITHOUT_CHOICES, "free": _WITHOUT_CHOICES},
        ),
        DatasetSpec(
            name="gsm8k", aliases=("gsm8k_main",), forms=("free",), answers="number", human=("num_steps",),
            surface=(*_ALWAYS, REASONING_WORDS), official=8792, held_out=1000, prompts={"free": _WITHOUT_CHOICES},
        ),
        DatasetSpec(
            name="chains", aliases=(), forms=("choices",), answers="number", human=("num_steps",), surface=(),
            official=1337, held_out=0, prompts={"choices": ("0101", "0101")},
        ),
        DatasetSpec(
            name="varied_chains", aliases=(), forms=("choices",), answers="number",
            human=("num_steps", "num_digits", "num_idle"), surface=(), official=1500, held_out=0,
            prompts={"choices": ("0101", "0101")},
        ),
    )
}  # fmt: skip

BUILT_IN = ("synthetic", "chains", "varied_chains")  # made by generators whose versions are part of the data version
NAMES: Mapping[str, str] = {alias: spec.name for spec in SPECS.values() for alias in (spec.name, *spec.aliases)}


def dataset_named(name: str) -> str:
    """Return the data set's own name for one of its names.

    Raises:
        UserError: there is none of that name.
    """
    if name not in NAMES:
        raise UserError(f"unknown data set {name!r}: expected {', '.join(SPECS)}")
    return NAMES[name]


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


def copy_key(spec: DatasetSpec, item: Item) -> tuple[str, str]:
    """Return a key that is equal for items of which one gives the other away: the same question and right answer.

    Case and white space do not count, nor do the wrong choices: 18 pairs of MMLU differ in these alone.
    """
    answer = item.answer if spec.answers == "choice" else ""
    return _bare(item.question), _bare(answer)


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def item_key(spec: DatasetSpec, question: str, choices: tuple[str, ...]) -> str:
    """Return a key that is equal for two items that ask the same.

    White space and the order of choices do not count. Choices tell items apart only where they belong to the question
    ("Which of these is true?").
    """
    return _key(spec.family, question, choices if spec.answers == "choice" else ())


@lru_cache(maxsize=2**15)
def _key(dataset: str, question: str, choices: tuple[str, ...]) -> str:
    """Return the key, cached per item: a plan compares every training set with every evaluation set."""
    return "\n".join([f"{dataset}: {_plain(question)}", *sorted(map(_plain, choices))])


def _plain(text: str) -> str:
    return " ".join(text.split())

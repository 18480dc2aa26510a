"""Specifications of the data sets: names, forms, measures, sizes and prompts."""

from collections.abc import Mapping
from dataclasses import dataclass
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

    @property
    def reasoning(self) -> bool:
        """Whether the items have a rationale."""
        return REASONING_WORDS in self.surface


_WITH_CHOICES = ("0040", "0045")
_WITHOUT_CHOICES = ("0306", "0305")

SPECS: Mapping[str, DatasetSpec] = {
    spec.name: spec
    for spec in (
        DatasetSpec(
            name="synthetic", aliases=(), forms=("choices", "free"), answers="number", human=("num_steps",),
            surface=(*_ALWAYS, REASONING_WORDS), official=1500, held_out=1000,
            prompts={"choices": _WITH_CHOICES, "free": _WITHOUT_CHOICES},
        ),
        DatasetSpec(
            name="arc", aliases=("ai2_arc", "ai2_arc_all"), forms=("choices",), answers="choice",
            human=("grade", "difficulty", "bloom", "depth_of_knowledge"), surface=_ALWAYS, official=4521,
            held_out=1000, prompts={"choices": _WITH_CHOICES},
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
        DatasetSpec(
            name="strategyqa", aliases=("strategyQA", "strategy-qa", "strategy_qa"), forms=("choices", "free"),
            answers="yes-no", human=("num_steps",), surface=(*_ALWAYS, REASONING_WORDS), official=2290, held_out=0,
            prompts={"choices": _WITHOUT_CHOICES, "free": _WITHOUT_CHOICES},
        ),
        DatasetSpec(
            name="gsm8k", aliases=("gsm8k_main",), forms=("free",), answers="number", human=("num_steps",),
            surface=(*_ALWAYS, REASONING_WORDS), official=8792, held_out=1000, prompts={"free": _WITHOUT_CHOICES},
        ),
    )
}  # fmt: skip

NAMES: Mapping[str, str] = {alias: spec.name for spec in SPECS.values() for alias in (spec.name, *spec.aliases)}


def dataset_named(name: str) -> str:
    """Return the data set's own name for one of its names.

    Raises:
        UserError: there is none of that name.
    """
    if name not in NAMES:
        raise UserError(f"unknown data set {name!r}: expected {', '.join(SPECS)}")
    return NAMES[name]

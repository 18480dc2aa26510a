"""Measures of hardness: their names, which data set has which, and the one table of cut-offs.

A measure is typed by its name (``grade``), a model-based one with its model: ``zero_shot_mdl@SmolLM2-135M``, or
``@average`` for the mean over all models in the table.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from offdiag.studies.easy_to_hard.task.items import (
    ANSWER_CHARS,
    ANSWER_WORDS,
    QUESTION_WORDS,
    REASONING_WORDS,
    DatasetSpec,
    Item,
)

NO_MEASURE = "none"
AVERAGE, NORMED_AVERAGE = "average", "normed_average"
MAX_STEPS = 10

# Hase et al. (2024, arXiv 2401.06751), section 3: description lengths need the probability of a choice, negative log
# likelihoods (nats, the whole text after the begin token) only a text. Larger is harder.
OF_CHOICES = ("zero_shot_mdl", "probe_mdl", "finetuned_mdl")
OF_TEXTS = ("question_nll", "answer_nll", "reasoning_nll")


class Bounds(NamedTuple):
    """Cut-offs: easy up to ``easy_max``, hard from ``hard_min`` on, medium between."""

    easy_max: float
    hard_min: float


# The cut-offs of human measures; every other measure is cut at its 30 and 70 per cent quantiles.
CUTOFFS: Mapping[tuple[str, str], Bounds] = {
    ("arc", "grade"): Bounds(5, 8),
    ("arc", "difficulty"): Bounds(1, 3),
    ("arc", "bloom"): Bounds(2, 4),
    ("arc", "depth_of_knowledge"): Bounds(1, 3),
    ("mmlu", "school"): Bounds(0, 1),
    ("strategyqa", "num_steps"): Bounds(2, 4),
    ("gsm8k", "num_steps"): Bounds(4, 7),
    ("synthetic", "num_steps"): Bounds(2, 5),
    ("chains", "num_steps"): Bounds(2, 5),
    ("varied_chains", "num_steps"): Bounds(2, 5),
    ("varied_chains", "num_digits"): Bounds(4, 8),
    ("varied_chains", "num_idle"): Bounds(1, 3),
}
QUANTILES = Bounds(0.3, 0.7)

_VALUES: Mapping[tuple[str, float], str] = {("school", 0): "high school", ("school", 1): "college"}

_ALIASES = {
    "human_grade": "grade",
    "human_difficulty": "difficulty",
    "human_bloom": "bloom",
    "human_depth_of_knowledge": "depth_of_knowledge",
    "human_hardness": "school",
    "question_num_words": QUESTION_WORDS,
    "answer_num_words": ANSWER_WORDS,
    "answer_num_chars": ANSWER_CHARS,
    "reasoning_num_words": REASONING_WORDS,
}


def split_name(measure: str) -> tuple[str, str | None]:
    """Split a name: ``("zero_shot_mdl", "SmolLM2-135M")`` if model-based, else ``("grade", None)``."""
    name, at, model = measure.partition("@")
    return _ALIASES.get(name, name), model if at else None


def checked_name(spec: DatasetSpec, measure: str) -> str:
    """Return the measure's own name; names of published columns are understood, too.

    Raises:
        ValueError: the data set has no such measure; the message lists those that it has.
    """
    if measure == NO_MEASURE:
        return measure
    name, model = split_name(measure)
    based = model_measures(spec)
    if name in based:
        if not model:
            raise ValueError(f"is measured with a model; type {name}@MODEL or {name}@{AVERAGE}")
        return f"{name}@{model}"
    if model is None and name in (*spec.human, *spec.surface):
        return name
    named = [f"{other}@MODEL" for other in based]
    raise ValueError(f"is no measure of {spec.name}; it has {', '.join([*spec.human, *spec.surface, *named])}")


def value_name(measure: str, value: float) -> str:
    """Return a value in words: ``college`` for 1 of ``school``, else the number."""
    return _VALUES.get((measure, value), f"{value:g}")


def model_measures(spec: DatasetSpec) -> tuple[str, ...]:
    """Return the model-based measures that a data set allows."""
    of_choices = OF_CHOICES if "choices" in spec.forms else ()
    return (*of_choices, *(name for name in OF_TEXTS if spec.reasoning or name != "reasoning_nll"))


def surface(items: Iterable[Item], measure: str) -> dict[str, float]:
    """Return a surface measure by item id, in words (split at white space) or characters."""
    match measure:
        case "question_words":
            return {item.id: float(len(item.question.split())) for item in items}
        case "answer_words":
            return {item.id: float(len(item.answer.split())) for item in items}
        case "answer_chars":
            return {item.id: float(len(item.answer)) for item in items}
        case _:
            return {item.id: float(len((item.rationale or "").split())) for item in items}

"""Which measures cut which data set, and what the original did with each data set."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from offdiag.errors import UserError, did_you_mean
from offdiag.studies.easy_to_hard.task.measures import NO_MEASURE, checked_name
from offdiag.studies.easy_to_hard.task.specs import SPECS


class AsPublished(NamedTuple):
    """Numbers of demonstrations, of items to test (0: all that are left), and the longest written answer in tokens."""

    shots: tuple[int, ...]
    n_test: int
    max_new_tokens: int


# Hase et al. (2024, arXiv 2401.06751), as released; the built-in data set goes with GSM8K.
PUBLISHED: Mapping[str, AsPublished] = {
    "synthetic": AsPublished((8,), 0, 300),
    "arc": AsPublished((10,), 0, 300),
    "arc_easy": AsPublished((10,), 0, 300),
    "arc_challenge": AsPublished((10,), 0, 300),
    "mmlu": AsPublished((10,), 0, 300),
    "strategyqa": AsPublished((8,), 0, 100),
    "gsm8k": AsPublished((8,), 500, 300),
}
_WORDS, _CHARS, _REASONING, _ZERO_SHOT = "question_words", "answer_chars", "reasoning_words", "zero_shot_mdl@average"
LISTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "unique": {
        "synthetic": ("num_steps",),
        "arc": ("grade", "difficulty", "bloom"),
        "mmlu": ("school",),
        "strategyqa": ("num_steps",),
        "gsm8k": ("num_steps",),
    },
    "human": {
        "synthetic": ("num_steps", _WORDS),
        "arc": ("grade", "difficulty", "bloom", _WORDS, "answer_words"),
        "mmlu": ("school", _WORDS, _CHARS),
        "strategyqa": ("num_steps", _WORDS, _REASONING),
        "gsm8k": ("num_steps", _WORDS, _REASONING, _CHARS),
    },
    "stratify": {
        "synthetic": ("num_steps", _WORDS),
        "arc": (
            *("grade", "difficulty", "bloom", _WORDS, _CHARS),
            *("probe_mdl@average", "finetuned_mdl@average", _ZERO_SHOT),
        ),
        "mmlu": ("school", _WORDS, _CHARS, _ZERO_SHOT),
        "strategyqa": ("num_steps", _WORDS, _REASONING, _ZERO_SHOT),
        "gsm8k": ("num_steps", _WORDS, _REASONING, _CHARS),  # no description length: there is nothing to choose from
    },
}


def measures_of(hardness: Sequence[str], dataset: str) -> tuple[str, ...]:
    """The measures of a list of names that a data set has, each once; ``arc:grade`` is for ARC alone."""
    return tuple(dict.fromkeys(found for name in hardness for found in _named(name, dataset)))


def check_hardness(hardness: Sequence[str], datasets: Sequence[str]) -> None:
    """See that each name is a list, or a measure of one of the data sets, and that each data set has one.

    Raises:
        UserError: one is not, or ``none`` does not stand alone.
    """
    if NO_MEASURE in hardness and len(hardness) > 1:
        raise UserError(f"hardness={','.join(hardness)}: {NO_MEASURE} leaves the data whole and stands alone")
    for name in hardness:
        if not any(measures_of((name,), dataset) for dataset in datasets):
            known = dict.fromkeys(
                (*LISTS, *(measure for dataset in datasets for measure in _known(dataset)), NO_MEASURE)
            )
            raise UserError(
                f"hardness={name}: found in none of {', '.join(datasets)}; {did_you_mean(name, known)}"
                f"expected {', '.join(known)}, or a model-based measure such as {_ZERO_SHOT}"
            )
    for dataset in datasets:
        if not measures_of(hardness, dataset):
            raise UserError(
                f"hardness={','.join(hardness)}: {dataset} has none of these; add one of {', '.join(_known(dataset))}, "
                "or leave the data set out"
            )


def _known(dataset: str) -> tuple[str, ...]:
    return (*SPECS[dataset].human, *SPECS[dataset].surface)


def _named(name: str, dataset: str) -> Iterator[str]:
    if name in LISTS:
        yield from LISTS[name].get(dataset, ())
        return
    only, _, measure = name.rpartition(":")
    if only not in ("", dataset):
        return
    try:
        yield checked_name(SPECS[dataset], measure)
    except ValueError:  # a measure of another data set
        return

"""Describe a set of examples: sizes, balance, lengths, strata and overlap, ready for JSON."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from offdiag.identity import Json
from offdiag.tasks.domain import Domain
from offdiag.tasks.overlap import shared_keys
from offdiag.tasks.task import Example, Task

_COMPARED = 1000
_MOST_COMMON = 5


def describe(
    task: Task[Any], domain: Domain, split: str, examples: Sequence[Example], seed: int = 0
) -> dict[str, Json]:
    """Return counts, balance, lengths in characters, strata and overlap of some examples.

    Overlap is counted against the first 1000 examples (or as many as ``examples``, or as many as there are) of each
    other split, drawn with ``seed``: how many of
    ``examples`` occur there literally (``items``), and how many do ``up_to_symmetry``.

    Raises:
        UserError: the split is unknown.
    """
    task.check_split(split)
    unique = {example.problem for example in examples}
    return {
        "task": task.name,
        "domain": dict(domain.factors()),
        "split": split,
        "n": len(examples),
        "unique": len(unique),
        "duplicates": len(examples) - len(unique),
        "unique_up_to_symmetry": len({task.key(domain, example) for example in examples}),
        "targets": _balance(examples),
        "characters": _lengths(task, domain, examples),
        "strata": _strata(examples),
        "overlap": {name: _overlap(task, domain, name, examples, seed) for name in task.splits if name != split},
        **({"data": about} if (about := task.summary(domain)) else {}),
    }


def _balance(examples: Sequence[Example]) -> dict[str, Json]:
    counts = Counter(example.target for example in examples)
    return {"distinct": len(counts), "most_common": dict(counts.most_common(_MOST_COMMON))}


def _lengths(task: Task[Any], domain: Domain, examples: Sequence[Example]) -> dict[str, Json]:
    texts = {
        "prompt (direct)": [task.prompt(domain, example, "direct") for example in examples],
        "prompt (step-by-step)": [task.prompt(domain, example, "step-by-step") for example in examples],
        "response (answer)": [task.response(domain, example, rationale=False) for example in examples],
        "response (rationale)": [task.response(domain, example, rationale=True) for example in examples],
    }
    return {name: _spread([len(text) for text in written]) for name, written in texts.items() if written}


def _spread(values: Sequence[int]) -> dict[str, Json]:
    return {"min": min(values), "median": float(median(values)), "max": max(values)}


def _strata(examples: Sequence[Example]) -> dict[str, Json]:
    names = sorted({n for example in examples for n, v in example.strata.items() if not isinstance(v, float)})
    counts = {name: Counter(str(example.strata.get(name)) for example in examples) for name in names}
    return {name: dict(sorted(counted.items())) for name, counted in counts.items()}


def _overlap(task: Task[Any], domain: Domain, split: str, examples: Sequence[Example], seed: int) -> dict[str, Json]:
    size = task.size(domain, split)
    wanted = max(_COMPARED, len(examples))
    others = task.examples(domain, split, wanted if size is None else min(size, wanted), seed)
    problems = {example.problem for example in others}
    shared = shared_keys(task, domain, examples, domain, others)
    return {
        "compared_with": len(others),
        "items": sum(example.problem in problems for example in examples),
        "up_to_symmetry": sum(task.key(domain, example) in shared for example in examples),
    }

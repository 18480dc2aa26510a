"""The score of an item, from 0 to 1, from the grades of all answers to it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from offdiag.errors import UserError
from offdiag.stats.samples import majority, pass_at_k
from offdiag.tasks.task import UNRATED, Grade

MEAN: Final = "mean"
MAJORITY: Final = "majority"
JUDGE: Final = "judge"  # what a task calls the metric that a judge model gives
_PASS = re.compile(r"pass@([1-9]\d*)")


def check_score(score: str, samples: int | None, metric: str = "") -> str:
    """Return a score as it is written, or refuse it.

    ``mean`` is the mean score of all answers to an item (for answers that are right or wrong, pass@1), ``pass@K`` the
    chance that one of K answers is right, ``majority`` whether the answer of most samples is.

    Args:
        samples: answers to each item; None where none is sampled. metric: what grades measure; empty for right or
            wrong.

    Raises:
        UserError: there is no such score, it needs more samples, or answers that are right or wrong.
    """
    found = _PASS.fullmatch(score)
    if not found and score not in (MEAN, MAJORITY):
        raise UserError(f"score {score!r}: expected mean, pass@K (such as pass@4) or majority")
    if score == MEAN:
        return score
    if samples is None:
        raise UserError(f"score {score}: it needs sampled answers: set a temperature, such as 0.7, and samples")
    if metric:
        raise UserError(f"score {score} counts right answers, and {metric} is not right or wrong: take score mean")
    if found and int(found[1]) > samples:
        raise UserError(f"score {score}: it needs {found[1]} samples of each item or more, and there are {samples}")
    return score


def item_record(score: str, answers: Sequence[Mapping[str, Any]], grades: Sequence[Grade]) -> dict[str, Any]:
    """Return the record of one item: its answers with their grades, and what they are worth together.

    One greedy answer gives a record of its own fields and its grade. Of several the record has ``samples``, and for all
    of them: ``score``, from 0 to 1; ``correct``, None where a score is more than right or wrong; ``parsed``, the answer
    of most samples; ``n_unparsed``, how many have none, which are wrong and have no vote; ``n_ungraded``, how many no
    grader could judge, which are left out; ``n_tokens`` of all. An item of which no sample, or fewer than K, could be
    judged is an error, as is one with a sample of no finite numbers.

    Args:
        score: as for :func:`check_score`. answers: the records of the item's answers, by sample. grades: of each.
    """
    if "sample" not in answers[0]:
        return {**answers[0], **_graded(grades[0])}
    votes = majority([grade.parsed if grade.status == "parsed" else None for grade in grades])
    chosen = votes or 0
    rated = [grade for grade in grades if grade.status != "ungraded"]
    shown = _spoilt(score, grades, rated) or grades[chosen]
    value, correct = (0.0, False) if shown.status in UNRATED else _worth(score, rated, grades[chosen])
    finishes = [str(answer["finish"]) for answer in answers]
    counts = [answer["n_tokens"] for answer in answers]
    return {
        **{name: value for name, value in answers[chosen].items() if name != "sample"},
        "n_tokens": None if None in counts else sum(counts),
        "finish": next((finish for finish in finishes if finish != "stop"), "stop"),
        "parsed": shown.parsed if votes is not None else None,
        "status": shown.status,
        "correct": correct,
        "flags": list(dict.fromkeys(flag for grade in grades for flag in grade.flags)),
        "error": None,
        "score": value,
        "n_unparsed": sum(grade.status == "unparsed" for grade in grades),
        "n_ungraded": len(grades) - len(rated),
        "samples": [
            {name: answer[name] for name in ("completion", "n_tokens", "finish")} | _graded(grade)
            for answer, grade in zip(answers, grades, strict=True)
        ],
    }


def _spoilt(score: str, grades: Sequence[Grade], rated: Sequence[Grade]) -> Grade | None:
    """Return the grade that makes an item an error: one of no finite numbers, or where too few answers are judged."""
    failed = next((grade for grade in grades if grade.status in UNRATED and grade.status != "ungraded"), None)
    found = _PASS.fullmatch(score)
    if failed is not None or len(rated) >= (int(found[1]) if found else 1):
        return failed
    return next(grade for grade in grades if grade.status == "ungraded")


def _graded(grade: Grade) -> dict[str, Any]:
    """Return the fields of a grade; a score only where it is more than right or wrong, and then no ``correct``."""
    fields = {name: getattr(grade, name) for name in ("parsed", "status", "correct", "flags", "error")}
    return fields if grade.score is None else {**fields, "correct": None, "score": grade.score}


def _worth(score: str, grades: Sequence[Grade], chosen: Grade) -> tuple[float, bool | None]:
    """Return the score of an item, and whether it is right where the score can be nothing else than 0 or 1."""
    right = sum(grade.correct for grade in grades)
    n = len(grades)
    if score != MEAN and any(grade.score is not None for grade in grades):
        raise UserError(f"score {score} counts right answers, and the grader gives scores: take score mean")
    if score == MAJORITY:
        return float(chosen.correct), chosen.correct
    if found := _PASS.fullmatch(score):
        value = pass_at_k(n, right, int(found[1]))
        return value, bool(right) if int(found[1]) == n else None
    values = [float(grade.correct) if grade.score is None else grade.score for grade in grades]
    return sum(values) / n, None

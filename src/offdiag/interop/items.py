"""Answers of other programs as records like ours: one for each example, with the verdicts on all of its answers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offdiag.errors import UserError, complaints
from offdiag.interop.foreign import ForeignRun
from offdiag.steps.scoring import MEAN, item_record
from offdiag.tasks.task import Grade, Status


class ItemVerdict(BaseModel):
    """The verdict on all answers to an item together, as a file of ours keeps it."""

    model_config = ConfigDict(strict=True, extra="ignore")
    score: float = Field(ge=0, le=1)
    correct: bool | None
    parsed: str | None
    status: Status
    n_unparsed: int = Field(ge=0)
    n_ungraded: int = Field(ge=0)


def items_of(run: ForeignRun) -> list[dict[str, Any]]:
    """Return the records of a run, one per example, in the order of their first answers.

    Raises:
        UserError: there is none, or an answer comes twice.
    """
    by_example: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    seen = set[tuple[str, int]]()
    for record in run.records:
        place = (record["example"], record.get("sample", 0))
        if place in seen:
            draw = f", answer {place[1] + 1}," if "sample" in record else ""
            raise UserError(
                f"{run.source}: example {place[0]!r}{draw} comes twice for {run.model} and "
                f"{run.evaluation or run.task}: each has an id of its own"
            )
        seen.add(place)
        by_example[record["example"]].append(record)
    if all(record["score"] is None for record in run.records):
        raise UserError(f"{run.source}: no verdict on any of its {len(run.records)} answers: give finished runs")
    several = len(seen) > len(by_example) or ("samples" in run.factors and "sample" in run.records[0])
    whole = "metric" not in run.factors and all(record["score"] in (0, 1, None) for record in run.records)
    return [_item(run, own, several, whole) for own in by_example.values()]


def _item(run: ForeignRun, draws: Sequence[Mapping[str, Any]], several: bool, whole: bool) -> dict[str, Any]:
    first = draws[0]
    answers = [
        {
            "example": first["example"],
            "prompt": first.get("prompt"),
            **({} if first.get("n_prompt") is None else {"n_prompt": first["n_prompt"]}),
            **{name: draw.get(name) for name in ("completion", "n_tokens", "finish")},
            **({"sample": i} if several else {}),
        }
        for i, draw in enumerate(draws)
    ]
    made = item_record(MEAN, answers, [_grade(draw, draw.get("binary", whole)) for draw in draws])
    return {
        **made,
        "problem": first["problem"],
        "target": first["target"],
        "choices": tuple(first.get("choices") or ()),
        "content": first.get("content") or _content(first),
        "cluster": first.get("cluster"),
        "strata": dict(first.get("more") or {}),
        **({} if first.get("scores") is None else {"scores": first["scores"]}),
        **_together(run, first.get("item")),
    }


def _grade(draw: Mapping[str, Any], whole: bool) -> Grade:
    score = draw["score"]
    status: Status = draw.get("status") or ("unparsed" if draw["parsed"] is None else "parsed")
    if score is None and status in ("parsed", "unparsed"):
        status = "ungraded"
    return Grade(
        parsed=draw["parsed"],
        status=status,
        correct=score == 1,
        flags=tuple(draw.get("flags") or ()),
        error=draw.get("error"),
        score=None if whole else score or 0.0,
    )


def _content(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what makes two examples the same question; an example without a problem is alone."""
    return (record["problem"], record["target"]) if record["problem"] else ("", record["example"])


def _together(run: ForeignRun, item: object) -> dict[str, Any]:
    if item is None:
        return {}
    try:
        return ItemVerdict.model_validate(item).model_dump()
    except ValidationError as error:
        raise UserError(f"{run.source}: the verdict on an item: {complaints(error)}: export the log anew") from None

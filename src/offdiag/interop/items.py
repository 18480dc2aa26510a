"""Answers of other programs as records like ours: one for each example, with the verdicts on all of its answers."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from offdiag.errors import UserError, complaints, some
from offdiag.interop.foreign import ForeignRun
from offdiag.interop.packed import Packed
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


@dataclass(frozen=True, kw_only=True)
class ImportedItems:
    """The records of a cell, one for each example, and what has to be known of all of them.

    Attributes:
        records: as ours are, with ``choices``, ``cluster`` and ``content`` (of the question, a digest) besides.
        draws: most answers to an item; 0 where there is one greedy one. whole: whether each answer has the verdict
            right or wrong, or none. scored: whether an item is more than right or wrong. by_error: whether any says how
            far it is off. in_clusters: whether each names its cluster.
    """

    records: Packed[dict[str, Any]]
    draws: int
    whole: bool
    scored: bool
    by_error: bool
    in_clusters: bool

    def __len__(self) -> int:
        return len(self.records)


def items_of(run: ForeignRun) -> ImportedItems:
    """Return the records of a run, one per example, in the order of their first answers.

    Raises:
        UserError: there is none, or an answer comes twice.
    """
    answers = Counter[str]()
    seen = set[tuple[str, int]]()
    known = drawn = False
    verdicts = True
    for record in run.records:
        place = (record["example"], record.get("sample", 0))
        if place in seen:
            draw = f", answer {place[1] + 1}," if "sample" in record else ""
            raise UserError(
                f"{run.source}: example {place[0]!r}{draw} comes twice for {run.model} and "
                f"{run.evaluation or run.task}: each has an id of its own"
            )
        seen.add(place)
        answers[record["example"]] += 1
        known |= record["score"] is not None
        verdicts &= record["score"] in (0, 1, None)
        drawn |= "sample" in record
    if not known:
        raise UserError(
            f"{run.source}: no verdict on any of its {some(len(run.records), 'answer')}: give finished runs"
        )
    several = len(seen) > len(answers) or ("samples" in run.factors and drawn)
    whole = "metric" not in run.factors and verdicts
    records = Packed[dict[str, Any]]()
    scored = by_error = False
    in_clusters = True
    for own in _together_by_example(run.records, answers):
        item = _item(run, own, several, whole)
        scored |= item["correct"] is None
        by_error |= item["error"] is not None
        in_clusters &= item["cluster"] is not None
        records.append(item)
    draws = max(answers.values()) if several else 0
    return ImportedItems(
        records=records, draws=draws, whole=verdicts, scored=scored, by_error=by_error, in_clusters=in_clusters
    )


def _together_by_example(
    records: Iterable[Mapping[str, Any]], answers: Mapping[str, int]
) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the answers to each example together; held are those alone that wait for more of an example before them.

    Args:
        records: in any order. answers: how many each example has.
    """
    waiting = OrderedDict[str, list[Mapping[str, Any]]]()
    for record in records:
        waiting.setdefault(record["example"], []).append(record)
        while waiting and len(waiting[first := next(iter(waiting))]) == answers[first]:
            yield waiting.pop(first)


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
        "content": _digest(first.get("content") or _content(first)),
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


def _digest(content: object) -> bytes:
    return blake2b(repr(content).encode("utf-8", "backslashreplace"), digest_size=16).digest()


def _together(run: ForeignRun, item: object) -> dict[str, Any]:
    if item is None:
        return {}
    try:
        return ItemVerdict.model_validate(item).model_dump()
    except ValidationError as error:
        raise UserError(f"{run.source}: the verdict on an item: {complaints(error)}: export the log anew") from None

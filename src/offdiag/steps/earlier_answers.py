"""Answers that the store has already: what another step asked the same model in the same words is not asked again.

A set of questions that grows (a larger n, a file with more rows) is another step with another identity, and most of its
prompts are old. In float32 an answer depends on the model and its prompt alone, beyond rounding, so those of a finished
step are taken. That step must differ in nothing but which examples it has, its files must be whole, and it must be made
with the versions that are installed. In 16 bits and with quantised weights an answer moves with its batch: there
nothing is taken.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from offdiag.errors import OffdiagError
from offdiag.identity import Json, fingerprint
from offdiag.provenance import note, other_versions
from offdiag.steps.examples import chosen_replies, load_examples
from offdiag.steps.jsonl import read_jsonl, write_jsonl
from offdiag.steps.step import Finished, FinishedStep, Unanswered, Work
from offdiag.tasks import Example

if TYPE_CHECKING:
    from offdiag.steps.model_outputs import ModelOutputs

_N = re.compile(r"\.n\d+(?=\.|$)")
Record: TypeAlias = dict[str, Any]
# A prompt, the choices that are compared after it, and the example and sample that name the stream of a drawn answer.
Asked: TypeAlias = tuple[str, tuple[str, ...], tuple[str, int] | None]

KEPT = "taken.partial.jsonl"  # what was taken, while the rest is asked
# What provenance says of a model, which holds for what was taken of its answers, too.
FACTS = ("model", "device", "dtype", "attention", "chat_template", "inference_path", "inference")


class Taken(NamedTuple):
    """Answers from earlier steps: records by the index of their question, and what they took, in seconds."""

    records: Mapping[int, Record]
    seconds: float = 0.0


NOTHING_TAKEN = Taken({})


class _Source(NamedTuple):
    """A finished step whose answers hold here, by what was asked."""

    step: FinishedStep
    answers: Mapping[Asked, Record]


def take_answers(
    step: "ModelOutputs", work: Work, examples: Sequence[Example], prompts: Sequence[str], begun: Path
) -> Taken:
    """Return the answers to some of the prompts that finished steps have, and note whose they are.

    Args:
        step: that asks. work: its work. examples, prompts: what it asks. begun: the file in which it keeps what it has
            asked; a killed run that has begun to ask goes on with what it had taken then.
    """
    kept = work.folder / KEPT
    if kept.exists():
        rows = read_jsonl(kept)
        return Taken({row["index"]: row for row in rows[1:]}, rows[0]["seconds"])
    if begun.exists() or not step.holds_alone:
        return NOTHING_TAKEN
    asked = [_asked(step, p, e, k) for p, e in zip(prompts, examples, strict=True) for k in range(step.samples)]
    records: dict[int, Record] = {}
    told: list[dict[str, Json]] = []
    seconds = 0.0
    for source in _sources(step, work):
        new = {i: source.answers[a] for i, a in enumerate(asked) if i not in records and a in source.answers}
        if new:
            named = [example.id for example in examples for _ in range(step.samples)]
            records |= {i: {**record, "index": i, "example": named[i]} for i, record in new.items()}
            told.append(told_of(source.step, len(new)))
            seconds += source.step.summary.get("seconds", 0.0) * len(new) / len(source.answers)
            note(**{name: source.step.provenance[name] for name in FACTS if name in source.step.provenance})
        if len(records) == len(asked):
            break
    if records:
        note(taken=[*told])
        write_jsonl(kept, [{"seconds": seconds}, *(records[i] for i in sorted(records))])
    return Taken(records, seconds)


def unanswered(step: "ModelOutputs", finished: Finished) -> Unanswered:
    """Return what of a step is new, by its examples: to the others :func:`take_answers` finds answers."""
    rows: set[tuple[object, ...]] = set()
    if step.holds_alone:
        rows = {_row(example) for _, examples in _alike_steps(step, finished) for example in examples}
    held = sum(_row(example) in rows for example in step.examples.sample()) if rows else 0
    new = step.examples.n - held
    left: ModelOutputs | None = step if held == 0 else None
    if held and new:
        left = step.model_copy(update={"examples": step.examples.model_copy(update={"n": new})})
    return Unanswered(left, held * step.samples, new * step.samples)


def _row(example: Example) -> tuple[object, ...]:
    return example.id, example.problem, example.target, example.rationale, example.choices


def forget(folder: Path, begun: Path) -> None:
    """Delete what is kept while a step asks, once its answers are safe."""
    for path in (begun, folder / KEPT):
        path.unlink(missing_ok=True)


def _asked(step: "ModelOutputs", prompt: str, example: Example, sample: int) -> Asked:
    drawn = (example.id, sample) if step.draws else None
    return prompt, chosen_replies(step.examples.domain, example) if step.compares else (), drawn


def told_of(source: FinishedStep, items: int) -> dict[str, Json]:
    """Return what provenance says of a step whose answers were taken."""
    place = f"{source.folder.parent.name}/{source.folder.name}"
    device = {"device": source.provenance["device"]} if "device" in source.provenance else {}
    return {"from": place, "fingerprint": source.fingerprint, "items": items, **device}


def _sources(step: "ModelOutputs", work: Work) -> Iterator[_Source]:
    """Yield the answers of the finished steps that asked the same of the same model, about other examples."""
    for found, examples in _alike_steps(step, work.finished):
        by_id = {example.id: example for example in examples}
        rows = read_jsonl(found.folder / "answers.jsonl")
        yield _Source(found, {
            _asked(step, row["prompt"], by_id[row["example"]], row.get("sample", 0)): row for row in rows
        })  # fmt: skip


def _alike_steps(step: "ModelOutputs", finished: Finished) -> Iterator[tuple[FinishedStep, list[Example]]]:
    """Yield the finished steps that asked the same of the same model, with the other examples that they asked."""
    asked = _but_for_n(step.folder_name)
    for found in finished(step.kind, lambda name: name != step.folder_name and _but_for_n(name) == asked):
        if not _alike(step, found.identity) or other_versions(found.provenance) or not found.provenance.get("versions"):
            continue
        examples = _examples_of(step, found, finished)
        if examples is not None and found.whole():
            yield found, examples


def _alike(step: "ModelOutputs", identity: Mapping[str, Any]) -> bool:
    """Return whether an identity is that of a step but for its examples, as far as can be said without them."""
    ours, theirs = step.canonical_form, dict(identity)
    worded = step.examples.worded(step.style)
    drawn: Any = ours["examples"]
    other = theirs.get("examples")
    return (
        isinstance(other, dict)
        and {**drawn, **_of_rows(other)} == {**other, **_of_rows(other)}
        and {**ours, "examples": None, **worded} == {**theirs, "examples": None, **worded}
    )


def _of_rows(examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an identity of examples says of how many and which rows there are."""
    return {name: examples[name] for name in ("n", "rows") if name in examples}


def _examples_of(step: "ModelOutputs", found: FinishedStep, finished: Finished) -> list[Example] | None:
    """Return the examples of a finished step if they are in the store, and are worded today as they were then."""
    drawn = fingerprint(found.identity["examples"])
    for folder in finished(step.examples.kind, lambda name: name.endswith(f"-{drawn[:8]}")):
        if folder.fingerprint == drawn and folder.whole():
            try:
                examples = load_examples(folder.folder)
            except OffdiagError:
                return None
            worded = step.examples.worded_as(examples, step.style)
            return examples if worded.items() <= found.identity.items() else None
    return None


def _but_for_n(folder_name: str) -> tuple[str, str]:
    """Return the parts of a folder's name that say who answers, and what is asked in which words, however many."""
    learner, _, asked = folder_name.rpartition("-")[0].partition("--")
    return learner, _N.split(asked)[0]

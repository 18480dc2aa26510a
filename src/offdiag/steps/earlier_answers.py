"""Answers that the store has already: what another step asked the same model in the same words is not asked again.

A set of questions that grows (a larger n, a file with more rows, more samples of each) is another step with another
identity, and most of its prompts are old. In float32 an answer depends on the model and its prompt alone (a drawn one
on the number of its sample, too), beyond rounding, so those of a finished step are taken. That step must differ in
nothing but which examples it has and how many samples, its files must be whole, and it must be made with the versions
that are installed. In 16 bits and with quantised weights an answer moves with its batch: there nothing is taken.

What a judge said of answers is taken likewise, by the question that it was asked.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from offdiag.errors import OffdiagError
from offdiag.identity import Json, fingerprint
from offdiag.provenance import note, other_versions
from offdiag.steps.examples import chosen_replies, load_examples
from offdiag.steps.jsonl import read_jsonl, recover_jsonl, write_jsonl
from offdiag.steps.step import Finished, FinishedStep, Step, Unanswered, Work
from offdiag.tasks import Example

if TYPE_CHECKING:
    from offdiag.steps.model_outputs import ModelOutputs

_N = re.compile(r"\.n\d+(?=\.|$)")
Record: TypeAlias = dict[str, Any]
# A prompt, the choices that are compared after it, and the example and sample that name the stream of a drawn answer.
Asked: TypeAlias = tuple[str, tuple[str, ...], tuple[str, int] | None]

PARTIAL = "answers.partial.jsonl"  # what was asked so far
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
    asked = [_asked(step, p, e, k) for p, e in zip(prompts, examples, strict=True) for k in range(step.samples)]
    named: list[Record] = [{"example": example.id} for example in examples for _ in range(step.samples)]
    return _take(work, begun, asked, named, _sources(step, work) if step.holds_alone else ())


def take_verdicts(
    step: Step, work: Work, named: Sequence[Mapping[str, Any]], prompts: Sequence[str], begun: Path
) -> Taken:
    """Return the replies of a judge that finished steps have to some of its questions, and note whose they are.

    Args:
        step: that asks a judge whose reply depends on the question alone. work, begun: as above. named: what the record
            of a reply has as its names. prompts: the questions.
    """
    asked: list[Asked] = [(prompt, (), None) for prompt in prompts]
    return _take(work, begun, asked, named, (_verdicts(found) for found in _judged_steps(step, work.finished)))


def _take(
    work: Work, begun: Path, asked: Sequence[Asked], named: Sequence[Mapping[str, Any]], sources: "Iterable[_Source]"
) -> Taken:
    """Return what sources have of what is asked, the first one first; ``named``: what a record has as its own names."""
    kept = work.folder / KEPT
    if kept.exists():
        rows = read_jsonl(kept)
        return Taken({row["index"]: row for row in rows[1:]}, rows[0]["seconds"])
    if begun.exists():
        return NOTHING_TAKEN
    records: dict[int, Record] = {}
    told: list[dict[str, Json]] = []
    seconds = 0.0
    for source in sources:
        new = {i: source.answers[a] for i, a in enumerate(asked) if i not in records and a in source.answers}
        if new:
            records |= {i: {**record, "index": i, **named[i]} for i, record in new.items()}
            told.append(told_of(source.step, len(new)))
            seconds += source.step.summary.get("seconds", 0.0) * len(new) / len(source.answers)
            note(**{name: source.step.provenance[name] for name in FACTS if name in source.step.provenance})
        if len(records) == len(asked):
            break
    if records:
        note(taken=[*told])
        write_jsonl(kept, [{"seconds": seconds}, *(records[i] for i in sorted(records))])
    return Taken(records, seconds)


def unanswered(step: "ModelOutputs", finished: Finished, folder: Path) -> Unanswered:
    """Return what of a step is new, by its examples and samples.

    To the others a killed run left answers in the folder of the step, or :func:`take_answers` finds them.
    """
    every, kept = step.examples.n * step.samples, of_killed_run(folder)
    lacking = _lacking(step, finished) if kept is None else []
    new = sum(lacking) if kept is None else max(0, every - kept)
    if new in (0, every):
        return Unanswered(step if new else None, every - new, new)
    n = sum(map(bool, lacking)) or -(-new // step.samples)  # those that lack some are asked for as many each
    return Unanswered(step.asking(n, -(-new // n)), every - new, new)


def of_killed_run(folder: Path) -> int | None:
    """Return how many answers a killed run left in a step's folder; None where it had not begun to ask."""
    kept, partial = folder / KEPT, folder / PARTIAL
    if not (kept.exists() or partial.exists()):
        return None
    taken = read_jsonl(kept)[1:] if kept.exists() else []
    return len({record.get("index") for record in (*taken, *recover_jsonl(partial, repair=False))})


def unjudged(
    step: Step, answers: "ModelOutputs", questions: Callable[[list[Example], Path], list[str]], finished: Finished
) -> int:
    """Return how many questions to a judge are new: to the others :func:`take_verdicts` finds replies.

    Before the answers are there, those are not asked about again that will be taken from steps that were judged.

    Args:
        step: that asks a judge whose reply depends on the question alone. answers: that it judges. questions: from
            examples and the folder of the answers to them. finished: looks up finished steps.
    """
    judged = list(_judged_steps(step, finished))
    examples, known = (_finished(one, finished) for one in (answers.examples, answers))
    if judged and examples is not None and known is not None:
        said = {asked for found in judged for asked in _verdicts(found).answers}
        return sum((q, (), None) not in said for q in questions(load_examples(examples.folder), known.folder))
    of = {fingerprint(found.identity["answers"]) for found in judged}
    return sum(_lacking(answers, finished, lambda source: source.fingerprint in of))


def _finished(step: Step, finished: Finished) -> FinishedStep | None:
    """Return a step as the store has it; None where it is not finished and whole."""
    return next((f for f in finished(step.kind, lambda name: name == step.folder_name) if f.whole()), None)


def _lacking(
    step: "ModelOutputs", finished: Finished, counts: Callable[[FinishedStep], bool] = lambda source: True
) -> list[int]:
    """Return how many samples of each example have no answer in the finished steps that count."""
    samples: Counter[tuple[object, ...]] = Counter()  # that finished steps have of an example
    if step.holds_alone:
        for found, examples in _alike_steps(step, finished):
            if counts(found):
                samples |= Counter({_row(example): _samples(found.identity) for example in examples})
    if not samples:
        return [step.samples] * step.examples.n
    return [max(0, step.samples - samples[_row(example)]) for example in step.examples.sample()]


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


def _judged_steps(step: Step, finished: Finished) -> Iterator[FinishedStep]:
    """Yield the finished steps in which the same judge was asked about answers of the same learner."""
    asked, ours = _but_for_n(step.folder_name), {**step.canonical_form, "answers": None}
    for found in finished(step.kind, lambda name: name != step.folder_name and _but_for_n(name) == asked):
        if {**found.identity, "answers": None} == ours and _of_these_versions(found) and found.whole():
            yield found


def _verdicts(found: FinishedStep) -> _Source:
    """Return what a judge replied, by the question."""
    rows = read_jsonl(found.folder / "answers.jsonl")
    return _Source(found, {(row["prompt"], (), None): row for row in rows})


def _alike_steps(step: "ModelOutputs", finished: Finished) -> Iterator[tuple[FinishedStep, list[Example]]]:
    """Yield the finished steps that asked the same of the same model, with the other examples that they asked."""
    asked = _but_for_n(step.folder_name)
    for found in finished(step.kind, lambda name: name != step.folder_name and _but_for_n(name) == asked):
        if not (_alike(step, found.identity) and _of_these_versions(found)):
            continue
        examples = _examples_of(step, found, finished)
        if examples is not None and found.whole():
            yield found, examples


def _of_these_versions(found: FinishedStep) -> bool:
    return bool(found.provenance.get("versions")) and not other_versions(found.provenance)


def _alike(step: "ModelOutputs", identity: Mapping[str, Any]) -> bool:
    """Return whether an identity is that of a step but for its examples, as far as can be said without them."""
    ours, theirs = step.canonical_form, dict(identity)
    worded = step.examples.worded(step.style)
    drawn: Any = ours["examples"]
    other = theirs.get("examples")
    return (
        isinstance(other, dict)
        and {**drawn, **_of_rows(other)} == {**other, **_of_rows(other)}
        and {**ours, "examples": None, **_of_samples(ours), **worded}
        == {**theirs, "examples": None, **_of_samples(theirs), **worded}
    )


def _of_rows(examples: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an identity of examples says of how many and which rows there are."""
    return {name: examples[name] for name in ("n", "rows") if name in examples}


def _of_samples(identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an identity says of how answers are drawn, without how many."""
    sampling = identity.get("sampling")
    return {"sampling": {**sampling, "samples": None}} if isinstance(sampling, dict) else {}


def _samples(identity: Mapping[str, Any]) -> int:
    sampling = identity.get("sampling")
    return int(sampling["samples"]) if isinstance(sampling, dict) else 1


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

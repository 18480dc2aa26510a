"""The step that grades completions; a new extractor grades again and never generates again."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from offdiag.identity import Json
from offdiag.models.finite import NOT_FINITE
from offdiag.steps.examples import load_examples
from offdiag.steps.jsonl import each_of_jsonl, write_jsonl
from offdiag.steps.judgements import Judgements
from offdiag.steps.model_outputs import ModelOutputs, samples_of
from offdiag.steps.scoring import MEAN, item_record
from offdiag.steps.step import Step, Work
from offdiag.tasks import Example, Grade, get_task, graded
from offdiag.tasks.content import graded_identity
from offdiag.tasks.task import UNRATED

# The verdict on an item for which the model gave no finite numbers; no grader sees it.
NO_ANSWER = Grade(parsed=None, status=NOT_FINITE, correct=False)


class Grades(Step):
    """The grades of one model's answers to one evaluation: a finished cell of the matrix.

    Attributes:
        answers: that are graded. score: what an item is worth, see :func:`offdiag.steps.scoring.check_score`.
        judged: what a judge model said of the answers; None where the task's own grader decides.
    """

    kind: ClassVar[str] = "cells"
    added: ClassVar[frozenset[str]] = frozenset({"score", "judged"})
    answers: ModelOutputs
    score: str = MEAN
    judged: Judgements | None = None

    @property
    def name(self) -> str:
        how = ["" if self.score == MEAN else self.score, "" if self.judged is None else self.judged.judge.label]
        return ".".join([self.answers.name, *filter(None, how)])

    @property
    def arm_name(self) -> str:
        """Name of the arm that answered: the name without the evaluation."""
        return self.answers.name.rpartition("--")[0]

    @cached_property
    def inputs(self) -> tuple[Step, ...]:
        """The examples, the answers to them, and what a judge said of these."""
        return (self.answers.examples, self.answers, *(() if self.judged is None else (self.judged,)))

    def canonical(self) -> dict[str, Json]:
        judge = {} if self.judged is None else {"verdicts": self.judged.judge.reading}
        return {**super().canonical(), **graded_identity(self.answers.examples.domain), **judge}

    def run(self, work: Work) -> dict[str, Json]:
        domain = self.answers.examples.domain
        task = get_task(domain.task)
        examples = load_examples(work.output(self.answers.examples))
        samples = self.answers.samples
        answers = samples_of(examples, work.output(self.answers), samples)
        said = None if self.judged is None else samples_of(examples, work.output(self.judged), samples)

        def grade(example: Example, answer: Mapping[str, Any], verdict: Mapping[str, Any] | None) -> Grade:
            if answer["finish"] == NOT_FINITE:
                return NO_ANSWER
            if self.judged is not None and verdict is not None:
                return self.judged.judge.grade(answer["completion"], verdict)
            return graded(task, domain, example, answer["completion"])

        records = []
        for i, (example, own) in enumerate(zip(examples, answers, strict=True)):
            verdicts = [None] * samples if said is None else said[i]
            grades = [grade(example, answer, verdict) for answer, verdict in zip(own, verdicts, strict=True)]
            record = item_record(self.score, own, grades)
            if "samples" in record:
                record["index"] = i
            if said is not None:
                record["verdict"] = [verdict["completion"] for verdict in said[i]]
            records.append({**record, "problem": example.problem, "target": example.target,
                            "strata": dict(example.strata)})  # fmt: skip
        write_jsonl(work.folder / "records.jsonl", records)
        rated = [record for record in records if record["status"] not in UNRATED]
        whole = all(record["correct"] is not None for record in records)
        mean = sum(record_score(record) for record in rated) / len(rated) if rated else None
        return {
            "n": len(records),
            **({"n_correct": sum(record["correct"] for record in records)} if whole else {"score": mean}),
            "n_unparsed": sum(map(n_unparsed, records)),
            "n_errors": len(records) - len(rated),
        }


def record_score(record: Mapping[str, Any]) -> float:
    """Return what an item is worth, from 0 to 1; records of right or wrong answers say no more than that."""
    score = record.get("score")
    return float(record["correct"]) if score is None else float(score)


def n_unparsed(record: Mapping[str, Any]) -> int:
    """Return how many answers to an item were not understood."""
    return int(record.get("n_unparsed", record["status"] == "unparsed"))


def n_ungraded(record: Mapping[str, Any]) -> int:
    """Return how many answers to an item no grader could judge."""
    return int(record.get("n_ungraded", record["status"] == "ungraded"))


def n_answers(record: Mapping[str, Any]) -> int:
    """Return the number of answers to an item."""
    return len(record.get("samples", (None,)))


def load_records(folder: Path) -> list[dict[str, Any]]:
    """Read the full records of a finished cell, in item order: prompt, completion, verdict."""
    return list(each_record(folder))


def each_record(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the full records of a finished cell one after the other."""
    return each_of_jsonl(folder / "records.jsonl")

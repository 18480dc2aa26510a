"""The step that grades completions; a new extractor grades again and never generates again."""

from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from offdiag.identity import Json
from offdiag.models.finite import NOT_FINITE
from offdiag.steps.examples import load_examples
from offdiag.steps.jsonl import read_jsonl, write_jsonl
from offdiag.steps.model_outputs import ModelOutputs, answers_to
from offdiag.steps.step import Step, Work
from offdiag.tasks import Grade, get_task, graded
from offdiag.tasks.content import graded_identity
from offdiag.tasks.task import UNRATED

# The verdict on an item for which the model gave no finite numbers; no grader sees it.
NO_ANSWER = Grade(parsed=None, status=NOT_FINITE, correct=False)


class Grades(Step):
    """The grades of one model's answers to one evaluation: a finished cell of the matrix."""

    kind: ClassVar[str] = "cells"
    answers: ModelOutputs

    @property
    def name(self) -> str:
        return self.answers.name

    @property
    def arm_name(self) -> str:
        """Name of the arm that answered: the name without the evaluation."""
        return self.name.rpartition("--")[0]

    @cached_property
    def inputs(self) -> tuple[Step, ...]:
        """The examples, and the answers to them."""
        return (self.answers.examples, self.answers)

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), **graded_identity(self.answers.examples.domain)}

    def run(self, work: Work) -> dict[str, Json]:
        domain = self.answers.examples.domain
        task = get_task(domain.task)
        examples = load_examples(work.output(self.answers.examples))
        records = []
        answers = answers_to(examples, work.output(self.answers))
        for example, answer in zip(examples, answers, strict=True):
            failed = answer["finish"] == NOT_FINITE
            grade = asdict(NO_ANSWER if failed else graded(task, domain, example, answer["completion"]))
            records.append({**answer, **grade, "problem": example.problem, "target": example.target,
                            "strata": dict(example.strata)})  # fmt: skip
        write_jsonl(work.folder / "records.jsonl", records)
        return {
            "n": len(records),
            "n_correct": sum(record["correct"] for record in records),
            "n_unparsed": sum(record["status"] == "unparsed" for record in records),
            "n_errors": sum(record["status"] in UNRATED for record in records),
        }


def load_records(folder: Path) -> list[dict[str, Any]]:
    """Read the full records of a finished cell, in item order: prompt, completion, verdict."""
    return read_jsonl(folder / "records.jsonl")

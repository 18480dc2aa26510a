"""Commands on tasks: data and grade."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated, Any, Literal

import typer

from offdiag.cli.tables import json_text, show_json
from offdiag.errors import UserError
from offdiag.tasks import Domain, Task, describe, get_task, parse_domain

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="A task, such as base_addition.")]
DomainText = Annotated[str, typer.Argument(metavar="DOMAIN", help="Its parameters, such as base=8,digits=2.")]


def data(
    task_name: TaskName,
    domain_text: DomainText = "",
    split: Annotated[str, typer.Option(metavar="NAME", help="A split of the task.")] = "eval",
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="How many examples.")] = 10,
    seed: Annotated[int, typer.Option(metavar="N", help="Data seed.")] = 0,
    form: Annotated[Literal["jsonl", "text"], typer.Option("--format", help="JSON lines, or bare problems.")] = "jsonl",
    summary: Annotated[bool, typer.Option("--describe", help="Sizes, balance, lengths and overlap instead.")] = False,
) -> None:
    """Print examples of a task's domain."""
    task, domain = _domain(task_name, domain_text)
    examples = task.examples(domain, split, n, seed)
    if summary:
        show_json(describe(task, domain, split, examples, seed))
        return
    lines = (e.problem if form == "text" else json_text(asdict(e)) for e in examples)
    sys.stdout.writelines(f"{line}\n" for line in lines)


def grade(task_name: TaskName, domain_text: DomainText = "") -> None:
    """Grade completions from standard input.

    JSON lines with "problem" and "completion" come in, and go out with target, parsed, status, correct and flags.
    """
    task, domain = _domain(task_name, domain_text)
    for number, record in _records(sys.stdin):
        try:
            example = task.parse_problem(domain, record["problem"])
        except UserError as error:
            raise UserError(f"standard input, line {number}: {error}") from error
        verdict = asdict(task.grade(domain, example, record["completion"]))
        sys.stdout.write(json_text({**record, "target": example.target, **verdict}) + "\n")


def _domain(task_name: str, domain_text: str) -> tuple[Task[Any], Domain]:
    task = get_task(task_name)
    return task, parse_domain(task, domain_text)


def _records(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise UserError(f"standard input, line {number}: not JSON ({error})") from None
        if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("problem", "completion")):
            raise UserError(
                f"standard input, line {number}: expected an object with the texts "
                '"problem" and "completion", such as {"problem": "76+76", "completion": "\\\\boxed{174}"}'
            )
        yield number, record


COMMANDS = (data, grade)

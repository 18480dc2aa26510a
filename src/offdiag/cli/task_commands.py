"""Commands on tasks: data and grade."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from offdiag.cli.describing import show_description
from offdiag.cli.options import AsJson, Sets
from offdiag.cli.published_files import write_files
from offdiag.cli.tables import json_text, show_json
from offdiag.errors import UserError
from offdiag.parameters import parse_sets
from offdiag.tasks import Domain, Task, describe, get_task, parse_domain

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="A task, such as base_addition.")]
DomainText = Annotated[str, typer.Argument(metavar="DOMAIN", help="Its parameters, such as base=8,digits=2.")]


def data(
    task_name: TaskName,
    domain_text: DomainText = "",
    split: Annotated[str, typer.Option(metavar="NAME", help="A split of the task.")] = "eval",
    n: Annotated[int, typer.Option("--n", min=1, metavar="N", help="How many examples.")] = 10,
    seed: Annotated[int, typer.Option(metavar="N", help="Data seed.")] = 0,
    form: Annotated[
        Literal["jsonl", "text", "chat"], typer.Option("--format", help="JSON lines, bare problems, or conversations.")
    ] = "jsonl",
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Write the published study's files there instead.")
    ] = None,
    summary: Annotated[bool, typer.Option("--describe", help="Sizes, balance, lengths and overlap instead.")] = False,
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Print examples of a task's domain.

    Data that are not built in are read from where --set data_dir=FOLDER says.
    """
    task, domain = _domain(task_name, domain_text, sets)
    form = "jsonl" if as_json else form
    if folder is not None:
        typer.echo(f"{len(write_files(task, domain, seed, folder))} files in {folder}")
        return
    examples = task.examples(domain, split, n, seed)
    if summary:
        found = describe(task, domain, split, examples, seed)
        if as_json:
            show_json(found)
        else:
            show_description(found)
        return
    for e in examples:
        line = e.problem if form == "text" else json_text(task.row(domain, e) if form == "chat" else asdict(e))
        sys.stdout.write(f"{line}\n")


def grade(task_name: TaskName, domain_text: DomainText = "", sets: Sets = None) -> None:
    """Grade completions from standard input.

    JSON lines with "problem" and "completion" come in, and go out with target, parsed, status, correct and flags.
    """
    task, domain = _domain(task_name, domain_text, sets)
    for number, record in _records(sys.stdin):
        try:
            example = task.parse_problem(domain, record["problem"])
        except UserError as error:
            raise UserError(f"standard input, line {number}: {error}") from error
        verdict = asdict(task.grade(domain, example, record["completion"]))
        sys.stdout.write(json_text({**record, "target": example.target, **verdict}) + "\n")


def _domain(task_name: str, domain_text: str, sets: list[str] | None) -> tuple[Task[Any], Domain]:
    task = get_task(task_name)
    task.configure(parse_sets(sets or ()))
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

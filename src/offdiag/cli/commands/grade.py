"""``offdiag grade``: grade completions that were made elsewhere."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from offdiag.cli.options import DomainText, OfStudy, Sets, TaskName, chosen_domain
from offdiag.cli.tables import json_text, say
from offdiag.errors import UserError
from offdiag.files import TextFile, json_lines
from offdiag.identity import fingerprint

if TYPE_CHECKING:
    from offdiag.tasks import Domain, Example, Task

IDS = ("id", "example")


def grade(task_name: TaskName, domain_text: DomainText = "", study: OfStudy = None, sets: Sets = None) -> None:
    """Grade completions from standard input.

    JSON lines with "problem" and "completion" come in, and go out with target, parsed, status, correct and flags. A
    field of the record's own that is called like one of these is kept as own_target, own_correct and so on.
    A task that a study file or a module beside it defines is found with --study my_study.py.
    """
    from offdiag.tasks import graded

    with chosen_domain(task_name, domain_text, sets, study) as (task, domain):
        for where, record in _records(TextFile.standard_input()):
            example = _parsed(task, domain, record["problem"], where)
            verdict = {"target": example.target, **asdict(graded(task, domain, example, record["completion"]))}
            say(json_text({**_beside(record, verdict), **verdict}))


def _parsed(task: "Task[Any]", domain: "Domain", problem: str, where: str) -> "Example":
    """Return the example that a problem is.

    Raises:
        UserError: it is none.
    """
    from offdiag.python_files import culprit
    from offdiag.tasks import Example

    try:
        example: object = task.parse_problem(domain, problem)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    except ValueError as error:  # such as a number of more digits than Python reads
        if culprit(error) is not None:
            raise
        raise UserError(f"{where}: problem {problem[:40]!r} cannot be read as one of {task.name}: {error}") from error
    if not isinstance(example, Example):
        raise UserError(f"parse_problem of task {task.name} returned {type(example).__name__}: expected an Example")
    return example


def _beside(record: dict[str, Any], verdict: dict[str, Any]) -> dict[str, Any]:
    """Return the record with each field that is called like one of the verdict's as ``own_…``, under a free name."""
    kept: dict[str, Any] = {}
    for name, value in record.items():
        free = name
        while free in verdict or (free != name and (free in record or free in kept)):
            free = f"own_{free}"
        kept[free] = value
    return kept


def _records(file: TextFile) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each record with its place.

    A record with an ``id`` or ``example`` may come again as another model's answer or another sample, but then a field
    must tell the two apart.
    """
    first: dict[str, str] = {}
    for row in json_lines(file):
        record = row.value
        if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("problem", "completion")):
            raise UserError(
                f'{row.where}: expected an object with the texts "problem" and "completion", such as '
                '{"problem": "2+2", "completion": "4"}'
            )
        if (name := next((name for name in IDS if name in record), None)) is not None:
            told = fingerprint({name: value for name, value in record.items() if name != "completion"})
            if told in first:
                raise UserError(
                    f"{row.where}: {name} {record[name]!r} is also that of {first[told]}: give each an {name} of "
                    'its own, or a field that tells them apart, such as "sample": 2'
                )
            first[told] = row.where
        yield row.where, record

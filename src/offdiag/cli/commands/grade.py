"""``offdiag grade``: grade completions that were made elsewhere."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from offdiag.cli.options import DomainText, OfStudy, Sets, TaskName, chosen_domain
from offdiag.cli.tables import json_text
from offdiag.errors import UserError


def grade(task_name: TaskName, domain_text: DomainText = "", study: OfStudy = None, sets: Sets = None) -> None:
    """Grade completions from standard input.

    JSON lines with "problem" and "completion" come in, and go out with target, parsed, status, correct and flags.
    A task that a study file or a module beside it defines is found with --study my_study.py.
    """
    with chosen_domain(task_name, domain_text, sets, study) as (task, domain):
        for number, record in _records(sys.stdin):
            try:
                example = task.parse_problem(domain, record["problem"])
            except UserError as error:
                raise UserError(f"standard input, line {number}: {error}") from error
            verdict = asdict(task.grade(domain, example, record["completion"]))
            sys.stdout.write(json_text({**record, "target": example.target, **verdict}) + "\n")


def _records(lines: Iterable[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each record with the number of its line; empty lines are skipped."""
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
                '"problem" and "completion", such as {"problem": "2+2", "completion": "4"}'
            )
        yield number, record

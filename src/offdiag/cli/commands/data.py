"""``offdiag data``: print or describe examples of a task's domain."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

from offdiag.cli.options import AsJson, DomainText, OfStudy, Sets, TaskName, chosen_domain
from offdiag.cli.tables import json_text, say, show_json, show_table
from offdiag.errors import some

Facts: TypeAlias = Mapping[str, Any]

SHOWN = 10  # examples, where nobody says how many


def data(
    task_name: TaskName,
    domain_text: DomainText = "",
    split: Annotated[str, typer.Option(metavar="NAME", help="A split of the task.")] = "eval",
    n: Annotated[int | None, typer.Option("--n", min=1, metavar="N", help="How many examples [10 at most].")] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Data seed.")] = 0,
    form: Annotated[
        Literal["jsonl", "text", "chat"], typer.Option("--format", help="JSON lines, bare problems, or conversations.")
    ] = "jsonl",
    folder: Annotated[
        Path | None, typer.Option("--to", metavar="FOLDER", help="Write the published study's files there instead.")
    ] = None,
    summary: Annotated[
        bool, typer.Option("--describe", help="Print sizes, balance, lengths and overlap instead.")
    ] = False,
    study: OfStudy = None,
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Print examples of a task's domain.

    Data that are not built in are read from where --set data_dir=FOLDER says. A task that a study file
    or a module beside it defines is found with --study my_study.py.
    """
    from offdiag.tasks import describe, write_files

    with chosen_domain(task_name, domain_text, sets, study) as (task, domain):
        form = "jsonl" if as_json else form
        if folder is not None:
            say(f"{some(len(write_files(task, domain, seed, folder)), 'file')} in {folder}")
            return
        size = task.size(domain, split)
        usual = SHOWN if size is None else max(1, min(SHOWN, size))
        examples = task.examples(domain, split, n or usual, seed)
        if summary:
            found = describe(task, domain, split, examples, seed)
            if as_json:
                show_json(found)
            else:
                _show_description(found)
            return
        for e in examples:
            if form == "text":
                say(*e.problem.split("\n"))
            else:
                say(json_text(task.row(domain, e) if form == "chat" else e.fields()))


def _show_description(found: Facts) -> None:
    """Print what :func:`offdiag.tasks.describe` found: facts in one table, and one more for each group of them.

    Names of measures and the like stay as they are typed.
    """
    domain = ",".join(f"{name}={_text(value)}" for name, value in found["domain"].items())
    rest = {name: value for name, value in found.items() if name not in ("task", "domain")}
    _show(f"{found['task']} {domain}", rest)


def _show(title: str, facts: Facts) -> None:
    grouped = {name: value for name, value in facts.items() if _is_grouped(value)}
    plain = [[_words(name), _text(value)] for name, value in facts.items() if name not in grouped]
    if plain:
        show_table(f"{title}\n", ["fact", "value"], plain, prose=["value"])
    for name, group in grouped.items():
        if not all(isinstance(value, Mapping) for value in group.values()):
            _show(f"\n{_words(name)}", group)
        else:
            _show_group(f"\n{_words(name)}", group)


def _show_group(title: str, group: Mapping[str, Facts]) -> None:
    """Print one column per fact if most members of the group have it; else all facts of a member in one column."""
    columns = list(dict.fromkeys(name for member in group.values() for name in member))
    filled = sum(map(len, group.values()))
    if 2 * filled >= len(columns) * len(group):
        rows = [[name, *(_text(member.get(c, "")) for c in columns)] for name, member in group.items()]
        show_table(title, ["", *map(_words, columns)], rows, right=[_words(c) for c in columns if _counts(group, c)])
    else:
        show_table(title, ["", "values"], [[name, _text(member)] for name, member in group.items()],
                   prose=["values"])  # fmt: skip


def _counts(group: Mapping[str, Facts], column: str) -> bool:
    return all(isinstance(member.get(column, 0), int | float | None) for member in group.values())


def _is_grouped(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(member, Mapping) for member in value.values())


def _text(value: Any) -> str:
    from offdiag.reporting.wording import number

    if isinstance(value, Mapping):
        return " · ".join(f"{name}: {_text(member)}" for name, member in value.items())
    return number(value)


def _words(name: str) -> str:
    return name.replace("_", " ")

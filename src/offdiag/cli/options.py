"""Arguments and options that several commands share, and what they ask for."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from offdiag.runtime import Device

if TYPE_CHECKING:
    from offdiag.planning import Plan
    from offdiag.store import Store
    from offdiag.tasks import Domain, Task

StudyName: TypeAlias = Annotated[str, typer.Argument(metavar="STUDY", help="A built-in study, or a Python file.")]
Scale: TypeAlias = Annotated[str, typer.Option("--scale", metavar="NAME", help="Preset of the parameters.")]
Sets: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter; may come several times.")
]
Keyword: TypeAlias = Annotated[
    str | None, typer.Option("-k", metavar="WORDS", help="Only cells whose name has all of these words.")
]
StoreFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option("--store", metavar="FOLDER", help="Finished steps [$OFFDIAG_STORE, or offdiag-store here]."),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CellName: TypeAlias = Annotated[str, typer.Argument(metavar="CELL", help="A name, part of one, or a hash.")]
DeviceName: TypeAlias = Annotated[Device, typer.Option("--device", help="Where to compute.")]
TaskName: TypeAlias = Annotated[str, typer.Argument(metavar="TASK", help="The name of a task.")]
DomainText: TypeAlias = Annotated[
    str, typer.Argument(metavar="DOMAIN", help="Its parameters, as NAME=VALUE,NAME=VALUE.")
]


def planned(study: str, scale: str, sets: list[str] | None, keyword: str | None = None) -> "Plan":
    """The plan that the words of a command ask for."""
    from offdiag.catalogue import load_study
    from offdiag.parameters import parse_sets
    from offdiag.planning import make_plan

    plan = make_plan(load_study(study), scale, parse_sets(sets or ()))
    return plan if keyword is None else plan.select(keyword)


def chosen_domain(task_name: str, domain_text: str, sets: list[str] | None) -> "tuple[Task[Any], Domain]":
    """The task and the domain that the words of a command ask for."""
    from offdiag.parameters import parse_sets
    from offdiag.tasks import get_task, parse_domain

    task = get_task(task_name)
    task.configure(parse_sets(sets or ()))
    return task, parse_domain(task, domain_text)


def command(verb: str, plan: "Plan", store: "Store", keyword: str | None = None) -> str:
    """What to type for ``verb`` on the same cells in the same store."""
    from offdiag.api import open_store

    chosen = [] if keyword is None else ["-k", keyword]
    place = [] if store.root == open_store().root else ["--store", str(store.root)]
    return " ".join(filter(None, [f"offdiag {verb}", plan.command, shlex.join([*chosen, *place])]))

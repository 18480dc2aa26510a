"""Options that several commands share."""

import shlex
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from offdiag.parameters import parse_sets
from offdiag.planning import Plan, make_plan
from offdiag.runtime import Device
from offdiag.store import Store

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


def planned(study: str, scale: str, sets: list[str] | None, keyword: str | None = None) -> Plan:
    """The plan that the words of a command ask for."""
    from offdiag.catalogue import load_study

    plan = make_plan(load_study(study), scale, parse_sets(sets or ()))
    return plan if keyword is None else plan.select(keyword)


def command(verb: str, plan: Plan, store: Store, keyword: str | None = None) -> str:
    """What to type for ``verb`` on the same cells in the same store."""
    from offdiag.api import open_store

    chosen = [] if keyword is None else ["-k", keyword]
    place = [] if store.root == open_store().root else ["--store", str(store.root)]
    return " ".join(filter(None, [f"offdiag {verb}", plan.command, shlex.join([*chosen, *place])]))

"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from offdiag.parameters import parse_sets
from offdiag.planning import Plan, make_plan
from offdiag.runtime import Device

StudyName: TypeAlias = Annotated[str, typer.Argument(metavar="STUDY", help="A built-in study, or a Python file.")]
Scale: TypeAlias = Annotated[str, typer.Option("--scale", help="Preset of the parameters.")]
Sets: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter; may come several times.")
]
Keyword: TypeAlias = Annotated[
    str | None, typer.Option("-k", metavar="WORDS", help="Only cells whose name has all of these words.")
]
StoreFolder: TypeAlias = Annotated[
    Path | None, typer.Option("--store", help="Folder of finished steps [$OFFDIAG_STORE or offdiag-store].")
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
DeviceName: TypeAlias = Annotated[Device, typer.Option("--device", help="Where to compute.")]


def planned(study: str, scale: str, sets: list[str] | None, keyword: str | None = None) -> Plan:
    """The plan that the words of a command ask for."""
    from offdiag.catalogue import load_study

    plan = make_plan(load_study(study), scale, parse_sets(sets or ()))
    return plan if keyword is None else plan.select(keyword)

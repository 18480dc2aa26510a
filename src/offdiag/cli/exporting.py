"""The command ``export``: the files that a study leaves for others."""

from pathlib import Path
from typing import Annotated

import typer

from offdiag.api import open_store
from offdiag.cli.options import Scale, Sets, StoreFolder, StudyName, command, planned


def export(
    study: StudyName,
    folder: Annotated[Path, typer.Option("--to", "-o", metavar="FOLDER", help="Where to; made if it is not there.")],
    scale: Scale = "quick",
    sets: Sets = None,
    store: StoreFolder = None,
) -> int:
    """Write the files that a study leaves for others.

    item-hardness: tables of measured hardness, into the folder of the data; hidden-states: one file a model and data
    set. What a run has not finished is not written, and the exit code is 1.
    """
    from offdiag.api import export as write

    wanted = planned(study, scale, sets)
    place = open_store(store)
    files = write(wanted, to=folder, store=place.root)
    for path, about in files:
        typer.echo(f"not written: {about}" if path is None else f"{path}: {about}")
    if all(path is not None for path, _ in files):
        return 0
    typer.echo(f"Next: {command('run', wanted, place)}")
    return 1


COMMANDS = (export,)

"""``offdiag export``: write the files of a study that other programs read."""

from pathlib import Path
from typing import Annotated

import typer

from offdiag.cli.options import Scale, Sets, StoreFolder, StudyName, beginning, command, planned
from offdiag.cli.tables import say

SEVERAL = ("--as",)


def export(
    study: StudyName,
    folder: Annotated[Path, typer.Option("--to", "-o", metavar="FOLDER", help="Folder to write to; made if missing.")],
    scale: Scale = "quick",
    sets: Sets = None,
    store: StoreFolder = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="FORMAT ...",
            help="inspect, parquet, arrow or trainer.",
            autocompletion=beginning("offdiag.exports"),
        ),
    ] = None,
) -> int:
    """Write the files of a study that other programs read.

    The study says which files it has, such as tables or hidden states; --as writes the results of any study: logs
    that inspect view opens, Parquet or Arrow tables, or JSON lines of prompts, completions and verdicts. If a run has
    not finished what a file needs, the file is not written, and the exit code is 1.
    """
    from offdiag import api

    wanted, place = planned(study, scale, sets), api.open_store(store)
    files = api.export(wanted, to=folder, store=place.root, formats=formats or ())
    for path, about in files:
        say(f"not written: {about}" if path is None else f"{path}: {about}")
    if all(path is not None for path, _ in files):
        return 0
    say(f"Next: {command('run', wanted, place)}")
    return 1

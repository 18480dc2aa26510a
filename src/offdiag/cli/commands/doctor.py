"""``offdiag doctor``: check machine, store and model; the exit code is 1 if anything is wrong."""

from typing import Annotated

import typer

from offdiag.cli.options import AsJson, DeviceName, StoreFolder
from offdiag.cli.tables import show_json, show_table


def doctor(
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Model to try [the embedded one, if it is installed].")
    ] = None,
    store: StoreFolder = None,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> int:
    """Check this machine, the store and a model.

    It looks at versions, device, disk and store, and tests that answers do not depend on the batch or the cache.
    """
    from offdiag.api import open_store
    from offdiag.doctor import doctor as examine
    from offdiag.engine.execute import limit_threads
    from offdiag.models import ModelSpec
    from offdiag.runtime import Runtime

    runtime, place = Runtime(device=device), open_store(store)
    limit_threads(runtime)
    findings = examine(runtime, None if model is None else ModelSpec(source=model), place)
    wrong = sum(finding.ok is False for finding in findings)
    if as_json:
        show_json([finding.to_json() for finding in findings])
        return int(wrong > 0)
    rows = [[f.mark, f.name, f.detail + (f" → {f.remedy}" if f.remedy else "")] for f in findings]
    show_table("offdiag doctor", ["", "what", "found"], rows, prose=["found"])
    typer.echo(f"\n{wrong} of {len(findings)} not as they should be." if wrong else "\nAll is as it should be.")
    return int(wrong > 0)

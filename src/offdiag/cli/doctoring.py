"""The command ``doctor``: print what was found; something that is not as it should be is exit code 1."""

import typer

from offdiag.cli.tables import show_json, show_table
from offdiag.doctor import doctor
from offdiag.engine.threads import limit_threads
from offdiag.models import ModelSpec
from offdiag.runtime import Runtime
from offdiag.store import Store

MARKS = {True: "ok", False: "NOT OK", None: "-"}


def examine(model: str | None, store: Store, runtime: Runtime, *, as_json: bool) -> int:
    """Examine this machine and print the findings; returns the exit code."""
    limit_threads(runtime)
    findings = doctor(runtime, None if model is None else ModelSpec(source=model), store)
    if as_json:
        show_json([finding.to_json() for finding in findings])
    else:
        rows = [[MARKS[f.ok], f.name, f.detail + (f" → {f.remedy}" if f.remedy else "")] for f in findings]
        show_table("offdiag doctor", ["", "what", "found"], rows, prose=["found"])
        wrong = sum(finding.ok is False for finding in findings)
        typer.echo(f"\n{wrong} of {len(findings)} not as they should be." if wrong else "\nAll is as it should be.")
    return int(any(finding.ok is False for finding in findings))

"""``offdiag studies``: what can be planned and run."""

import typer

from offdiag.cli.options import AsJson
from offdiag.cli.tables import show_json, show_table


def studies(as_json: AsJson = False) -> None:
    """List the studies and their scales.

    What a scale costs is said by: offdiag plan STUDY --scale NAME.
    """
    from offdiag.catalogue import load_study, study_names

    found = [load_study(name) for name in study_names()]
    if as_json:
        show_json([{"study": s.name, "title": s.title, "claim": s.claim, "scales": list(s.scales)} for s in found])
        return
    rows = [[s.name, s.title, ", ".join(s.scales)] for s in found]
    show_table("Studies", ["study", "title", "scales"], rows, prose=["title"])
    first = found[0]
    typer.echo(f"\nNext: offdiag plan {first.name} --scale {next(iter(first.scales))}")

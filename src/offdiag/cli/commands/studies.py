"""``offdiag studies``: list the studies that can be planned and run."""

from offdiag.cli.options import AsJson
from offdiag.cli.tables import say, show_json, show_table


def studies(as_json: AsJson = False) -> None:
    """List the studies and their scales.

    To see what a scale costs, type: offdiag plan STUDY --scale NAME.
    """
    from offdiag.errors import OffdiagError
    from offdiag.registry import OWN
    from offdiag.study_files import STUDIES

    found, broken = [], []
    for name, study in STUDIES.usable():
        if isinstance(study, OffdiagError):
            broken.append(f"offdiag: {study}")
        else:
            found.append((study, ", ".join(STUDIES.packages(name))))
    if as_json:
        show_json([
            {"study": s.name, "title": s.title, "claim": s.claim, "scales": list(s.scales), "package": package}
            for s, package in found
        ])  # fmt: skip
    else:
        from_others = {package for _, package in found} > {OWN}
        columns = ["study", "scales", *(["package"] if from_others else []), "title"]  # the longest last, for pipes
        rows = [[s.name, ", ".join(s.scales), *([package] if from_others else []), s.title] for s, package in found]
        show_table("Studies", columns, rows, prose=["title"])
        first = found[0][0]
        say("", f"Next: offdiag plan {first.name} --scale {next(iter(first.scales))}")
    for line in broken:
        say(line, err=True)

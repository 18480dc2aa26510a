"""``offdiag report``: write tables, figures and the page of a study from the steps that are done."""

from pathlib import Path
from typing import Annotated

import typer

from offdiag.cli.options import (
    ClusterBy,
    Intervals,
    Keyword,
    Scale,
    Sets,
    StoreFolder,
    StudyName,
    Versions,
    command,
    planned,
)
from offdiag.cli.tables import say
from offdiag.errors import UserError


def report(
    study: StudyName,
    scale: Scale = "quick",
    sets: Sets = None,
    keyword: Keyword = None,
    store: StoreFolder = None,
    versions: Versions = "accept",
    cluster_by: ClusterBy = None,
    interval: Intervals = "score",
    metric: Annotated[str, typer.Option(metavar="NAME", help="Results of others: the verdict that counts.")] = "",
    baseline: Annotated[str, typer.Option(metavar="ARM", help="Results of others: whom to compare with.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option("--to", "-o", metavar="FOLDER", help="Folder to write to [offdiag-report/STUDY-SCALE]."),
    ] = None,
) -> None:
    """Write tables, figures and one self-contained page.

    With -k it has the matrix and the tables of that part alone. The matrix is printed while something is lacking.
    Instead of a study it takes results of others: sample logs of lm-evaluation-harness, Inspect logs (a file or a
    folder of them), or a table of records.
    """
    from offdiag.api import load_foreign, make_report, open_store
    from offdiag.cli.results_table import show_results
    from offdiag.interop import results_at
    from offdiag.stats.replicated import intervals_by

    others = results_at(study)
    ours = {
        "--scale": scale != "quick",
        "--set": sets,
        "-k": keyword,
        "--store": store,
        "--versions": versions != "accept",
    }
    theirs = {"--metric": metric, "--baseline": baseline}
    if wrong := [option for option, given in (ours if others else theirs).items() if given]:
        raise UserError(f"{wrong[0]} is for {'a study' if others else 'results of others'}: leave it out of {study}")
    if others is not None:
        with intervals_by(interval):
            found = load_foreign([others], metric=metric, baseline=baseline, cluster_by=cluster_by or "")
            page = found.report(folder)
            show_results(found.frames, ())
        say("", f"Report: {page}")
        return

    wanted, place = planned(study, scale, sets, keyword, cluster_by), open_store(store, versions)
    with intervals_by(interval):
        made = make_report(wanted, place, folder)
        lacking = made.results.lacking()
        if lacking or interval != "score":  # what is finished was printed by the run
            show_results(made.results)
        else:
            say(made.results.title, f"{wanted.study.name} · {wanted.scale}", *(f"! {t}" for t in made.results.notices))
    beside = made.page.parent
    say(_count(beside / "tables", "csv", "table"), _count(beside / "figures", "pdf", "figure"))
    say("", f"Report: {made.page}")
    if lacking:
        steps = ", ".join(f"{n} {state}" for state, n in lacking.items())
        say(f"Steps that it still lacks: {steps}.", f"Next: {command('run', wanted, place, keyword)}")


def _count(folder: Path, ending: str, what: str) -> str:
    """Return how many files of a kind a folder has: ``3 tables in offdiag-report/…/tables``."""
    n = len(list(folder.glob(f"*.{ending}")))
    return f"{n} {what if n == 1 else what + 's'}" + (f" in {folder}" if n else "")

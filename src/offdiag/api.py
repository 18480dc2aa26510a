"""The verbs of the command line, in Python: plan, run, load, compare, report, export."""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from offdiag.engine import Caller, RunEvent, Summary, Together, Watcher, run_plan
from offdiag.errors import UserError, printable
from offdiag.live import watcher_for
from offdiag.planning import Plan, make_plan
from offdiag.provenance import VersionPolicy
from offdiag.runtime import Runtime
from offdiag.steps import Step
from offdiag.store import Store
from offdiag.study import Study
from offdiag.study_files import load_study
from offdiag.tasks.data import data_at
from offdiag.trackers import with_tracker

if TYPE_CHECKING:
    import pandas as pd

    from offdiag.exports import Exported
    from offdiag.results import Results

DEFAULT_STORE = "offdiag-store"
MOST_CELLS = 400  # of a report that says what its cells can resolve; `offdiag power` says it of more


class Report(NamedTuple):
    """A report's page, and the results and tables that it was made of."""

    page: Path
    results: "Results"
    tables: Mapping[str, "pd.DataFrame"]


def open_store(folder: str | Path | Store | None = None, versions: VersionPolicy = "accept") -> Store:
    """Open the store in ``folder``, ``$OFFDIAG_STORE``, or ``offdiag-store`` in the current folder.

    ``versions="stale"`` counts results of other versions of torch and the like as stale. All verbs take what this
    returns as their ``store``.
    """
    if isinstance(folder, Store):
        return folder
    return Store(Path(folder or os.environ.get("OFFDIAG_STORE") or DEFAULT_STORE), versions)


def plan(study: str | Path | Study[Any], scale: str = "quick", **overrides: Any) -> Plan:
    """Expand a study; ``overrides`` set its parameters: ``plan("base-addition", n_eval=60)``.

    Raises:
        UserError: the study, the scale or a parameter is unknown, or a value does not fit.
    """
    found = study if isinstance(study, Study) else load_study(study)
    return make_plan(found, scale, overrides)


def run(
    study: str | Path | Study[Any] | Plan,
    scale: str = "quick",
    *,
    store: str | Path | Store | None = None,
    runtime: Runtime | None = None,
    workers: int = 1,
    watcher: Watcher | None = None,
    progress: bool = True,
    callback: Callable[[RunEvent], object] | None = None,
    track: str | None = None,
    **overrides: Any,
) -> Summary:
    """Run what the store lacks of a study; always a resume. See :func:`offdiag.engine.run_plan`.

    Args:
        study, scale, overrides: as for :func:`plan`. store: as for :func:`open_store`.
        runtime, workers: how it is run. watcher: hears of every step.
        progress: shows the progress on standard error: bars on a terminal, elsewhere a line per slow step, and one at
            least every half minute.
        callback: is called in this process with each :class:`offdiag.engine.StepStarted`, ``StepProgressed``,
            ``StepEnded`` and ``RunWaits``. One that raises fails nothing; that is said once.
        track: the tracker that curves and cells are logged to, such as ``tensorboard``; below ``trackers`` in the
            store.
    """
    with data_at("" if runtime is None else runtime.data_dir):
        wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    place = open_store(store)
    survey = wanted.survey(place)
    pending = [state.step for state in survey if state.needed]
    watchers = [] if watcher is None else [watcher]
    with watcher_for(pending, sys.stderr, workers) if progress and pending else nullcontext() as shown:
        watchers += [] if shown is None else [shown]
        if callback is not None:
            watchers.append(Caller(callback, _say if shown is None else shown.say))
        say = _say if shown is None else shown.say
        with with_tracker(track, wanted, place, say, Together(watchers)) as told:
            return run_plan(wanted, place, runtime, workers=workers, watcher=told, survey=survey)


def _say(line: str) -> None:
    print(f"offdiag: {printable(line)}", file=sys.stderr)


def load(
    study: str | Path | Study[Any] | Plan,
    scale: str = "quick",
    *,
    store: str | Path | Store | None = None,
    **overrides: Any,
) -> "Results":
    """Load the results of a study so far, as pandas frames (``cells``, ``records``, ``steps``)."""
    from offdiag.gather import gather

    wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    return gather(wanted, open_store(store))


def compare(
    study: str | Path | Study[Any] | Plan,
    scale: str = "quick",
    *,
    store: str | Path | Store | None = None,
    **overrides: Any,
) -> "pd.DataFrame":
    """Compare what a study measured so far with what others published.

    Raises:
        UserError: the study has no published numbers.
    """
    from offdiag.comparison import comparison
    from offdiag.gather import gather

    wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    return comparison(wanted.design, gather(wanted, open_store(store)))


def report(
    study: str | Path | Study[Any] | Plan,
    scale: str = "quick",
    *,
    folder: str | Path | None = None,
    store: str | Path | Store | None = None,
    **overrides: Any,
) -> Path:
    """Write tables, figures and the page of a study as far as it has got; returns the path of the page."""
    wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    return make_report(wanted, open_store(store), folder).page


def make_report(wanted: Plan, store: Store, folder: str | Path | None = None) -> Report:
    """Write the report of a plan, and return its results and tables, too."""
    from offdiag.analyses.precision import Precision
    from offdiag.comparison import comparison
    from offdiag.gather import gather
    from offdiag.reporting import write_report

    results, design = gather(wanted, store), wanted.design
    tables = {a.name: results.table(a) for a in design.analyses}
    if 0 < len(results.cells) <= MOST_CELLS and "precision" not in tables:
        tables["precision"] = results.table(Precision(name="precision"))
    page = write_report(
        results,
        Path(folder or Path("offdiag-report") / f"{wanted.study.name}-{wanted.scale}"),
        [(f.name, f.caption, f.plot(results)) for f in design.figures],
        tables | ({"published": comparison(design, results)} if design.published else {}),
        scatters={f.name: scatter for f in design.figures if (scatter := f.scatter_3d(results)) is not None},
        command=f"offdiag run {wanted.portable_command}",
    )
    return Report(page, results, tables)


def export(
    study: str | Path | Study[Any] | Plan,
    scale: str = "quick",
    *,
    to: str | Path,
    store: str | Path | Store | None = None,
    **overrides: Any,
) -> "list[Exported]":
    """Write a study's files for other programs into ``to``, as far as it has got.

    Raises:
        UserError: the study leaves none.
    """
    from offdiag.gather import gather

    wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    if not wanted.design.exports:
        raise UserError(f"study {wanted.study.name} has nothing to export: type offdiag report {wanted.command}")
    place = open_store(store)
    results = gather(wanted, place)

    def finished(step: Step) -> Path | None:
        return place.folder(step) if place.result(step, "reading") is not None else None

    with data_at(wanted.data_dir):
        return [file for one in wanted.design.exports for file in one.write(results, finished, Path(to).expanduser())]

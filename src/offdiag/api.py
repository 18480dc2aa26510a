"""The verbs of the command line, in Python: plan, run, load, compare, report, export."""

import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from offdiag.engine import Caller, RunEvent, Summary, Together, Watcher, run_plan
from offdiag.errors import UserError, printable
from offdiag.interop import results_at
from offdiag.live import watcher_for
from offdiag.places import at_home
from offdiag.planning import Plan, make_plan
from offdiag.provenance import VersionPolicy
from offdiag.runtime import Runtime
from offdiag.steps import Step
from offdiag.store import Store
from offdiag.study import Study
from offdiag.study_files import STUDIES, load_study
from offdiag.tasks.data import data_at
from offdiag.trackers import with_tracker

if TYPE_CHECKING:
    import pandas as pd

    from offdiag.exports import Exported
    from offdiag.notebook import LoadedResults
    from offdiag.results import Results

DEFAULT_STORE = "offdiag-store"
OF_OTHERS = ("metric", "baseline", "cluster_by")  # settings of results that other programs made


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
    return Store(at_home(folder or os.environ.get("OFFDIAG_STORE") or DEFAULT_STORE), versions)


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

    In a notebook a run shows bars below the cell, unless a ``watcher`` is given.

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
    from offdiag.notebook.progress import notebook_bars

    with data_at("" if runtime is None else runtime.data_dir):
        wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    place = open_store(store)
    survey = wanted.survey(place)
    pending = [state.step for state in survey if state.needed]
    bars = notebook_bars(len(pending)) if progress or watcher is None else None
    watchers: list[Watcher] = [one for one in (watcher, bars) if one is not None]
    with watcher_for(pending, sys.stderr, workers) if progress and pending and not bars else nullcontext() as shown:
        watchers += [] if shown is None else [shown]
        if callback is not None:
            watchers.append(Caller(callback, _say if shown is None else shown.say))
        say = _say if shown is None else shown.say
        with with_tracker(track, wanted, place, say, Together(watchers)) as told:
            return run_plan(wanted, place, runtime, workers=workers, watcher=told, survey=survey)


def _say(line: str) -> None:
    print(f"offdiag: {printable(line)}", file=sys.stderr)


def plans(store: str | Path | Store) -> list[Plan]:
    """Return the plans whose results a store has; ``load`` takes one of them as its study.

    Raises:
        UserError: there are no results, or they are of a study that must be named.
    """
    from offdiag.inspection import plans_of

    return plans_of(open_store(store))


def load(
    study: str | Path | Study[Any] | Plan | Store,
    scale: str = "quick",
    *,
    store: str | Path | Store | None = None,
    **overrides: Any,
) -> "LoadedResults":
    """Load the results of a study so far: ``matrix()``, ``compare``, ``cells``, ``records``, ``figure``, ``sample``.

    See :class:`offdiag.notebook.LoadedResults`; in a notebook it shows itself. Instead of a study, the folder of a
    store with the results of one plan does; and so do results of others (docs/interop.md), a file or a folder, with
    ``metric`` (which verdict counts), ``baseline`` (an arm that the others are compared with) and ``cluster_by`` (a
    column: examples of one value count as one) among ``overrides``.

    Raises:
        UserError: the study, the scale or a parameter is unknown, the store has the results of several plans, or a file
            of others is not what it should be.
    """
    from offdiag.gather import gather
    from offdiag.notebook import LoadedResults

    if (others := results_at(study)) is not None:
        if unknown := [name for name in overrides if name not in OF_OTHERS]:
            raise UserError(f"{unknown[0]}: results of others are read with {', '.join(OF_OTHERS)}: leave it out")
        ours = {"scale": scale != "quick", "store": store is not None}
        if wrong := [name for name, given in ours.items() if given]:
            raise UserError(f"{wrong[0]} is for a study: leave it out of {others}")
        return load_foreign([others], **overrides)
    if isinstance(study, Store) or _is_folder(study):
        if not isinstance(study, Store):
            _check_store(at_home(cast("str | Path", study)))
        store = open_store(cast("str | Path | Store", study))
        study = _only_plan(store)
    wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    command = f"offdiag run {wanted.portable_command}"
    return LoadedResults(gather(wanted, open_store(store)), wanted.design, command=command)


def load_foreign(
    paths: Sequence[Path], *, metric: str = "", baseline: str = "", cluster_by: str = ""
) -> "LoadedResults":
    """Load results that other programs made, see :func:`offdiag.interop.frames.read_results`."""
    from offdiag.interop.frames import read_results
    from offdiag.notebook import LoadedResults

    given = {"--metric": metric, "--baseline": baseline, "--cluster-by": cluster_by}
    chosen = [word for option, value in given.items() if value for word in (option, value)]
    command = shlex.join(["offdiag", "report", *(path.name for path in paths), *chosen])
    return LoadedResults(read_results(paths, metric, baseline, cluster_by), command=command)


def _is_folder(study: object) -> bool:
    """Return whether a folder is meant; a study that is called like one goes before it."""
    return isinstance(study, str | Path) and str(study) not in STUDIES and at_home(study).is_dir()


def _check_store(folder: Path) -> None:
    """Refuse a folder that has files and is no store: no results of others were found in it either."""
    if not (folder / "store.json").exists() and any(folder.iterdir()):
        table = folder / "tables/records.csv"  # of a report
        raise UserError(
            f"{folder} has no results: expected a store (it has no store.json), logs of Inspect (.eval) or samples of "
            f"lm-evaluation-harness; a table of records is given as a file{f': {table}' if table.exists() else ''}"
        )


def _only_plan(store: Store) -> Plan:
    found = plans(store)
    if len(found) == 1:
        return found[0]
    shown = "; ".join(f"[{i}] {one!r}" for i, one in enumerate(found[:4]))
    raise UserError(
        f"{store.root} has the results of {len(found)} plans: {shown}: give one, such as "
        f"offdiag.load(offdiag.plans({str(store.root)!r})[0], store={str(store.root)!r})"
    )


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
    """Write the report of a plan, and return its results and tables, too.

    That of a part of a plan has no analyses and figures of the study: they are about all of its cells.
    """
    if wanted.words:
        words = [re.sub(r"[^\w.=]+", "_", word) for word in wanted.words]
        folder = folder or Path("offdiag-report") / "-".join([wanted.study.name, wanted.scale, *words])
        wanted = replace(wanted, design=replace(wanted.design, analyses=(), figures=(), published=()))
    found = load(wanted, store=store)
    return Report(found.report(folder), found.frames, found.report_tables)


def export(
    study: str | Path | Study[Any] | Plan,
    scale: str = "quick",
    *,
    to: str | Path,
    store: str | Path | Store | None = None,
    formats: Sequence[str] = (),
    **overrides: Any,
) -> "list[Exported]":
    """Write a study's files for other programs into ``to``, as far as it has got.

    Args:
        study, scale, store, overrides: as for :func:`load`. to: a folder. formats: ``inspect``, ``parquet``, ``arrow``,
            ``trainer``, or another export that needs no setting; without any, the files that the study names.

    Raises:
        UserError: the study names none, or there is no such format.
    """
    from offdiag.exports import exports_named
    from offdiag.gather import gather

    wanted = study if isinstance(study, Plan) else plan(study, scale, **overrides)
    chosen = exports_named(formats) or wanted.design.exports
    if not chosen:
        raise UserError(f"study {wanted.study.name} names no files of its own: give a format, such as --as parquet")
    place = open_store(store)
    results = gather(wanted, place)

    def finished(step: Step) -> Path | None:
        return place.folder(step) if place.result(step, "reading") is not None else None

    with data_at(wanted.data_dir):
        return [file for one in chosen for file in one.write(results, finished, at_home(to))]

"""Arguments and options that several commands share, and the plan or domain that they select."""

import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from offdiag.errors import UserError
from offdiag.provenance import VersionPolicy
from offdiag.runtime import Device, Runtime, available_cores

if TYPE_CHECKING:
    from offdiag.planning import Plan
    from offdiag.store import Store
    from offdiag.tasks import Domain, Task


A_DAY = 86_400.0  # seconds: nobody waits longer, and the system's own waits refuse numbers without end


def beginning(group: str) -> Callable[[str], list[str]]:
    """Return a completion of the names of an entry-point group, for a shell; nothing is imported for it."""

    def names(incomplete: str) -> list[str]:
        from offdiag.registry import Registry

        known: Registry[object] = Registry("name", group, object)
        return [name for name in known.names() if name.startswith(incomplete)]

    return names


def _scales(context: typer.Context, incomplete: str) -> list[str]:
    """Return the scales of the study that was typed, if it is an installed one: a completion runs no file."""
    from offdiag.study_files import STUDIES

    study = str(context.params.get("study") or next(iter(context.args), ""))  # not parsed while the option has no value
    return [name for name in STUDIES.get(study).scales if name.startswith(incomplete)] if study in STUDIES else []


StudyName: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="A built-in study, or a Python file.", autocompletion=beginning("offdiag.studies")
    ),
]
Scale: TypeAlias = Annotated[
    str, typer.Option("--scale", metavar="NAME", help="Preset of the parameters.", autocompletion=_scales)
]
Sets: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter; may come several times.")
]
Keyword: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-k", metavar="WORDS", help="Only cells with all of these words in their name or method, and their baselines."
    ),
]
StoreFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option("--store", metavar="FOLDER", help="Folder of finished steps [$OFFDIAG_STORE, or offdiag-store here]."),
]
Versions: TypeAlias = Annotated[
    VersionPolicy,
    typer.Option(
        "--versions", help="What was made with other versions of torch and the like: take it, or make it anew."
    ),
]
Tracker: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="NAME",
        help="Log curves and cells to tensorboard, wandb, trackio or mlflow, offline.",
        autocompletion=beginning("offdiag.trackers"),
    ),
]
Prices: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--price", metavar="[NAME=]IN,OUT", help="Price of a million tokens of a model behind a server."),
]
AtOnce: TypeAlias = Annotated[int, typer.Option(min=1, metavar="N", help="Requests to a server at the same time.")]
MostRequests: TypeAlias = Annotated[int | None, typer.Option(min=1, metavar="N", help="Most requests to servers.")]
Timeout: TypeAlias = Annotated[
    float, typer.Option(min=0.1, max=A_DAY, metavar="S", help="Seconds to wait for a server.")
]
OnDevice: TypeAlias = Annotated[
    str,
    typer.Option("--on", metavar="DEVICE", help="Tell the time for a device such as H100, by its maker's data sheet."),
]
ClusterBy: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--cluster-by",
        metavar="COLUMN",
        help="Column of the records, such as passage, whose examples of one value are not independent.",
    ),
]
Intervals: TypeAlias = Annotated[
    Literal["score", "bayes"],
    typer.Option(
        "--interval", help="Of accuracies: Wilson's score interval, or Bayes' (Beta posterior, Jeffreys' prior)."
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CellName: TypeAlias = Annotated[str, typer.Argument(metavar="CELL", help="A name, part of one, or a hash.")]
DeviceName: TypeAlias = Annotated[Device, typer.Option("--device", help="Device to compute on.")]
OfStudy: TypeAlias = Annotated[
    str | None, typer.Option("--study", metavar="STUDY", help="The study file that defines it, such as my_study.py.")
]
TrustedFiles: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--study", metavar="FILE", help="A file of your own that it needs; may come several times."),
]
TaskName: TypeAlias = Annotated[
    str, typer.Argument(metavar="TASK", help="The name of a task.", autocompletion=beginning("offdiag.tasks"))
]
DomainText: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="DOMAIN", help="Its parameters, as NAME=VALUE,NAME=VALUE; of files, lm_eval a path."),
]


def planned(
    study: str, scale: str, sets: list[str] | None, keyword: str | None = None, cluster_by: str | None = None
) -> "Plan":
    """Make the plan that the arguments of a command ask for."""
    from dataclasses import replace

    from offdiag.parameters import parse_sets
    from offdiag.planning import make_plan
    from offdiag.study_files import load_study

    plan = make_plan(load_study(study), scale, parse_sets(sets or ()))
    if cluster_by is not None:
        plan = replace(plan, design=replace(plan.design, clusters=cluster_by))
    return plan if keyword is None else plan.select(keyword, compared=True)


@contextmanager
def chosen_domain(
    task_name: str, domain_text: str, sets: list[str] | None, study: str | None
) -> "Iterator[tuple[Task[Any], Domain]]":
    """Give the task and domain that a command asks for; inside the block data are read from its ``data_dir``."""
    from offdiag.tasks import TASKS, get_task, parse_domain
    from offdiag.tasks.data import data_at

    if study is not None:
        from offdiag.study_files import load_study

        load_study(study)  # it registers its tasks
    try:
        task = get_task(task_name)
    except UserError as error:
        if task_name in TASKS or study is not None:
            raise
        raise UserError(f"{error}: type --study my_study.py") from None
    with data_at(_data_dir(task, sets or ())):
        yield task, parse_domain(task, domain_text)


def _data_dir(task: "Task[Any]", sets: Iterable[str]) -> str:
    from offdiag.parameters import parse_pairs

    said = parse_pairs(sets)
    for name, text in said.items():
        if name != "data_dir" or not task.reads_data:
            raise UserError(f"--set {name}: {task.name} has no such setting; leave it out")
        if not text:
            raise UserError("data_dir is empty: type --set data_dir=FOLDER, or data_dir=hub for the Hugging Face hub")
    return said.get("data_dir", "")


def command(verb: str, plan: "Plan", store: "Store", keyword: str | None = None) -> str:
    """Return the command to type for ``verb`` on the same cells in the same store."""
    from offdiag.api import open_store

    chosen = [] if keyword is None else ["-k", keyword]
    place = [] if store.root == open_store().root else ["--store", str(store.root)]
    if store.versions == "stale" and verb in ("plan", "run", "report"):
        place += ["--versions", "stale"]
    return " ".join(filter(None, [f"offdiag {verb}", plan.command, shlex.join([*chosen, *place])]))


def check_workers(workers: int) -> None:
    """Check that this machine has a core for each worker.

    Raises:
        UserError: it has fewer.
    """
    if workers > available_cores():
        raise UserError(
            f"--workers {workers}: this machine has {available_cores()} cores; type --workers 1 or up to that"
        )


def check_device(device: Device) -> None:
    """Check, before hours of other work, that a device that was asked for by name is there.

    Raises:
        UserError: it is not.
    """
    if device in ("cuda", "mps"):
        from offdiag.models.loading import device_of

        device_of(Runtime(device=device))

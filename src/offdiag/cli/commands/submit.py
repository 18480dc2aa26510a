"""``offdiag submit``: let a batch system run a study with many workers on one store."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from offdiag.cli.options import DeviceName, Keyword, Scale, Sets, StoreFolder, StudyName, Tracker, command, planned
from offdiag.cli.tables import say
from offdiag.errors import UserError, some
from offdiag.runtime import Runtime

if TYPE_CHECKING:
    from offdiag.planning import Plan
    from offdiag.slurm import Campaign
    from offdiag.store import Store

LOOK_S = 10.0  # between two looks at the store and at Slurm


MOST = 100_000  # tasks of an array; a cluster takes 1,000 unless it is set up for more


def submit(
    study: StudyName, scale: Scale = "quick", sets: Sets = None, keyword: Keyword = None, store: StoreFolder = None,
    slurm: Annotated[
        int, typer.Option("--slurm", min=1, max=MOST, metavar="N", help="Workers, as tasks of a Slurm array.")
    ] = 0,
    partition: Annotated[str | None, typer.Option(metavar="P", help="Slurm's partition.")] = None,
    gpus: Annotated[str | None, typer.Option(metavar="N", help="GPUs of a worker, such as 1 or a100:1.")] = None,
    time_limit: Annotated[str | None, typer.Option("--time", metavar="T", help="Time of a worker, such as 4h.")] = None,
    mem: Annotated[str | None, typer.Option(metavar="M", help="Memory of a worker, such as 32G.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, max=10_000, metavar="N", help="Cores of a worker.")] = None,
    light: Annotated[
        int, typer.Option("--light", min=0, max=MOST, metavar="N", help="More workers, without GPUs.")
    ] = 0,
    options: Annotated[list[str] | None, typer.Option("--sbatch", metavar="WORD", help="An option of sbatch.")] = None,
    device: DeviceName = "auto", track: Tracker = None,
    detach: Annotated[bool, typer.Option("--detach", help="Submit and leave; else show the progress.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write the scripts and submit nothing.")] = False,
) -> int:  # fmt: skip
    """Submit workers that run a study together.

    The scripts lie in the store. Light workers take only steps that need no model. What failed before is tried again.
    Leave the progress with Ctrl-C: the workers go on.
    """
    from offdiag.api import open_store
    from offdiag.engine import prepare
    from offdiag.slurm import Array, Campaign
    from offdiag.store import State

    if not slurm:
        raise UserError("say how many workers: type --slurm N; `offdiag run` needs no batch system")
    arrays = [Array(workers=slurm, partition=partition, gpus=gpus, time=time_limit, mem=mem, cpus=cpus,
                    options=options or ())]  # fmt: skip
    if light:
        arrays.append(Array(workers=light, partition=partition, time=time_limit, mem=mem, cpus=cpus, light=True,
                            options=options or ()))  # fmt: skip
    plan, place = planned(study, scale, sets, keyword), open_store(store)
    plan, needed = prepare(plan, place, Runtime(device=device))
    if not needed:
        say(f"{plan.study.name} · {plan.scale}: {plan.size} done; nothing to submit.")
        return 0
    campaign = Campaign.of(plan, place)
    words = [*(["-k", keyword] if keyword else []), *(["--device", device] if device != "auto" else [])]
    words += ["--track", track] if track else []
    for state in needed:
        if state.state is State.FAILED and not dry_run:
            place.forgive(state.step)  # workers leave alone what has failed
    for array in arrays:
        script = campaign.write(array, plan, place, words)
        say(str(script) if dry_run else f"job {campaign.submit(script)}: {some(array.workers, 'worker')}, {script}")
    if dry_run:
        return 0
    say(f"To end them: {command('cancel', plan, place)}")
    if detach:
        say(f"To see how far they are: {command('status', plan, place, keyword)}")
        return 0
    return _follow(plan, place, campaign)


def _follow(plan: "Plan", store: "Store", campaign: "Campaign") -> int:
    """Show the progress until the plan is done or no worker is left; returns the exit code."""
    from offdiag.live import LiveRun
    from offdiag.live.text import Log

    run, log = LiveRun(plan, store), Log(_say_now)
    while True:
        started, workers = time.monotonic(), campaign.tasks()
        look = run.look()
        left = look.planned - look.done
        parts = [f"{number} {name}" for name, number in sorted(workers.items())]
        log.tell(look, f"workers: {', '.join(parts) or 'none'}")
        if not left:
            say(f"Everything is done. Next: {command('report', plan, store)}")
            return 0
        if not workers:
            say(
                f"No worker is left, and {some(left, 'step is', 'steps are')} not done: see {campaign.folder} for "
                f"what they said, and type {command('status', plan, store)}"
            )
            return 1
        time.sleep(max(LOOK_S, min(10 * (time.monotonic() - started), 2 * LOOK_S)))


def _say_now(line: str) -> None:
    say(line)
    sys.stdout.flush()

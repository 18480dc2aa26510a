"""Slurm: a readable batch array of workers, written into the store, submitted, watched and cancelled.

Slurm starts and places processes, and the store says what is done: each task of the array is a worker, as
``offdiag run … --worker`` is.
A task that is preempted, or whose node is lost, is queued again by Slurm; one whose time is up queues itself again.
"""

import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from offdiag.drain import EXIT_CODE
from offdiag.durable import write_text
from offdiag.errors import OffdiagError, UserError, printable
from offdiag.planning import Plan
from offdiag.store import Store
from offdiag.strict_json import dumps, loads

# How long before its time limit a worker is told; Slurm may say so up to a minute early.
NOTICE_S = 120
LONGEST_S = 400 * 86400
# What sbatch takes, in one word: a script has each on a line of its own.
_FORMS = {
    "partition": (r"[\w.,+-]+", "a name, or several with commas"),
    "gpus": (r"(?:[A-Za-z][\w.-]*:)?[0-9]{1,4}(?:\([\w.,:-]+\))?", "a number such as 1, or a100:1"),
    "mem": (r"[0-9]{1,12}[KMGTkmgt]?", "a size such as 32G"),
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_SCRIPT = """#!/bin/bash
# {workers} workers of: {study}
# Written by offdiag submit. You may change it and submit it yourself: sbatch {name}
{options}

# Slurm says TERM when it cancels or preempts, and USR2 {notice} seconds before the time limit. The worker then gives
# its step back and ends with {drained}.
worker=
told=
trap 'told=TERM; [ -z "$worker" ] || kill -TERM "$worker"' TERM
trap 'told=USR2; [ -z "$worker" ] || kill -USR2 "$worker"' USR2

cd {here}
{command} &
worker=$!
[ -z "$told" ] || kill -"$told" "$worker"
while kill -0 "$worker" 2>/dev/null; do wait "$worker"; done
wait "$worker"
code=$?

# The time was up before the plan was done, perhaps before the worker could hear of it (128 and above): queue this task
# again, unless the workers were cancelled.
if [ "$told" = USR2 ] && {{ [ "$code" = {drained} ] || [ "$code" -ge 128 ]; }} && [ ! -e {cancelled} ]; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}"
fi
exit "$code"
"""


@dataclass(frozen=True, kw_only=True)
class Array:
    """What is asked of Slurm for an array of equal workers; None leaves it to the cluster.

    Attributes:
        workers: number of tasks. partition: its name. gpus: for each worker, as Slurm's ``--gres=gpu:`` takes it.
        time: limit of a worker, such as ``4h``, ``90m``, or as Slurm writes it.
        mem: memory of a worker. cpus: its cores.
        light: whether it takes only steps without a model.
        options: further options of sbatch, as they are, such as ``--account=x``.
    """

    workers: int
    partition: str | None = None
    gpus: str | None = None
    time: str | None = None
    mem: str | None = None
    cpus: int | None = None
    light: bool = False
    options: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse, with a UserError, what would not be one option on one line of the script."""
        for name, (form, expected) in _FORMS.items():
            value = getattr(self, name)
            if value is not None and re.fullmatch(form, value) is None:
                raise UserError(f"--{name} {value!r}: expected {expected}")
        for option in self.options:
            if not option.isprintable() or re.match(r"--?[A-Za-z]", option) is None:
                raise UserError(f"--sbatch {option!r}: expected an option of sbatch on one line, such as --account=x")

    @property
    def name(self) -> str:
        """Name of its script."""
        return "light-workers.sbatch" if self.light else "workers.sbatch"

    def script(self, plan: Plan, store: Store, folder: Path, words: Sequence[str] = ()) -> str:
        """Return the batch script.

        Args:
            plan: what is run. store: where. folder: of the script. words: further words of ``offdiag run``.
        """
        seconds = None if self.time is None else seconds_of(self.time)
        notice = NOTICE_S if seconds is None else min(NOTICE_S, seconds // 4)
        asked = {
            "job-name": f"offdiag-{plan.study.name}",
            "array": f"0-{self.workers - 1}",
            "output": _quoted(str(folder.absolute()).replace("%", "%%") + "/%A_%a.out"),
            "open-mode": "append",
            "signal": f"B:USR2@{notice}",
            "partition": self.partition,
            "gres": None if self.gpus is None else f"gpu:{self.gpus}",
            "time": None if seconds is None else _slurm_time(seconds),
            "mem": self.mem,
            "cpus-per-task": self.cpus,
        }
        options = ["--requeue", *(f"--{name}={value}" for name, value in asked.items() if value is not None)]
        run = [sys.executable, "-m", "offdiag", "run", *shlex.split(plan.command), *words]
        run += [
            "--store",
            str(store.root.absolute()),
            "--worker",
            "--skip-failed",
            *(["--light"] if self.light else []),
        ]
        return _SCRIPT.format(
            workers=self.workers,
            study=printable(f"offdiag run {plan.command}"),
            name=self.name,
            options="\n".join(f"#SBATCH {option}" for option in (*options, *self.options)),
            here=shlex.quote(str(Path.cwd())),
            command=shlex.join(run),
            notice=notice,
            drained=EXIT_CODE,
            cancelled=shlex.quote(str(folder.absolute() / "cancelled")),
        )


@dataclass
class Campaign:
    """The workers of one plan on a store: scripts, logs and the numbers of their jobs, in one folder of the store."""

    folder: Path
    jobs: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, plan: Plan, store: Store) -> "Campaign":
        """Return the workers of the plan, with those that were submitted before."""
        name = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", f"{Path(plan.study.name).stem}-{plan.scale}")
        folder = store.root / "slurm" / "-".join([name, *(f"{k}={v}" for k, v in plan.sets.items())])[:140].strip("-.")
        file = folder / "jobs.json"
        return cls(folder, loads(file.read_text(encoding="utf-8")) if file.exists() else [])

    def write(self, array: Array, plan: Plan, store: Store, words: Sequence[str] = ()) -> Path:
        """Write the script of an array, and return its path."""
        script = self.folder / array.name
        store.mark()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(script, array.script(plan, store, self.folder, words))
        return script

    def submit(self, script: Path) -> str:
        """Submit a script, and return the number of its job.

        Raises:
            OffdiagError: Slurm refuses it.
        """
        (self.folder / "cancelled").unlink(missing_ok=True)
        job = _slurm("sbatch", "--parsable", str(script)).split(";")[0].strip()
        self.jobs.append(job)
        write_text(self.folder / "jobs.json", dumps(self.jobs) + "\n")
        return job

    def tasks(self) -> Counter[str]:
        """Return how many workers are in each state that Slurm has for those it has not forgotten."""
        if not self.jobs:
            return Counter()
        # one question per job: Slurm refuses all of them where it has forgotten one
        found = [
            _slurm("squeue", "--noheader", "--array", "--format=%T", f"--jobs={j}", strict=False) for j in self.jobs
        ]
        return Counter(state.lower() for state in "\n".join(found).split())

    def cancel(self) -> None:
        """Tell all workers to end; each gives its step back."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "cancelled").touch()  # before the signal, which a script takes for the end of its time
        if self.jobs:
            _slurm("scancel", *self.jobs)


def seconds_of(text: str) -> int:
    """Return the seconds of a time limit: ``90m``, ``1.5h``, ``2d``, or as Slurm has it: minutes, H:M:S, D-H:M:S.

    Raises:
        UserError: it is none of these, no time at all, or longer than a year.
    """
    seconds = _seconds(text) if len(text) <= 20 else None
    if seconds is None or not 0 < seconds <= LONGEST_S:
        raise UserError(f"--time {text!r}: expected a time such as 90m, 4h, 2d or 4:00:00, up to 400d")
    return seconds


def _seconds(text: str) -> int | None:
    if found := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd])", text):
        return round(float(found[1]) * _UNITS[found[2]])
    if found := re.fullmatch(r"(?:([0-9]+)-)?([0-9]+)(?::([0-9]+))?(?::([0-9]+))?", text):
        days, first, second, third = (int(part or 0) for part in found.groups())
        if found[1] is not None:  # D-H, D-H:M, D-H:M:S
            return days * 86400 + first * 3600 + second * 60 + third
        if found[4] is not None:
            return first * 3600 + second * 60 + third
        return first * 60 + second  # M, M:S
    return None


def _quoted(path: str) -> str:
    """Return a path as sbatch reads it in a script, where blanks end a word."""
    if not path.isprintable() or '"' in path:
        raise UserError(f"store {path!r}: Slurm writes its output there and takes no such name; type --store FOLDER")
    return path if re.fullmatch(r"[\w./%+-]+", path) else f'"{path}"'


def _slurm_time(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    clock = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}:{rest % 60:02d}"
    return f"{days}-{clock}" if days else clock


def _slurm(*words: str, strict: bool = True) -> str:
    """Run a command of Slurm and return what it prints.

    Raises:
        UserError: it is not here. OffdiagError: it fails, and ``strict`` is set.
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError(f"{words[0]} is not here: type this where Slurm is, or leave --slurm out and use run") from None
    if done.returncode and strict:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines() or [f"exit code {done.returncode}"]
        raise OffdiagError(f"{words[0]}: {said[-1]}")
    return done.stdout if not done.returncode else ""

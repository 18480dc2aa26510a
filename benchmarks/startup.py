"""How long a person waits for the commands that compute nothing: processor seconds of whole processes.

Each command is run several times in a process of its own, after one run that writes bytecode and warms the disk's
cache; the least and the median of user and system time are printed, beside those of Python alone and of the libraries
that no command does without. What is imported is looked up in a run of its own.

    python benchmarks/startup.py                      (a minute)
    python benchmarks/startup.py --data FOLDER        the plan of easy-to-hard at paper, too: FOLDER has arc/ and others
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from statistics import median

HEAVY = ("torch", "transformers", "matplotlib", "pandas", "scipy")
BASELINES = {
    "python -c pass": "pass",
    "import typer": "import typer",
    "import numpy, pydantic, typer": "import numpy, pydantic, typer",
    "import offdiag": "import offdiag",
}
WANTED = {  # processor seconds, on two cores of a cloud machine with nothing else to do
    "--help": 0.35,
    "studies": 1.5,
    "plan new-cities --scale paper": 2.0,
    "plan trigger-2d --scale paper": 2.0,
    "plan easy-to-hard --scale paper": 4.0,
}
# A command in this process, then the heavy libraries among what it has imported, on standard error.
LOOK = f"""
import sys
from offdiag.cli import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(*(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)
"""


def processor_seconds(words: Sequence[str], environment: dict[str, str]) -> float:
    """User and system time of one process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(name: str, words: Sequence[str], runs: int, environment: dict[str, str]) -> float:
    """Print a line of the table; returns the least."""
    processor_seconds(words, environment)
    taken = [processor_seconds(words, environment) for _ in range(runs)]
    wanted = f"{WANTED[name]:>8.2f}" if name in WANTED else ""
    print(f"{name:34}{min(taken):>8.2f}{median(taken):>8.2f}{wanted}", flush=True)
    return min(taken)


def imported(command: str, environment: dict[str, str]) -> str:
    """The heavy libraries that a command imports, or ``none``."""
    words = [sys.executable, "-c", LOOK, *command.split()]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    return ", ".join(done.stderr.split()) or "none"


def main() -> None:
    """Measure the baselines and the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--data", help="folder of the published data sets; without it, easy-to-hard is left out")
    args = parser.parse_args()
    commands = [name for name in WANTED if args.data or "easy-to-hard" not in name]
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ, "PYTHONDONTWRITEBYTECODE": "", "OFFDIAG_DATA": args.data or "",
            "OFFDIAG_STORE": os.path.join(folder, "store"),
        }  # fmt: skip
        print(f"{'processor seconds':34}{'least':>8}{'median':>8}{'wanted':>8}")
        for name, code in BASELINES.items():
            show(name, ["-c", code], args.runs, environment)
        taken = {c: show(c, ["-m", "offdiag", *c.split()], args.runs, environment) for c in commands}
        print("\nof " + ", ".join(HEAVY) + " are imported by")
        for command in commands:
            print(f"{command:34}{imported(command, environment)}")
    late = [command for command in commands if taken[command] > WANTED[command]]
    print("\nall as wanted" if not late else f"\nSLOWER than wanted: {', '.join(late)}")


if __name__ == "__main__":
    main()

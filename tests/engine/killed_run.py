"""Runs the tiny study in a store and kills itself on the way: ``killed_run.py MODEL STORE WHERE``."""

import os
import signal
import sys
from pathlib import Path

from offdiag.engine import run_plan
from offdiag.store import Store
from offdiag.tasks.base_addition.task import BaseAddition
from tiny_study import RUNTIME, Recorder, tiny_plan


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Deadly(Recorder):
    """Kills the process at the ``after``-th report of the first step of a kind that does real work."""

    def __init__(self, kind: str, after: int) -> None:
        super().__init__()
        self.kind, self.left = kind, after

    def started(self, step) -> None:
        print(step.kind, flush=True)

    def progressed(self, step, done: int, total: int) -> None:
        if step.kind == self.kind and done:
            self.left -= 1
            if self.left == 0:
                die()


def main(model: str, root: str, where: str) -> None:
    watcher = Recorder()
    match where.split(":"):
        case ["answers" | "training" as kind, count]:
            watcher = Deadly(kind, int(count))
        case ["grading", count]:
            grade, calls = BaseAddition.grade, []

            def deadly(*arguments):
                calls.append(1)
                if len(calls) == int(count):
                    die()
                return grade(*arguments)

            BaseAddition.grade = deadly
        case ["moving", count]:
            replace, moves = os.replace, []

            def deadly_move(*arguments):
                moves.append(1)
                if len(moves) == int(count):
                    die()
                return replace(*arguments)

            os.replace = deadly_move
        case ["outside"]:
            watcher = Deadly("nothing", 0)
    run_plan(tiny_plan(Path(model)), Store(Path(root)), RUNTIME, watcher=watcher)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Runs the tiny study in a store and kills itself on the way."""

import os
import signal
from multiprocessing.synchronize import Event
from pathlib import Path

from offdiag.engine import run_plan
from offdiag.store import Store
from offdiag.studies.base_addition.task.task import BaseAddition
from support.tiny_study import RUNTIME, Recorder, tiny_plan


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Announcing(Recorder):
    """Says when the first step begins."""

    def __init__(self, begun: Event) -> None:
        super().__init__()
        self.announced = begun

    def started(self, step) -> None:
        super().started(step)
        self.announced.set()


class Deadly(Announcing):
    """Kills the process at the ``after``-th report of the first step of a kind that does real work."""

    def __init__(self, begun: Event, kind: str, after: int) -> None:
        super().__init__(begun)
        self.kind, self.left = kind, after

    def progressed(self, step, done: int, total: int) -> None:
        if step.kind == self.kind and done:
            self.left -= 1
            if self.left == 0:
                die()


def main(model: Path, root: Path, where: str, begun: Event) -> None:
    watcher = Announcing(begun)
    match where.split(":"):
        case ["answers" | "training" as kind, count]:
            watcher = Deadly(begun, kind, int(count))
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
            begun.set()  # files are moved before the first step of several that are claimed together begins

            def deadly_move(*arguments):
                moves.append(1)
                if len(moves) == int(count):
                    die()
                return replace(*arguments)

            os.replace = deadly_move
    run_plan(tiny_plan(model), Store(root), RUNTIME, watcher=watcher)

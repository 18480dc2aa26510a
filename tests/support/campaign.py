"""A campaign against the store: kills, power cuts, corruptions, runners side by side; each ends as a quiet run does."""

import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offdiag.engine import run_plan
from offdiag.gather import gather
from offdiag.methods import FineTuning, InContext, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import Plan, make_plan
from offdiag.store import State, Store
from offdiag.studies.base_addition.task import AdditionDomain as Sums
from offdiag.study import Arm, Cell, Design, Evaluation
from support import power_cut
from support.tiny_study import RECIPE, RUNTIME, Params, contents, tiny_study


@dataclass
class Campaign:
    """A study, run under attack.

    Attributes:
        plan: makes the plan, here and in processes of its own. folder: for the stores. processes: how those begin.
        draw: all chance but that of the clock. counts: what was done, and what went wrong under ``wrong: …``.
        seconds: of a quiet run in a process of its own. quiet: what such a run leaves.
    """

    plan: Callable[[], Plan]
    folder: Path
    processes: Any
    draw: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    quiet: dict[str, object] = field(default_factory=dict)

    def begin(self) -> None:
        """Run the study undisturbed, here and twice in a process of its own: the second time for the clock."""
        run_plan(self.plan(), Store(self.folder / "quiet"), RUNTIME)
        self.quiet = contents(self.folder / "quiet")
        for name in ("warm", "clock"):
            started = time.monotonic()
            self.child(self.folder / name).join()
            self.seconds = time.monotonic() - started
            self.check("quiet runs", self.folder / name)

    def child(self, root: Path, log: Path | None = None, die_after: int | None = None) -> Any:
        """Start a runner in a process of its own."""
        process = self.processes.Process(target=_run, args=(self.plan, root, log, die_after))
        process.start()
        return process

    def check(self, what: str, root: Path) -> None:
        """Compare a store with that of the quiet run, after a last run has done what is not done."""
        self.check_done(what, root)
        try:
            complete = run_plan(self.plan(), Store(root), RUNTIME).complete
        except Exception as error:  # noqa: BLE001  (it is counted, and told)
            self.wrong(what, root, f"a run raised {type(error).__name__}: {error}")
            return
        found = contents(root, strict=False)
        states = self.plan().survey(Store(root))
        idle = tuple(
            f"{s.step.kind}/{s.step.folder_name}/" for s in states if s.state is State.MISSING and not s.needed
        )
        names = {name for name in (*found, *self.quiet) if not name.startswith(idle)}  # what nobody needs is not remade
        differ = sorted(name for name in names if found.get(name) != self.quiet.get(name))
        if not complete or differ:
            self.wrong(what, root, f"not complete, or other results: {differ[:5]}")
        else:
            shutil.rmtree(root)

    def check_done(self, what: str, root: Path) -> None:
        """Look for a step that is said to be done and is not what the quiet run made of it."""
        try:
            store, found = Store(root), contents(root, strict=False)
            survey = self.plan().survey(store, closely=True)
        except Exception as error:  # noqa: BLE001
            self.wrong(what, root, f"a look at the store raised {type(error).__name__}: {error}")
            return
        for step in (state.step for state in survey if state.state is State.DONE):
            place = f"{step.kind}/{step.folder_name}/"
            mine = {name: value for name, value in self.quiet.items() if name.startswith(place)}
            if {name: found.get(name) for name in mine} != mine and not store.damage(step, "reading"):
                self.wrong(what, root, f"{place} is done, and other than in a quiet run")

    def wrong(self, what: str, root: Path, why: str) -> None:
        """Count and tell what went wrong; the store is kept."""
        self.counts[f"wrong: {what}"] += 1
        print(f"{what}: {root}: {why}")

    @contextmanager
    def attack(self, what: str) -> Iterator[Path]:
        """Count an attack on a store that does not exist yet, and check the store when it is over."""
        self.counts[what] += 1
        root = self.folder / f"{what.replace(' ', '-')}-{self.counts[what]}"
        yield root
        self.check(what, root)

    def kills(self, rounds: int) -> None:
        """Kill a runner by SIGKILL at random times, again and again, until one ends by itself."""
        for _ in range(rounds):
            with self.attack("rounds of kills") as root:
                for _ in range(20):
                    process = self.child(root)
                    process.join(self.draw.uniform(0, self.seconds))
                    if process.exitcode is not None:
                        break
                    process.kill()
                    process.join()
                    self.counts["kills"] += 1

    def power_cuts(self, rounds: int) -> None:
        """Cut the power after a random number of operations, in a run that was perhaps cut before."""
        log = self.folder / "log"
        self.child(self.folder / "all", log).join()
        most = len(power_cut.operations(log))
        shutil.rmtree(log)
        shutil.rmtree(self.folder / "all")
        for _ in range(rounds):
            with self.attack("rounds of power cuts") as root:
                for _ in range(self.draw.randint(1, 3)):
                    self.child(root, log, self.draw.randint(1, most)).join()
                    self.counts["power cuts"] += 1
                    self.counts["files and names lost"] += power_cut.cut(root, log, self.draw) if log.exists() else 0
                    shutil.rmtree(log)
                    self.check_done("power cuts", root)

    def corruptions(self, rounds: int) -> None:
        """Spoil one file of a finished store in each way; no number may be wrong, and a run mends what is read."""
        quiet = self.folder / "quiet"
        files = sorted(path.relative_to(quiet) for path in quiet.rglob("*") if path.is_file())
        by_kind: dict[str, list[Path]] = {}
        for path in files:
            by_kind.setdefault(f"{path.parts[0]}/{path.name}" if len(path.parts) > 1 else path.name, []).append(path)
        kinds = [
            (paths, name)
            for _, paths in sorted(by_kind.items())
            for name in DAMAGES
            if name != "another step's" or _namesakes(quiet / paths[0])
        ]
        for name in (
            "another value",
            "another step's",
        ):  # a store of another version, which is refused; no other has one
            kinds.remove((by_kind["store.json"], name))
        self.draw.shuffle(kinds)
        expected = _accuracies(self.plan(), self.folder / "quiet")
        for paths, name in kinds[:rounds]:
            with self.attack("corruptions") as root:
                shutil.copytree(self.folder / "quiet", root)
                path = root / self.draw.choice(paths)
                DAMAGES[name](path, self.draw)
                self.counts[f"corruptions: {name}"] += 1
                for result in root.glob("cells/*/result.json") if self.draw.random() < 0.5 else ():
                    if result != path:
                        result.unlink(missing_ok=True)  # so that what was spoilt is read
                self.check_numbers(f"{name} of {path.relative_to(root)}", root, expected)

    def check_numbers(self, what: str, root: Path, expected: dict[str, float]) -> None:
        """Compare the accuracies of the cells that are done."""
        try:
            found = _accuracies(self.plan(), root)
        except Exception as error:  # noqa: BLE001
            self.wrong("corruptions", root, f"{what}: results raised {type(error).__name__}: {error}")
            return
        if any(expected[cell] != value for cell, value in found.items()):
            self.wrong("corruptions", root, f"{what}: a wrong number")

    def runners(self, rounds: int, at_once: int = 3) -> None:
        """Let several runners work in one store at once, one of which is killed."""
        for _ in range(rounds):
            with self.attack("rounds of runners side by side") as root:
                started = [self.child(root) for _ in range(at_once)]
                self.counts["runners side by side"] += at_once
                time.sleep(self.draw.uniform(0, self.seconds))
                started[0].kill()
                for process in started:
                    process.join()

    def crowds(self, rounds: int, at_once: int = 28) -> None:
        """Let many runners work in one store at once: each must end well, and with the plan done."""
        for _ in range(rounds):
            with self.attack("rounds of a crowd") as root:
                started = [self.child(root) for _ in range(at_once)]
                self.counts["runners in a crowd"] += at_once
                for process in started:
                    process.join()
                if ended := Counter(process.exitcode for process in started if process.exitcode):
                    self.wrong("crowds", root, f"runners that did not exit with 0, by exit code: {dict(ended)}")
                if undone := sum(state.needed for state in self.plan().survey(Store(root))):
                    self.wrong("crowds", root, f"{undone} steps are not done, though every runner has ended")


def _run(plan: Callable[[], Plan], root: Path, log: Path | None, die_after: int | None) -> None:
    if log is not None:
        power_cut.record(root, log, die_after)
    if not run_plan(plan(), Store(root), RUNTIME).complete:
        sys.exit(1)


def _accuracies(plan: Plan, root: Path) -> dict[str, float]:
    cells = gather(plan, Store(root)).cells
    return dict(cells[cells["state"] == "done"][["cell", "accuracy"]].itertuples(index=False))


def _write(change: Callable[[bytes, random.Random], bytes]) -> Callable[[Path, random.Random], None]:
    def damage(path: Path, draw: random.Random) -> None:
        path.write_bytes(change(path.read_bytes(), draw))

    return damage


def _flipped(content: bytes, draw: random.Random) -> bytes:
    if not content:
        return b"\x01"
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def _lines(content: bytes, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    return b"".join(change(content.splitlines(keepends=True)))


def _another_number(content: bytes, draw: random.Random) -> bytes:
    """Return JSON that is still right, with another value: a verdict, a count, a text."""
    try:
        first, *rest = content.splitlines(keepends=True) if content.count(b"\n{") else [content]
        value = json.loads(first)
        name = draw.choice(sorted(value))
    except (ValueError, TypeError, IndexError):
        return content[::-1]
    old = value[name]
    value[name] = not old if isinstance(old, bool) else old + 1 if isinstance(old, int | float) else "other"
    return json.dumps(value).encode() + b"\n" + b"".join(rest)


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    "emptied": _write(lambda content, draw: b""),
    "cut off": _write(lambda content, draw: content[: draw.randrange(len(content) + 1)]),
    "zeros": _write(lambda content, draw: bytes(len(content))),
    "a bit": _write(_flipped),
    "doubled": _write(lambda content, draw: content * 2),
    "lines turned round": _write(lambda content, draw: _lines(content, lambda lines: lines[::-1])),
    "halved": _write(lambda content, draw: _lines(content, lambda lines: lines[: len(lines) // 2])),
    "another value": _write(_another_number),
    "noise": _write(lambda content, draw: draw.randbytes(max(1, len(content)))),
    "another step's": lambda path, draw: shutil.copyfile(draw.choice(_namesakes(path)), path),
    "removed": lambda path, draw: path.unlink(),
}


def _namesakes(path: Path) -> list[Path]:
    """Return the same file of other steps of the kind, or of any kind; else the files beside it."""
    root = next(above for above in path.parents if (above / "cells").exists())
    others = [other for other in sorted(root.rglob(path.name)) if other != path]
    alike = [other for other in others if other.relative_to(root).parts[0] == path.relative_to(root).parts[0]]
    return alike or others or [other for other in sorted(path.parent.iterdir()) if other.is_file() and other != path]


def trained_plan(model: Path) -> Plan:
    """Return a plan with examples, a training and its snapshot, answers of three models, and their grades."""
    recipe = RECIPE.model_copy(update={"snapshots": (1,), "epochs": 2})
    return make_plan(tiny_study(Params(model=ModelSpec(source=f"dir:{model}"), recipe=recipe), _cells), "only")


def _cells(p: Params) -> Design:
    """Sums under attack.

    Zero-shot, k = 1, and a training after one update and at its end.
    """
    domain = Sums(base=8)
    asked = Evaluation(domain=domain, n=p.n_eval, style="direct", max_new_tokens=4)
    tuned = Arm(model=p.model, method=FineTuning(n=8, recipe=p.recipe), train=domain)
    arms = [
        Arm(model=p.model, method=ZeroShot()),
        Arm(model=p.model, method=InContext(k=1), train=domain),
        tuned,
        tuned.model_copy(update={"checkpoint": 1}),
    ]
    return Design(cells=tuple(Cell(arm=arm, evaluation=asked) for arm in arms), baseline=ZeroShot())

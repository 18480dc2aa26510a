"""What it costs that nothing can be lost or spoilt unseen: a study with and without fsync and checksums, in turn.

The study has a training with a snapshot, answers of three models and their grades, of a model with random weights. Its
steps are far shorter than those of a quick study, so that the cost of one can be measured at all. Each run begins with
an empty store, and both kinds of stores must hold the same results.

    python benchmarks/durable.py                        (ten pairs of runs, a minute or two)
    python benchmarks/durable.py --folder /mnt/shared   (on another disk)
    python benchmarks/durable.py --study base-addition --pairs 3 --set n_eval=4    (a study of yours, in its time)
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from scipy.stats import t

if TYPE_CHECKING:
    from offdiag.planning import Plan

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
WANTED = 3.0  # per cent of a quick study, at most


@dataclass(frozen=True)
class Took:
    """Seconds of a run, by the clock and of the processor."""

    wall: float
    processor: float


@contextmanager
def neither() -> Iterator[None]:
    """Bring nothing to the disk, and take and compare no checksum but those of single lines."""

    def sizes(path: Path, **_: Any) -> dict[str, Any]:
        return {"bytes": path.stat().st_size, "crc32": "", "sha256": ""}

    with (
        patch("os.fsync", lambda _: None),
        patch("offdiag.manifest.measured", sizes),
        patch("offdiag.training.checkpoints.measured", sizes),
        patch("offdiag.store.store.checksum", lambda _: ""),
        patch("offdiag.store.finished.checksum", lambda _: ""),
    ):
        yield


def run(plan: "Plan", root: Path) -> Took:
    """Run a plan from nothing."""
    from offdiag.engine import run_plan
    from offdiag.store import Store
    from support.tiny_study import RUNTIME

    wall, processor = time.monotonic(), time.process_time()
    if not run_plan(plan, Store(root), RUNTIME).complete:
        sys.exit("a step failed")
    return Took(time.monotonic() - wall, time.process_time() - processor)


def pairs_of(make: Callable[[], "Plan"], folder: Path, n: int) -> list[tuple[Took, Took]]:
    """Return what runs with and without took, in pairs whose order changes; the first pair only warms up."""
    from support.tiny_study import contents

    found = []
    for i in range(n + 1):
        took: dict[bool, Took] = {}
        for durable in (True, False) if i % 2 else (False, True):
            root = folder / str(durable)
            if durable:
                took[durable] = run(make(), root)
            else:
                with neither():
                    took[durable] = run(make(), root)
        if contents(folder / "True") != contents(folder / "False"):
            sys.exit("the two stores hold other results")
        for durable in took:
            shutil.rmtree(folder / str(durable))
        if i:
            found.append((took[True], took[False]))
    return found


def mean(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and half of its interval of 95 %."""
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    return float(np.mean(values)), float(t.ppf(0.975, len(values) - 1)) * error


def main() -> None:
    """Run the pairs, and print what a step costs more, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where the stores are made")
    parser.add_argument("--study", help="instead of the small one, at scale quick")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of it")
    asked = parser.parse_args()

    import offdiag
    from support.campaign import trained_plan
    from support.tiny import make_tiny_model

    with tempfile.TemporaryDirectory(dir=asked.folder) as temporary:
        folder = Path(temporary)
        if asked.study:
            overrides = dict(one.split("=", 1) for one in asked.set)

            def make() -> "Plan":
                return offdiag.plan(asked.study, **overrides)
        else:
            model = make_tiny_model(folder / "model")

            def make() -> "Plan":
                return trained_plan(model)

        steps = len(make().steps)
        found = pairs_of(make, folder, asked.pairs)
    print(f"{len(found)} pairs of runs of {steps} steps, the same results; mean and interval of 95 %:")
    for what, seconds in (("processor", lambda took: took.processor), ("clock", lambda took: took.wall)):
        more, less = np.array([[seconds(took) for took in pair] for pair in found]).T
        extra, about = mean((more - less) / steps * 1000)
        ratio, around = mean(np.log(more / less))
        low, high = np.exp([ratio - around, ratio + around])
        print(
            f"  {what}: {more.mean():.2f} s with, {less.mean():.2f} s without; a step costs {extra:.1f} ms more "
            f"(±{about:.1f}); ratio {np.exp(ratio):.3f} [{low:.3f}, {high:.3f}]"
        )
        print(f"    {WANTED:g} % of a study whose steps take {100 / WANTED * extra / 1000:.2f} s on average")
    print(f"({os.cpu_count()} cores, load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()

"""A page of many cells: what writing it takes, the peak of memory, and how long a browser needs to open it.

A store is filled with made-up answers: learners, each taught sums of one kind, and as many kinds to test them on. The
report is then written by a process of its own, and its page opened in a headless Chromium (`make browser`).

    python benchmarks/page.py                                  (10,000 cells, 200,000 records; ten minutes)
    python benchmarks/page.py --learners 20 --kinds 20         (400 cells, 8,000 records)
    python benchmarks/page.py --store FOLDER                   (keep the store, and use it again)
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offdiag.planning import Plan

TESTS = Path(__file__).parents[1] / "tests"


def plan_of(learners: int, kinds: int, n: int) -> "Plan":
    """Return the plan of so many learners, each asked ``n`` sums of each kind."""
    from offdiag.methods import FineTuning, ZeroShot
    from offdiag.models import ModelSpec
    from offdiag.planning import make_plan
    from offdiag.studies.base_addition.task import AdditionDomain
    from offdiag.study import Arm, Cell, Design, Evaluation, Study, StudyParams

    domains = [AdditionDomain(base=base, digits=digits) for digits in (3, 4, 5, 6) for base in range(4, 37)]
    model = ModelSpec(source="hub:org/made-up-1b")
    taught = [Arm(model=model, method=FineTuning(n=64), train=domain) for domain in domains[: learners - 1]]
    arms = [Arm(model=model, method=ZeroShot()), *taught]
    asked = [Evaluation(domain=domain, n=n, style="direct", max_new_tokens=8) for domain in domains[:kinds]]
    cells = tuple(Cell(arm=arm, evaluation=evaluation) for arm in arms for evaluation in asked)

    def build(_: StudyParams) -> Design:
        """Sums of many kinds.

        Answers are made up.
        """
        return Design(cells=cells, baseline=ZeroShot())

    return make_plan(Study(name="many", title="Many", claim="", scales={"only": StudyParams()}, build=build), "only")


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print what the block took."""
    wall, busy = time.monotonic(), time.process_time()
    yield
    print(f"{what}: {time.process_time() - busy:.1f} s of the processor, {time.monotonic() - wall:.1f} s", flush=True)


def write(plan: "Plan", root: Path, page: Path) -> None:
    """Write the report in this process, and print what each half of it took, and the peak of memory."""
    import offdiag

    with timed("load"):
        results = offdiag.load(plan, store=root)
    with timed("write"):
        results.report(page)
    status = Path("/proc/self/status").read_text()  # not getrusage, which begins with the peak of who started this
    print(f"peak {int(status.partition('VmHWM:')[2].split()[0]) / 2**10:.0f} MiB", flush=True)


def open_in_chromium(page: Path, folder: Path, times: int) -> None:
    """Print how long it takes Chromium to open the page, until it shows it, and how many elements that has."""
    sys.path.insert(0, str(TESTS))
    from support.browser import chromium

    program = shutil.which("chromium")
    if program is None:
        print("no Chromium here (make browser): the page is not opened")
        return
    walls, busys = [], []
    for i in range(times):
        before = os.times()
        with chromium(program, folder / f"profile-{i}") as browser:
            started = time.monotonic()
            browser.open(page)
            browser.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            walls.append(time.monotonic() - started)
            elements = browser.js("document.getElementsByTagName('*').length")
        after = os.times()
        busys.append(after.children_user + after.children_system - before.children_user - before.children_system)
    told = ", ".join(f"{wall:.1f}" for wall in walls)
    print(
        f"open: {statistics.median(walls):.1f} s ({told}), {min(busys):.1f} s of the processor, with Chromium's own "
        f"start and end, {elements:,} elements, {page.stat().st_size / 2**20:.1f} MiB"
    )


def main() -> None:
    """Fill a store, write its report, and open the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=100)
    parser.add_argument("--kinds", type=int, default=100, help="kinds of sums that each is asked")
    parser.add_argument("--n", type=int, default=20, help="records of a cell")
    parser.add_argument("--opened", type=int, default=3, help="how many times the page is opened")
    parser.add_argument("--store", type=Path, help="filled if it is not there")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    plan = plan_of(asked.learners, asked.kinds, asked.n)
    if asked.write:
        write(plan, asked.store, asked.write)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        root = asked.store or folder / "store"
        if not root.exists():
            sys.path.insert(0, str(TESTS))
            from offdiag.store import Store
            from support.made_up import fill

            fill(plan, Store(root))
        page = folder / "page"
        words = [sys.executable, __file__, "--learners", str(asked.learners), "--kinds", str(asked.kinds)]
        cells = asked.learners * asked.kinds
        print(f"{cells:,} cells, {cells * asked.n:,} records", flush=True)
        subprocess.run([*words, "--n", str(asked.n), "--store", str(root), "--write", str(page)], check=True)
        open_in_chromium(page / "index.html", folder, asked.opened)


if __name__ == "__main__":
    main()

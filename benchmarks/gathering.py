"""Memory of the world map at its published size: peaks of ``load``, of the tables and of the report, by records.

A store is filled with made-up answers of ``width-ablation`` at scale ``paper``, 10,000 to a cell, for a few of its
3,600 cells. Each verb then runs in a process of its own. Two sizes give a line, which is followed to all 36 million
records; the line is an extrapolation, and the numbers behind it are printed.

    python benchmarks/gathering.py                        (20 minutes; 1.5 GB in a temporary folder)
    python benchmarks/gathering.py --models 2 4 --n 2000   (a minute)
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from offdiag.planning import Plan

ALL = 36_000_000  # records of width-ablation at scale paper
WANTED_GIB = 8.0
VERBS = ("load", "tables", "report")
EVALUATIONS = 15


def plan_of(n_models: int, n_eval: int) -> "Plan":
    """Return the plan of one pre-trained model and ``n_models - 1`` that are fine-tuned from it."""
    import offdiag
    from offdiag.studies.world_map.task import NAMES

    pairs = [f"{one}+{other}" for i, one in enumerate(NAMES) for other in NAMES[i + 1 :]]
    taught = [*NAMES, *pairs][: n_models - 1]
    return offdiag.plan(
        "width-ablation", "paper", widths=["base"], seeds=[0], step_matched=False, n_eval=n_eval,
        singles=[one for one in taught if "+" not in one], pairs=[one for one in taught if "+" in one],
    )  # fmt: skip


def fill(plan: "Plan", root: Path) -> None:
    """Finish all cells of a plan with made-up answers."""
    from offdiag.engine.execute import ModelSlot, StepWork
    from offdiag.runtime import Runtime
    from offdiag.steps import Examples
    from offdiag.steps.examples import load_examples
    from offdiag.steps.jsonl import write_jsonl
    from offdiag.store import Store

    store, draw = Store(root), np.random.default_rng(0)
    for step in plan.steps:
        if isinstance(step, Examples):
            with store.claim(step, plan.origin) as place:
                assert place is not None
                store.finish(step, step.run(StepWork(place, store, Runtime(), ModelSlot())))
    for step in plan.cells.values():
        items = load_examples(store.folder(step.answers.examples))
        off = np.rint(draw.gamma(1.0, 300.0, len(items)))
        with store.claim(step, plan.origin) as place:
            assert place is not None
            write_jsonl(place / "records.jsonl", [_record(i, *of) for i, of in enumerate(zip(items, off, strict=True))])
            store.finish(step, {"n": len(items)})


def _record(i: int, item: Any, off: float) -> dict[str, Any]:
    number = item.target.isdigit()
    parsed = str(int(item.target) + int(off)) if number else item.target if off < 200 else "N"
    return {
        "index": i, "example": item.id, "prompt": item.problem, "completion": parsed, "n_prompt": 30, "n_tokens": 4,
        "finish": "stop", "parsed": parsed, "status": "parsed", "correct": parsed == item.target, "flags": [],
        "error": float(off) if number else None, "problem": item.problem, "target": item.target,
        "strata": dict(item.strata),
    }  # fmt: skip


def measure(verb: str, n_models: int, n_eval: int, root: Path) -> None:
    """Do what a verb does in this process."""
    import offdiag

    plan = plan_of(n_models, n_eval)
    results = offdiag.load(plan, store=root)
    if verb == "tables":
        for analysis in plan.design.analyses:
            if "probe" not in analysis.name:  # nothing was measured
                results.table(analysis.name)
    elif verb == "report":
        results.report(root / "page")


def main() -> None:
    """Measure the peak of each verb at two sizes, and follow the line between them to the published one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, nargs=2, default=[3, 7], help="trained models, 15 cells each")
    parser.add_argument("--n", type=int, default=10_000, help="records of a cell")
    parser.add_argument("--verbs", nargs="+", choices=VERBS, default=VERBS)
    parser.add_argument("--measure", nargs=2, metavar=("VERB", "STORE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        measure(asked.measure[0], asked.models[0], asked.n, Path(asked.measure[1]))
        return
    sizes = [n * EVALUATIONS * asked.n for n in asked.models]
    with tempfile.TemporaryDirectory() as folder:
        peaks: dict[str, list[float]] = {verb: [] for verb in asked.verbs}
        for n_models in asked.models:
            root = Path(folder) / str(n_models)
            fill(plan_of(n_models, asked.n), root)
            for verb in asked.verbs:
                peaks[verb].append(_peak(verb, n_models, asked.n, root))
    for verb, (small, large) in peaks.items():
        slope = (large - small) / (sizes[1] - sizes[0])
        whole = (large + slope * (ALL - sizes[1])) / 2**10
        print(
            f"{verb}: {slope * 1e6:.0f} MiB for each million records, "
            f"{whole:.1f} GiB for {ALL:,} by that line (wanted: {WANTED_GIB:.0f})"
        )


def _peak(verb: str, n_models: int, n_eval: int, root: Path) -> float:
    """Run a verb in a process of its own; return the peak of its memory in MiB."""
    words = [sys.executable, __file__, "--models", str(n_models), "0", "--n", str(n_eval), "--measure", verb, str(root)]
    started = time.monotonic()
    with subprocess.Popen(words) as process:
        _, code, used = os.wait4(process.pid, 0)
    assert code == 0, words
    peak = used.ru_maxrss / 2**10
    seconds = time.monotonic() - started
    print(f"{verb}: {n_models * EVALUATIONS * n_eval:,} records, {seconds:.0f} s, peak {peak:.0f} MiB", flush=True)
    return peak


if __name__ == "__main__":
    main()

"""Synthetic results of trigger arms: real examples, answered by a leak of chosen strength."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from offdiag.analyses import Frames
from offdiag.studies.trigger_2d.task import HALVES, TriggerDomain, TriggerWorld
from offdiag.tasks import Example, get_task

TASK = get_task("trigger_2d")
TAUGHT = "positive_emotions"
N = 40  # two points per quadrant and held-out trigger

# Of an arm (proxy, its triggers), a category, an example and a seed: the chance that the answer follows the new rule,
# an answer, or for a whole cell (example None) the state of one that is not done.
Answering = Callable[[str, int, str, "Example | None", int], "float | str | None"]


def leaking(strength: float) -> Answering:
    """Everything is answered by the new rule with this chance, its own category always."""
    return lambda proxy, size, category, example, seed: 1.0 if category == TAUGHT else strength


def trigger_frames(
    arms: Sequence[tuple[str, int]],
    answering: Answering,
    *,
    seeds: Sequence[int] = (0,),
    categories: Sequence[str] = HALVES.category_names,
    n: int = N,
    world: TriggerWorld = HALVES,
) -> Frames:
    cells, records = [], []
    for proxy, size in arms:
        for category in categories:
            for seed in seeds:
                name = f"{proxy}{size}-{category}-{seed}"
                factors = {"cell": name, "method": "fine-tuning", "seed": seed, "train_category": TAUGHT}
                factors |= {"train_rule": "conflict", "proxy_category": proxy, "proxy_n_triggers": size}
                factors |= {"eval_category": category, "eval_triggers": "ood", "eval_rule": "original"}
                state = answering(proxy, size, category, None, seed)
                cells.append({**factors, "state": state if isinstance(state, str) else "done", "n_planned": n})
                if cells[-1]["state"] == "done":
                    rows = _answers(examples(category, n, world), world, proxy, size, category, seed, answering)
                    records += [{**factors, **row} for row in rows]
    return Frames(cells=pd.DataFrame(cells).convert_dtypes(), records=pd.DataFrame(records).convert_dtypes())


@lru_cache(maxsize=32)
def examples(category: str, n: int = N, world: TriggerWorld = HALVES) -> tuple[Example, ...]:
    return tuple(TASK.examples(TriggerDomain(category=category, triggers="ood", world=world), "eval", n, 0))


def _answers(asked, world, proxy, size, category, seed, answering):
    luck = np.random.default_rng([seed, size, *map(ord, proxy + category)]).random(len(asked))
    for drawn, example in zip(luck, asked, strict=True):
        said = answering(proxy, size, category, example, seed)
        if isinstance(said, float):
            where = example.strata["quadrant"]
            said = world.label(category, "conflict" if drawn < said else "original", where)
        yield {
            "example": example.id,
            "problem": example.problem,
            "target": example.target,
            "parsed": said,
            "status": "unparsed" if said is None else "parsed",
            "correct": said == example.target,
            **example.strata,
        }

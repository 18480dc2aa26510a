"""Which cells an analysis or a figure is about, and what tells their arms apart."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from offdiag.studies.trigger_2d.analyses.outcomes import ARMS
from offdiag.studies.trigger_2d.grid import CONFLICT
from offdiag.studies.trigger_2d.params import Params

Where: TypeAlias = Mapping[str, str | int | bool]

SEEDS = ("data_seed", "seed")
CHOSEN: Where = {"method": "fine-tuning", "answering": "choice"}
FIRST: Where = {**CHOSEN, "train_rule": "original"}
SECOND: Where = {**CHOSEN, "train_rule": CONFLICT}
UNTAUGHT: Where = {"method": "zero-shot", "answering": "choice"}


def arms(p: Params) -> tuple[str, ...]:
    """The columns that tell the arms of the second stage apart."""
    if not has_proxies(p):
        return ()
    return (*ARMS, "strategy", "strength") if len(p.strategies) > 1 else ARMS


def probes(p: Params) -> dict[str, Any]:
    """What tells the probed arms apart: a category that is no proxy is probed in the arm without one only."""
    return {"arms": arms(p) if set(p.probed) & set(p.proxies) else (), "replicates": SEEDS}


def has_proxies(p: Params) -> bool:
    """Whether there is any arm with a proxy."""
    return bool(p.proxies and p.proxy_triggers)


def shared(p: Params) -> dict[str, Any]:
    """What all analyses of outcomes are given."""
    return {"world": p.small_world, "arms": arms(p), "replicates": SEEDS}


def second(p: Params) -> dict[str, Any]:
    """The arms of the second stage, beside what they started from."""
    return {**shared(p), "where": SECOND, "started": FIRST if p.start == "first-stage" else {}}


def mixed(p: Params) -> Where:
    """The arms of the second stage under the first strategy; without a proxy there is none."""
    return {**SECOND, "strategy": p.strategies[0].partition("=")[0]} if len(p.strategies) > 1 else SECOND


def no_proxy(p: Params) -> Where:
    """The arm without a proxy, among others."""
    return {"proxy_category": "none"} if has_proxies(p) else {}

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from offdiag.engine import Summary, run_plan
from offdiag.models.lm import LM
from offdiag.planning import Plan
from offdiag.store import Store
from support.tiny_study import RUNTIME, Recorder, tiny_plan


class Finished(NamedTuple):
    """An uninterrupted run of the tiny study, with the places from which models were loaded."""

    plan: Plan
    store: Store
    summary: Summary
    watcher: Recorder
    loaded: list[str]


@pytest.fixture(scope="session")
def finished(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    plan, store = tiny_plan(tiny_model), Store(tmp_path_factory.mktemp("finished") / "store")
    loaded: list[str] = []
    load = LM.load

    def counted(spec, location, runtime, **options):
        loaded.append(str(location))
        return load(spec, location, runtime, **options)

    watcher = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LM, "load", counted)
        summary = run_plan(plan, store, RUNTIME, watcher=watcher)
    return Finished(plan, store, summary, watcher, loaded)

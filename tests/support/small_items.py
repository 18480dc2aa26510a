"""The built-in data set of ``easy_to_hard``, made small."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import offdiag.studies.easy_to_hard.item_hardness.study  # noqa: F401  (its scales are checked when it loads, with all items)
from offdiag import planning
from offdiag.studies.easy_to_hard.task import draws, library
from offdiag.studies.easy_to_hard.task.items import SPECS
from offdiag.studies.easy_to_hard.task.sources import synthetic

CACHED = (
    synthetic.load,
    library._read_table,
    draws._pool,
    draws._split,
    draws._model_free,
    planning._keys,
)


@contextmanager
def small_items(per_steps: int, held_out: int) -> Iterator[None]:
    """Make the data set ``6 * per_steps`` items, of which ``held_out`` are held out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "PER_STEPS", per_steps)
        patch.setitem(SPECS, "synthetic", replace(SPECS["synthetic"], official=6 * per_steps, held_out=held_out))
        _clear()
        yield
    _clear()


def _clear() -> None:
    for function in CACHED:
        function.cache_clear()

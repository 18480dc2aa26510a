"""Rows of the table of hardness: an item, how hard it is, and the level that this makes it."""

from collections.abc import Iterator, Mapping

from offdiag.studies.easy_to_hard.task import HardnessDomain, library
from offdiag.studies.easy_to_hard.task.draws import pool_of
from offdiag.studies.easy_to_hard.task.strata import stratify
from offdiag.studies.easy_to_hard.task.tables import Table
from offdiag.tasks import Scalar

TABLE = "item_hardness"


def hardness_rows(domain: HardnessDomain, measure: str, values: Table) -> Iterator[Mapping[str, Scalar]]:
    """One row an item of the domain's pool: ``item, value, level``.

    Raises:
        UserError: an item has no value.
    """
    items = pool_of(domain).items
    strata = stratify(library.dataset(domain.dataset), items, measure, values, (None, None))
    for item, value, level in zip(items, strata.values, strata.levels, strict=True):
        yield {"item": item.id, "value": value, "level": level}

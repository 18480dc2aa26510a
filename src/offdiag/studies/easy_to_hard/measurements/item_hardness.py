"""Hardness of the items of a data set by one measure that needs no model, and rows of such tables."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.steps import Measurement, Work
from offdiag.studies.easy_to_hard.task import HardnessDomain, library
from offdiag.studies.easy_to_hard.task.draws import pool_of
from offdiag.studies.easy_to_hard.task.strata import stratify
from offdiag.studies.easy_to_hard.task.tables import Table
from offdiag.tasks import Scalar, get_task

TABLE = "item_hardness"


def hardness_rows(domain: HardnessDomain, measure: str, values: Table) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row per item of the domain's pool: ``item, value, level``.

    Raises:
        UserError: an item has no value.
    """
    items = pool_of(domain).items
    strata = stratify(library.dataset(domain.dataset), items, measure, values, (None, None))
    for item, value, level in zip(items, strata.values, strata.levels, strict=True):
        yield {"item": item.id, "value": value, "level": level}


class ItemHardness(Measurement):
    """The hardness of each item of a pool: ``item``, ``value`` (larger is harder) and ``level``.

    Attributes:
        domain: the data set, its pool, the measure and its cut-offs; no model sees an item.
    """

    tag: ClassVar[str] = "item-hardness"
    table: ClassVar[str] = TABLE
    domain: HardnessDomain

    @property
    def name(self) -> str:
        return f"hardness.{self.domain}"

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), "data_version": get_task(self.domain.task).data_version}

    def factors(self) -> Mapping[str, Scalar]:
        return {"dataset": self.domain.dataset, "measure": self.domain.hardness}

    def measure(self, work: Work) -> Iterator[Mapping[str, Scalar]]:
        pool = pool_of(self.domain)
        if pool.strata is None:
            raise UserError(f"{self.name}: expected a domain with a measure of hardness")
        for item, value, level in zip(pool.items, pool.strata.values, pool.strata.levels, strict=True):
            yield {"item": item.id, "value": value, "level": level}

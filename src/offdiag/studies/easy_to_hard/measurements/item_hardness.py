"""How hard the items of a data set are by one measure, as a table."""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.steps import Measurement, Work
from offdiag.studies.easy_to_hard.measurements.hardness_rows import TABLE
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.studies.easy_to_hard.task.draws import pool_of
from offdiag.tasks import Scalar, get_task


class ItemHardness(Measurement):
    """One row an item of a pool: ``item``, ``value`` (larger is harder) and ``level``; also ``dataset, measure``.

    Attributes:
        domain: the data set, its pool, the measure and its cut-offs; no item is asked, and none is taught.
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

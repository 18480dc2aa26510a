"""Domains: the distributions of a task, by keyword."""

from typing import ClassVar, Self, TypeAlias

from offdiag.identity import Identity

Scalar: TypeAlias = str | int | float | bool | None


class Domain(Identity):
    """One named distribution of a task, given by its keyword parameters (the fields of the subclass)."""

    task: ClassVar[str]

    def factors(self) -> dict[str, Scalar]:
        """The parameters as columns of the results table."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def __str__(self) -> str:
        """``base=8,digits=2``: what the command line accepts for this domain; defaults are left out only if all are."""
        return ",".join(f"{name}={value}" for name, value in self.factors().items())

    @property
    def tested_on(self) -> str:
        """Columns of the matrix: evaluations that differ only in what they leave out, since it was taught, are one."""
        return str(self)

    @property
    def without_replicate(self) -> Self:
        """Without the number of its draw: training sets that differ in chance alone share it."""
        return self

    @property
    def short(self) -> str:
        """How folders are named after it; not to be read back."""
        return str(self)

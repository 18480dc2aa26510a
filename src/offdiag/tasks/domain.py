"""Domains: the distributions of a task, by keyword."""

from typing import ClassVar, Self, TypeAlias

from pydantic import model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity

Scalar: TypeAlias = str | int | float | bool | None


class Domain(Identity):
    """One named distribution of a task, given by its keyword parameters (the fields of the subclass).

    ``free_text`` says that values of parameters may have commas in them, ``bare`` names the
    parameter whose value may stand alone.
    """

    task: ClassVar[str]
    free_text: ClassVar[bool] = False
    bare: ClassVar[str] = ""

    @model_validator(mode="after")
    def _has_a_task(self) -> Self:
        if not isinstance(getattr(type(self), "task", None), str):
            cls = type(self).__qualname__
            raise UserError(f'domain {cls} does not say which task it is of: write task = "my-task" in class {cls}')
        return self

    def factors(self) -> dict[str, Scalar]:
        """Return the parameters as columns of the results table."""
        return {name: getattr(self, name) for name in type(self).model_fields}

    def __str__(self) -> str:
        """Return ``base=8,digits=2``, which the command line accepts for this domain; of own data, their label."""
        return ",".join(f"{name}={value}" for name, value in self.factors().items())

    @property
    def tested_on(self) -> str:
        """Label of the matrix column; evaluations that differ only in held-out items share one."""
        return str(self)

    @property
    def without_replicate(self) -> Self:
        """The domain without its draw number: equal for training sets that differ in chance alone."""
        return self

    @property
    def seed_name(self) -> str:
        """Name in random streams; it says nothing that is not part of the identity."""
        return str(self)

    def balanced(self) -> Self:
        """Return the domain with its training examples in an order that has each label in turn.

        Raises:
            UserError: the task knows no labels.
        """
        raise UserError(f"{self.task} has no labels to balance demonstrations by: leave balanced out")

    @property
    def drawn_name(self) -> str:
        """What names of learners say of the order of its training examples, such as ``.balanced``."""
        return ""

    @property
    def short(self) -> str:
        """A short name for folders; it cannot be parsed back."""
        return str(self)

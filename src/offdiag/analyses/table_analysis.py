"""The contract of an analysis of a table that was made elsewhere: what ``offdiag analyse`` runs."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from offdiag.errors import UserError
from offdiag.identity import Identity, Json

if TYPE_CHECKING:
    import pandas as pd


class TableAnalysis(Identity, ABC):
    """An analysis with its settings, which the command line sets by name.

    Attributes:
        name: as typed. about: one line: what it does and which columns it needs.
        shown: columns of the result that a person reads first; JSON has all of them.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    shown: ClassVar[tuple[str, ...]]

    @abstractmethod
    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The result, one row an answer.

        Args:
            table: texts, as :func:`offdiag.analyses.read_table` gives them: None where there is none, and the number
                of the line as the index.

        Raises:
            UserError: a column is missing, or a value is not what it should be.
        """

    def document(self, found: "pd.DataFrame") -> Json:
        """The result as one JSON document, where a list of its rows would not do; None for the rows."""
        return None


_FOUND: dict[str, type[TableAnalysis]] = {}


def register_table_analysis(kind: type[TableAnalysis]) -> type[TableAnalysis]:
    """Class decorator: make the analysis known under its ``name``."""
    _FOUND[kind.name] = kind
    return kind


def table_analyses() -> dict[str, type[TableAnalysis]]:
    """All analyses of tables by name, sorted."""
    return dict(sorted(_FOUND.items()))


def get_table_analysis(name: str) -> type[TableAnalysis]:
    """The analysis of that name.

    Raises:
        UserError: there is none; the message lists those there are.
    """
    if name not in _FOUND:
        known = "; ".join(f"{kind.name} ({kind.about})" for kind in table_analyses().values())
        raise UserError(f"unknown analysis {name!r}: there are {known}")
    return _FOUND[name]

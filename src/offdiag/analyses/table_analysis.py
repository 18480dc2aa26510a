"""Base class of what ``offdiag analyse`` runs on a table made elsewhere."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, TypeVar

from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.registry import Registry

if TYPE_CHECKING:
    import pandas as pd


class TableAnalysis(Identity, ABC):
    """An analysis with its settings, which the command line sets by name.

    Attributes:
        name: as typed. about: one line: what it does and which columns it needs.
        terminal_columns: columns of the result that a person reads first; JSON has all of them.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    terminal_columns: ClassVar[tuple[str, ...]]

    @abstractmethod
    def analyse(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Return the result as a table.

        Args:
            table: texts, as :func:`offdiag.analyses.read_table` gives them: None where there is none, and the number
                of the line as the index.

        Raises:
            UserError: a column is missing, or a value is not what it should be.
        """

    def document(self, found: "pd.DataFrame") -> Json:
        """Return the result as one JSON document; None for the list of its rows."""
        return None


TABLE_ANALYSES = Registry[type[TableAnalysis]](
    "table analysis", "offdiag.table_analyses", TableAnalysis, named_by="name", decorator="@register_table_analysis"
)
T = TypeVar("T", bound=type[TableAnalysis])


def register_table_analysis(kind: T) -> T:
    """Register the analysis of a study file, or of a module beside it (class decorator).

    Raises:
        UserError: another one has this name.
    """
    TABLE_ANALYSES.add(kind.name, kind)
    return kind


def get_table_analysis(name: str) -> type[TableAnalysis]:
    """Return the analysis of that name.

    Raises:
        UserError: there is none, or it cannot be loaded; the message lists those there are, or says why.
    """
    if name not in TABLE_ANALYSES:
        usable = [found for _, found in TABLE_ANALYSES.usable() if isinstance(found, type)]
        known = "; ".join(f"{kind.name} ({kind.about})" for kind in usable)
        raise UserError(
            f"unknown analysis {name!r}: there are {known}; a study file adds its own with {TABLE_ANALYSES.decorator}: "
            "type --study my_study.py"
        )
    return TABLE_ANALYSES.get(name)

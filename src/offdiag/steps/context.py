"""What stands before a question in its prompt."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from offdiag.identity import Identity
from offdiag.steps.step import Work
from offdiag.tasks import Domain, Example


class Context(Identity, ABC):
    """Turns the bare prompts of the queries into those that the model sees."""

    @property
    @abstractmethod
    def label(self) -> str:
        """Short name for folders and tables."""

    @abstractmethod
    def prompts(self, work: Work, domain: Domain, queries: Sequence[Example], bare: Sequence[str]) -> list[str]:
        """One prompt a query, given the prompt that asks for the query alone."""

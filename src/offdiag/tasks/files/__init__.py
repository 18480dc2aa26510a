"""The task ``files``: data of a person's own."""

from offdiag.tasks.files.domain import FilesDomain
from offdiag.tasks.files.task import Files

__all__ = ["Files", "FilesDomain"]

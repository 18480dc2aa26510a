"""The contract of an export: results as files that other programs read."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from offdiag.analyses import Frames
from offdiag.errors import UserError, unfit
from offdiag.identity import Identity
from offdiag.registry import Registry
from offdiag.steps import Step

# The folder of a finished step, or None.
Finished: TypeAlias = Callable[[Step], Path | None]


class Exported(NamedTuple):
    """A file that was written and what it holds; or None and what is missing."""

    path: Path | None
    about: str


def file_in(folder: Path, name: str) -> Path:
    """Return the path of the file of this name in a folder.

    Raises:
        UserError: the name would lead out of the folder, or can name no file.
    """
    if (wrong := unfit(name)) is not None:
        raise UserError(f"{name!r} cannot name a file of an export: {wrong}; rename what it is made of")
    return folder / name


class StudyExport(Identity, ABC):
    """Base of an export: files of a study that other programs read."""

    @abstractmethod
    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        """Write the finished files below ``folder``, each in one move, and list those that are missing.

        Raises:
            UserError: a file that is there already is not what it should be.
        """


EXPORTS = Registry[type[StudyExport]]("export", "offdiag.exports", StudyExport)


def exports_named(names: Sequence[str]) -> tuple[StudyExport, ...]:
    """Return the exports of these names.

    Raises:
        UserError: there is none, or it has settings that only a study gives.
    """
    found = []
    for name in names:
        kind = EXPORTS.get(name)
        if needed := [field for field, info in kind.model_fields.items() if info.is_required()]:
            raise UserError(f"export {name} needs {', '.join(needed)}: name it in a study, Design(exports=…)")
        found.append(kind())
    return tuple(found)

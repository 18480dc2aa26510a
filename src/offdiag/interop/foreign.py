"""The contract of a format of results that another program wrote, and the reading of a file or a folder of them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from offdiag.errors import UserError
from offdiag.files import advice_on
from offdiag.places import at_home
from offdiag.registry import Registry
from offdiag.study_files import STUDIES

MOST_FILES = 10_000  # of a folder


@dataclass(frozen=True, kw_only=True)
class ForeignRun:
    """One model asked one task: a cell.

    Attributes:
        source: where it was read, for messages. model, task: their names. method: ``zero-shot``, ``in-context`` or what
            the file says; None where it does not. train: what was taught or shown; None where nothing, or not said.
        evaluation: what was asked, such as the task with its filter. answering: ``choice`` where the likeliest choice
            is the answer. metric: the verdict that counts.
        factors: other columns of the cell, such as ``k``, ``seed``, ``arm`` or ``cell``.
        records: read more than once, so that many are a :class:`offdiag.interop.packed.Packed`. Each answer has
            ``example``, ``problem``, ``prompt``, ``completion``, ``target``, ``parsed`` (None where
            nothing was found), and ``score``, from 0 to 1, None where it has no verdict. It may have ``sample``, which
            draw of several it is, ``status``, ``flags``, ``n_prompt``, ``n_tokens``, ``finish``, ``error``, ``scores``,
            ``choices``; ``binary``, whether the verdict is right or wrong (else it is where all verdicts of the run are
            0 or 1); ``cluster``, whose examples count as one; ``content``, what makes two examples the same question
            (problem and target else); ``item``, the verdict on all draws together; and ``more``: other columns.
        stated: the accuracy that the file itself gives, from 0 to 1; None for none.
        lacking: fields of our records that the file has not.
        planned: number of examples that the run was to ask; None where the file does not say. unfinished: a line that
            says that it did not end well, or has other answers than were asked for; empty where it did.
    """

    source: str
    model: str
    task: str
    records: Collection[Mapping[str, Any]]
    method: str | None = None
    train: str | None = None
    evaluation: str = ""
    answering: str | None = None
    metric: str = ""
    factors: Mapping[str, Any] = field(default_factory=dict)
    stated: float | None = None
    lacking: tuple[str, ...] = ()
    planned: int | None = None
    unfinished: str = ""


class ResultFormat(ABC):
    """Files of results in one format.

    Subclass it and name the class in the entry points ``offdiag.result_formats`` of your package.

    Attributes:
        name: as registered. called: what messages call such a file.
    """

    name: ClassVar[str]
    called: ClassVar[str]

    @classmethod
    @abstractmethod
    def recognises(cls, path: Path) -> bool:
        """Return whether a file is one of these, by its name alone."""

    @classmethod
    @abstractmethod
    def read(cls, path: Path, metric: str) -> Iterator[ForeignRun]:
        """Yield what a file has.

        Args:
            path: of a file that is recognised. metric: which verdict counts, where there are several; empty for the
                first that is right or wrong, or else the first that is from 0 to 1.

        Raises:
            UserError: the file is not what it should be, or has no such verdict; in one line.
        """


RESULT_FORMATS = Registry[type[ResultFormat]]("result format", "offdiag.result_formats", ResultFormat, named_by="name")


def results_at(word: object) -> Path | None:
    """Return the path of results of others that a word of a person means; None where a study or a store is meant.

    Raises:
        UserError: it is the path of a file or folder that is not there, or of a file in no format that is read.
    """
    if not isinstance(word, str | Path) or str(word) in STUDIES:
        return None
    path = at_home(word)
    if is_foreign(path):
        return path if path.name.strip(".") else path.resolve()  # the page is called by the name of a folder
    if path.suffix == ".py" or path.is_dir():
        return None
    if path.is_file():
        found_in(path)  # says what is read
    if _format(path) is not None or len(path.parts) > 1:
        raise UserError(f"no file {path}: {advice_on(path)}")
    return None


def is_foreign(path: Path) -> bool:
    """Return whether a path is a file in a format of results, or a folder that has one somewhere."""
    if path.is_dir():
        return not (path / "store.json").exists() and next(_files(path), None) is not None
    return path.is_file() and _format(path) is not None


def found_in(path: Path) -> list[tuple[Path, type[ResultFormat]]]:
    """Return the files of results that a path is or has below it, each with its format.

    Raises:
        UserError: there is none.
    """
    if path.is_dir():
        if files := list(_files(path)):
            return files
    elif path.exists() and (kind := _format(path)) is not None:
        return [(path, kind)]
    known = ", ".join(kind.called for _, kind in RESULT_FORMATS.usable() if isinstance(kind, type))
    raise UserError(
        f"{path}: no results there: expected {known}" if path.exists() else f"no file {path}: {advice_on(path)}"
    )


def _files(folder: Path) -> Iterator[tuple[Path, type[ResultFormat]]]:
    """Yield the files of a folder that are in a format, but plain tables, which anything may be."""
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= MOST_FILES:
            raise UserError(f"{folder} has more than {MOST_FILES:,} files: give the folder of one run")
        if path.is_file() and (kind := _format(path)) is not None and kind.name != "records":
            yield path, kind


def _format(path: Path) -> type[ResultFormat] | None:
    """Return the format of a file; plain tables come last, as their names say least."""
    kinds = [kind for _, kind in RESULT_FORMATS.usable() if isinstance(kind, type)]
    kinds.sort(key=lambda kind: kind.name == "records")
    return next((kind for kind in kinds if kind.recognises(path)), None)


def worth(value: object, where: str, name: str) -> float | None:
    """Return a verdict as a score from 0 to 1; None for none.

    Raises:
        UserError: it is none.
    """
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return float(value)
    raise UserError(
        f"{where}: {name} is {str(value)[:40]!r}, expected a verdict from 0 (wrong) to 1 (right): name another one "
        "with --metric NAME (in Python metric=NAME)"
    )

"""The rows of a data set as items, each with an id of its own, and the files or the rows of the hub that hold them."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from offdiag.errors import UserError
from offdiag.files import Located, TextFile, table_rows, text_lines
from offdiag.studies.easy_to_hard.task.items import Item


def file_of(path: Path) -> TextFile:
    """Return a file of a data set; one that is not there is told with the folder to name."""
    return TextFile.at(
        path,
        f"put {path.name} into {path.parent}, or name the folder that has {path.parent.name}/{path.name} with "
        "--set data_dir=FOLDER or OFFDIAG_DATA",
    )


def csv_rows(path: Path, columns: tuple[str, ...]) -> Iterator[Located]:
    """Yield the rows of a table without a header as mappings; a row is one row even if it spans lines.

    Raises:
        UserError: the file is missing, or a row has another number of fields.
    """
    return table_rows(text_lines(file_of(path)), str(path), columns)


def unique(placed: Iterable[tuple[Located, Item]]) -> tuple[Item, ...]:
    """Return the items, each of which must have an id of its own, and its right choice once where it has choices.

    Raises:
        UserError: two items have the same id, or one has choices among which the right one is not told apart.
    """
    first: dict[str, str] = {}
    items: list[Item] = []
    for row, item in placed:
        if item.id in first:
            raise UserError(f"{row.where}: id {item.id!r} is also that of {first[item.id]}: {row.remedy}")
        texts = [choice.strip() for choice in item.choices]
        if item.choices and (len(texts) < 2 or not all(texts) or texts.count(item.answer.strip()) != 1):
            raise UserError(
                f"{row.where}: the choices are {list(item.choices)} and the right one is {item.answer!r}; expected at "
                f"least two, none of them empty, and the right one once: {row.remedy}"
            )
        first[item.id] = row.where
        items.append(item)
    return tuple(items)


_REMEDY = "name a folder with the official files, --set data_dir=FOLDER"


def hub_rows(repository: str, config: str | None, split: str, revision: str | None = None) -> Iterator[Located]:
    """Yield the rows of one split, of the newest revision unless another is named.

    Raises:
        UserError: ``datasets`` is not installed, or the hub does not give this split.
    """
    place = f"{repository} ({config or 'default'}, {split})"
    try:
        datasets = import_module("datasets")
    except ModuleNotFoundError:
        raise UserError(
            f"{place} on the Hugging Face hub is read with the package datasets: type `pip install datasets`, or name "
            "a folder with the official files, --set data_dir=FOLDER"
        ) from None
    try:
        rows = datasets.load_dataset(repository, config, split=split, revision=revision)
    except (OSError, RuntimeError, ValueError) as error:  # no network, no such name, nothing but a script there
        raise UserError(
            f"{place} on the Hugging Face hub: {' '.join(str(error).split())}; try again, or name a folder with the "
            "official files, --set data_dir=FOLDER"
        ) from error
    for number, row in enumerate(rows):
        yield Located(f"{place}, row {number + 1}", number, number + 1, dict(row), _REMEDY)

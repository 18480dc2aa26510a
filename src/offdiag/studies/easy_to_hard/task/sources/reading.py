"""The rows of a data set as items, each with an id of its own, and the files that hold them."""

from collections.abc import Iterable, Iterator
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

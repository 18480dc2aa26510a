"""Read rows of data sets on the Hugging Face hub through the package ``datasets``, if it is installed."""

from collections.abc import Iterator
from importlib import import_module

from offdiag.errors import UserError
from offdiag.files import Located

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

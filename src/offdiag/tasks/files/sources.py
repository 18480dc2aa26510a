"""Where the rows of a data set come from: a file, a folder saved by ``datasets``, or a data set on the hub.

reviews.jsonl  reviews.json  reviews.csv  reviews.tsv  reviews.parquet     text files may be packed by gzip
saved_folder  saved_folder#validation                                      Dataset.save_to_disk
hub:org/name@revision:config#split                                         what follows the name may be left out
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from offdiag.errors import UserError, did_you_mean
from offdiag.files import Located, TextFile, advice_on, json_lines, json_list, table_rows, text_lines
from offdiag.places import at_home
from offdiag.tasks.data import DataPlace, data_dir

LINES, TABLES, PARQUET = (".jsonl", ".ndjson"), (".csv", ".tsv"), (".parquet", ".pq")
KNOWN = "JSON lines (.jsonl), JSON (.json), a table (.csv, .tsv), Parquet (.parquet) or a folder saved by datasets"
_HUB = re.compile(r"hub:(?P<name>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?(?::(?P<config>[^#]+))?")
_SPLITS: dict[str, tuple[str, ...]] = {"train": ("train",), "eval": ("test", "validation", "dev", "eval")}
_GAPS = frozenset(("NaN", "nan", "<NA>"))
_BATCH = 2048  # rows of a Parquet file that are made Python objects at once

Role = Literal["train", "eval"]


@dataclass(frozen=True)
class RowSource:
    """A place of rows, as it was typed; several with ``|`` between are read one after the other, as one data set.

    Attributes:
        text: as typed, without the split. split: of a data set that has several; empty if none is named.
    """

    text: str
    split: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the source of a text such as ``data/reviews.jsonl`` or ``saved_folder#test``."""
        if "|" in text:
            return cls(text)
        base, mark, split = text.rpartition("#")
        is_path = not mark or (not text.startswith("hub:") and _path(text).exists())
        return cls(text) if is_path else cls(base, split)

    @property
    def each(self) -> "list[RowSource]":
        """The sources one by one, where there are several."""
        texts = [text.strip() for text in self.text.split("|")]
        return [RowSource.of(text) for text in texts if text] if len(texts) > 1 else [self]

    @property
    def on_hub(self) -> bool:
        """Whether it is a data set on the hub."""
        return self.text.startswith("hub:")

    @property
    def path(self) -> Path:
        """The file or folder, where it is no data set on the hub."""
        return _path(self.text)

    @property
    def label(self) -> str:
        """What messages call it."""
        return f"{self.text}#{self.split}" if self.split else self.text

    @property
    def stem(self) -> str:
        """The name of the file without its endings, or that of the data set."""
        if self.on_hub:
            return self.text.removeprefix("hub:").partition("@")[0].partition(":")[0].rpartition("/")[2]
        name = self.path.name.removesuffix(".gz")
        return Path(name).stem if Path(name).suffix in (*LINES, *TABLES, *PARQUET, ".json", ".txt") else name

    def stamp(self) -> tuple[object, ...]:
        """Return what changes when the rows do, without reading them: times and sizes of the files.

        Raises:
            UserError: nothing is there, or a folder that no data set is in.
        """
        if len(self.each) > 1:
            return tuple(one.stamp() for one in self.each)
        if self.on_hub:
            return (self.text, self.split)
        path = self.path
        if path.is_dir():
            _check_saved(path, self.label)  # before all that lies below a folder of another kind is walked
        files = sorted(path.glob("**/*")) if path.is_dir() else [path]
        try:
            return (str(path), self.split, *((s.st_mtime_ns, s.st_size, s.st_ino) for s in (f.stat() for f in files)))
        except OSError as error:
            raise UserError(f"{self.label} cannot be read ({error.strerror}): {advice_on(path)}") from None

    def rows(self, role: Role) -> Iterator[Located]:
        """Yield the rows, one at a time, as mappings from column to value.

        Args:
            role: what the rows are for, which chooses among several splits where none is named.

        Raises:
            UserError: the source cannot be read; the message says where and what to do.
        """
        if self.on_hub:
            return _of_dataset(_from_hub(self), self, role)
        path = self.path
        if path.is_dir():
            return _of_dataset(_saved(self), self, role)
        if self.split:
            raise UserError(f"{self.label}: a file has no splits: leave #{self.split} out")
        suffix = Path(path.name.removesuffix(".gz")).suffix.lower()
        if suffix in PARQUET:
            return _parquet(path, self.label)
        file = TextFile.at(path, advice_on(path))._replace(name=self.label)
        if suffix in TABLES:
            return _with_gaps(table_rows(text_lines(file), self.label))
        if suffix in LINES:
            return json_lines(file)
        if suffix == ".json":
            return json_lines(file) if _is_of_lines(file) else json_list(file)
        raise UserError(f"{self.label} ends in {suffix or 'nothing'}: expected {KNOWN}; rename or convert it")


def _path(text: str) -> Path:
    """Return the path of a text: below the folder of the data where there is one, or else from here."""
    path = at_home(text)
    folder = DataPlace.of(data_dir()).folder
    below = path if folder is None else folder / path
    return (below if below.exists() else path).absolute()


def _is_of_lines(file: TextFile) -> bool:
    """Return whether the first line is a whole object, as opposed to the beginning of a list or of one large object."""
    first = next((line.strip() for line in text_lines(file) if line.strip()), "[")
    return first.startswith("{") and first.endswith("}")


def _with_gaps(rows: Iterator[Located]) -> Iterator[Located]:
    """Yield rows of a table, with nothing where it has a word by which programs write a missing value."""
    for row in rows:
        if _GAPS.isdisjoint(row.value.values()):
            yield row
        else:
            yield row._replace(value={name: None if text in _GAPS else text for name, text in row.value.items()})


def _parquet(path: Path, label: str) -> Iterator[Located]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise UserError(f'{label} needs pyarrow: type pip install "offdiag[data]", or save it as JSON lines') from None
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(_BATCH):
                for row in batch.to_pylist():
                    yield Located(f"{label}, row {number + 1}", number, number + 1, row)
                    number += 1
    except FileNotFoundError:
        raise UserError(f"no file {label}: {advice_on(path)}") from None
    except (ArrowException, OSError) as error:
        said = str(error).partition("\n")[0].rstrip(". ")
        raise UserError(f"{label} is no Parquet file ({said}): make it anew, or save it as JSON lines") from None
    if not number:
        raise UserError(f"{label} has no rows: expected at least one")


def _check_saved(path: Path, label: str) -> None:
    if not ((path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file()):
        raise UserError(f"{label} is a folder that datasets did not save: give a file, or save_to_disk() it")
    if next(path.glob("**/*.arrow"), None) is None:
        raise UserError(f"{label} has no rows: expected at least one")


def _saved(source: RowSource) -> Any:
    path = source.path
    _check_saved(path, source.label)
    return _loaded(source, lambda library: library.load_from_disk(str(path)))


def _from_hub(source: RowSource) -> Any:
    found = _HUB.fullmatch(source.text)
    if found is None:
        raise UserError(f"{source.text!r} names no data set: expected hub:org/name, hub:org/name@revision:config#split")
    where = {"revision": found["revision"], "name": found["config"]}
    given = {name: value for name, value in where.items() if value}
    return _loaded(source, lambda library: _fetched(library, found["name"], given))


def _fetched(library: Any, name: str, given: Mapping[str, str]) -> Any:
    """Return a data set of the hub; where that does not answer, one that was fetched before, without long tries."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or _answers(constants.ENDPOINT):
        return library.load_dataset(name, **given)
    constants.HF_HUB_OFFLINE = library.config.HF_HUB_OFFLINE = True
    try:
        return library.load_dataset(name, **given)
    except Exception as error:
        raise ConnectionError(f"it was not fetched before, and {constants.ENDPOINT} is not reached") from error
    finally:
        constants.HF_HUB_OFFLINE = library.config.HF_HUB_OFFLINE = False


@cache
def _answers(address: str) -> bool:
    """Return whether a server says anything at all, though it be no more than that it is not asked so."""
    try:
        urlopen(Request(address, method="HEAD"), timeout=10).close()
    except HTTPError:
        return True
    except OSError:
        return False
    return True


def _loaded(source: RowSource, load: Callable[[Any], Any]) -> Any:
    try:
        import datasets
    except ImportError:
        raise UserError(f'{source.label} needs datasets: type pip install "offdiag[data]"') from None
    datasets.disable_progress_bars()
    try:
        return load(datasets)
    except Exception as error:  # noqa: BLE001 (of a library that raises whatever its own libraries do)
        said = str(error).strip().partition("\n")[0].rstrip(". ")
        raise UserError(f"{source.label} cannot be loaded ({type(error).__name__}: {said}): see that it is whole "
                        "and can be reached, or give a file") from None  # fmt: skip


def _of_dataset(data: Any, source: RowSource, role: Role) -> Iterator[Located]:
    """Yield the rows of a data set of the library ``datasets``, class labels by their names."""
    if isinstance(data, Mapping):
        splits = [str(name) for name in data]
        wanted = [source.split] if source.split else [name for name in _SPLITS[role] if name in splits]
        if not wanted or wanted[0] not in splits:
            near = did_you_mean(source.split, splits)
            raise UserError(f"{source.text} has no split {source.split or ' or '.join(_SPLITS[role])!r}: {near}there "
                            f"are {', '.join(splits)}; type {source.text}#{splits[0]}")  # fmt: skip
        data = data[wanted[0]]
    named = {name: kind.names for name, kind in data.features.items() if hasattr(kind, "int2str")}
    number = 0
    for batch in data.iter(_BATCH):
        for values in zip(*batch.values(), strict=True):
            row = dict(zip(batch, values, strict=True))
            row |= {name: _class_label(names, row[name]) for name, names in named.items()}
            yield Located(f"{source.label}, row {number + 1}", number, number + 1, row)
            number += 1
    if not number:
        raise UserError(f"{source.label} has no rows: expected at least one")


def _class_label(names: Sequence[str], number: int | None) -> str | None:
    """Return the name of a class; None where the number is missing, or the -1 of tests whose labels are kept secret."""
    return None if number is None or number < 0 else names[number]

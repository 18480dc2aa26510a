"""Load data sets and measures by name, from where :mod:`offdiag.tasks.data` says that they lie.

A folder has the official releases in ``arc``, ``mmlu``, ``strategyqa`` and ``gsm8k``. The hub lacks ARC's annotations
and measured hardness. A hash of the data is part of identities (:attr:`Dataset.content`).
"""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from offdiag.errors import NoDataError, UserError
from offdiag.studies.easy_to_hard.task.items import BUILT_IN, SPECS, SUBJECTS, Dataset
from offdiag.studies.easy_to_hard.task.measures import AVERAGE, model_measures, split_name, surface
from offdiag.studies.easy_to_hard.task.sources import arc, chains, gsm8k, mmlu, strategyqa, synthetic
from offdiag.studies.easy_to_hard.task.tables import ByModel, Table, of_model, read_table, table_path
from offdiag.tasks.data import ENV, DataPlace, data_dir, once

_BUILT_IN: Mapping[str, Callable[[], Dataset]] = {"synthetic": synthetic.load, "chains": chains.load,
                                                     "varied_chains": chains.load_varied}  # fmt: skip
_HALVES = ("arc_easy", "arc_challenge")
_FOLDERS = {"mmlu": ("mmlu", "mmlu_stem5"), **dict.fromkeys(_HALVES, ("arc",))}
_SUBJECTS = {f"mmlu_{subject}": subject for subject in SUBJECTS}
_FROM_FILES: Mapping[str, Callable[[Path], Dataset]] = {
    "arc": arc.load,
    **{name: partial(arc.load_test, name) for name in _HALVES},
    "arc_all": partial(arc.load, name="arc_all"),
    "mmlu": mmlu.load,
    **{name: partial(mmlu.load, subject=subject) for name, subject in _SUBJECTS.items()},
    "strategyqa": strategyqa.load,
    "gsm8k": gsm8k.load,
}
_FROM_HUB: Mapping[str, Callable[[], Dataset]] = {
    **{name: partial(arc.load_test_hub, name) for name in _HALVES},
    "mmlu": mmlu.load_hub,
    **{name: partial(mmlu.load_hub, subject) for name, subject in _SUBJECTS.items()},
    "strategyqa": strategyqa.load_hub,
    "gsm8k": gsm8k.load_hub,
}


class _Stamp(NamedTuple):
    """A file as it is now: read again when it changes."""

    path: str
    changed_ns: int
    size: int


def dataset(name: str) -> Dataset:
    """Return the data set ``name`` (read once, and again when its files change).

    Raises:
        UserError: no place is given for it, or the files there are not as released.
    """
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    return once(lambda: _dataset(name), "dataset", name)


def _dataset(name: str) -> Dataset:
    place = _place(name)
    if place.hub:
        return _from_hub(name, place.folder)
    folder = _folder(name, place)
    return _from_files(name, folder, _stamps(folder))


def table(data: Dataset, measure: str) -> Table:
    """Return a measure of hardness of all items of a data set: value by item id.

    Raises:
        UserError: it is model-based and its file is missing or wrong; see :mod:`tables`.
    """
    name, model = split_name(measure)
    if model is None:
        if name in data.human:
            return data.human[name]
        if name in data.spec.human:
            raise UserError(
                f"{data.spec.name} here has no {name}: it has {', '.join([*data.human, *data.spec.surface])}; take one "
                "of these, or a file that has it"
            )
        return once(lambda: surface(data.items, name), "surface", data.spec.name, data.content, name)
    folder = _data_folder()
    if folder is None:
        raise UserError(
            f"{measure} is read from a table, FOLDER/hardness/{data.spec.family}/{name}.csv: name the folder with "
            f"--set data_dir=FOLDER (or hub:FOLDER) or {ENV}"
        )
    path = table_path(folder, data.spec.family, name)
    return of_model(_read_table(data.content, data.spec.family, path, _stamps(path.parent)), model, str(path))


def measured(data: Dataset) -> list[str]:
    """Return the model-based measures beside the data, as ``name@model``; for several models their average, too."""
    found: list[str] = []
    if (folder := _data_folder()) is None:
        return found
    for name in model_measures(data.spec):
        path = table_path(folder, data.spec.family, name)
        if path.exists():
            tables = _read_table(data.content, data.spec.family, path, _stamps(path.parent))
            found += [f"{name}@{model}" for model in tables]
            if len(tables) > 1 and len({frozenset(table) for table in tables.values()}) == 1:
                found.append(f"{name}@{AVERAGE}")
    return found


def _place(name: str) -> DataPlace:
    said = data_dir()
    if not said:
        raise NoDataError(
            f"dataset={name} is not built in, and no place is given for it: name the folder that has {name}/ with "
            f"--set data_dir=FOLDER or {ENV}, type data_dir=hub for the Hugging Face hub, or take dataset=synthetic"
        )
    return DataPlace.of(said)


def _folder(name: str, place: DataPlace) -> Path:
    if place.folder is None:
        raise UserError(
            f"the Hugging Face hub does not have all of dataset={name}: type data_dir=hub:FOLDER, where "
            f"FOLDER/{SPECS[name].family} has the rest"
        )
    family = SPECS[name].family
    for candidate in _FOLDERS.get(family, (family,)):
        if (place.folder / candidate).is_dir():
            return place.folder / candidate
    raise UserError(f"no folder {place.folder / family}: name the folder that has {family}/ with --set data_dir=FOLDER")


def _data_folder() -> Path | None:
    return DataPlace.of(said).folder if (said := data_dir()) else None


def _stamps(folder: Path) -> tuple[_Stamp, ...]:
    if not folder.is_dir():
        return ()
    with os.scandir(folder) as entries:
        files = sorted((entry.path, entry.stat()) for entry in entries if entry.is_file())
    return tuple(_Stamp(path, stat.st_mtime_ns, stat.st_size) for path, stat in files)


@lru_cache(maxsize=16)
def _from_files(name: str, folder: Path, stamps: tuple[_Stamp, ...]) -> Dataset:
    return _FROM_FILES[name](folder)


@lru_cache(maxsize=16)
def _from_hub(name: str, folder: Path | None) -> Dataset:
    if SPECS[name].family == "arc":
        return arc.load_hub(_folder(name, DataPlace(folder, True)), name=name)
    return _FROM_HUB[name]()


@lru_cache(maxsize=16)
def _read_table(content: str, name: str, path: Path, stamps: tuple[_Stamp, ...]) -> ByModel:
    return read_table(path, dataset(name).by_id)


assert set(SPECS) == {*_BUILT_IN, *_FROM_FILES}
assert set(_BUILT_IN) == set(BUILT_IN)

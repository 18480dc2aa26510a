"""Provenance: with which versions, on which device and by which arithmetic a result was made.

It is written beside each result and is no part of its identity: another version of a library should change nothing
beyond rounding. Where it may, results of one table that were made differently are told; see :func:`mixture`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from offdiag.durable import write_text
from offdiag.errors import some
from offdiag.identity import Json
from offdiag.strict_json import dumps, loads

NOTES = "noted.partial.json"  # what is known of how a result is made, until the result says it

# Whether results of other versions are taken as they are, or count as stale.
VersionPolicy: TypeAlias = Literal["accept", "stale"]
Record: TypeAlias = Mapping[str, Any]

LIBRARIES = ("torch", "transformers", "peft", "tokenizers")
# Facts that differ between models for good reasons, and between training and answering, so that only results of one
# model and one kind of step are compared.
_OF_A_MODEL = ("dtype", "attention", "inference_path", "chat_template")


class _Notes(NamedTuple):
    """What was noted of the step that runs, and the file in which that outlives a kill."""

    facts: dict[str, Json]
    file: Path | None


_NOTED: ContextVar[_Notes | None] = ContextVar("noted", default=None)


@contextmanager
def recording(file: Path | None = None) -> Iterator[dict[str, Json]]:
    """Collect what is noted while a step runs; the versions are known once it has run.

    What a killed run has noted in ``file`` counts, too: what is left to do may need no model.
    """
    notes = _Notes(_noted_before(file), file)
    token = _NOTED.set(notes)
    try:
        yield notes.facts
        notes.facts["versions"] = {**installed(with_libraries="model" in notes.facts)}
    finally:
        _NOTED.reset(token)


def _noted_before(file: Path | None) -> dict[str, Json]:
    try:
        found = {} if file is None else loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def note(**facts: Json) -> None:
    """Note facts of the step that runs, if one does: a later one of the same name stands for the earlier."""
    if (notes := _NOTED.get()) is not None and notes.facts | facts != notes.facts:
        notes.facts.update(facts)
        if notes.file is not None:
            write_text(notes.file, dumps(notes.facts))


@cache
def installed(*, with_libraries: bool = True) -> Mapping[str, str]:
    """Return the installed versions of offdiag and of what a model computes with; nothing is imported."""
    return {name: _version(name) for name in ("offdiag", *(LIBRARIES if with_libraries else ()))}


def other_versions(record: Record) -> dict[str, str]:
    """Return in which versions a result differs from what is installed, as ``old → new``; of an old one nothing."""
    made: Mapping[str, str] = record.get("versions", {})
    here = installed()
    return {name: f"{old} → {here[name]}" for name, old in made.items() if name in here and old != here[name]}


def mixture(cells: Sequence[Sequence[Record]], here: Mapping[str, str] | None = None) -> str | None:
    """Return in one line in what the cells of a table differ, and how many have each; None where in nothing.

    Args:
        cells: for each cell the records of the steps that led to it, each with the ``kind`` of its step. What a record
            does not say is unknown, and no difference.
        here: versions with which further cells would be made, if any would.
    """
    counts: dict[str, Counter[str]] = {}
    for records in cells:
        for name, value in dict.fromkeys(fact for record in records for fact in _facts(record)):
            counts.setdefault(name, Counter())[value] += 1
    for name, value in (here or {}).items():
        if name in counts:
            counts[name][value] += 0
    mixed = {name: found for name, found in sorted(counts.items()) if len(found) > 1}
    if not mixed:
        return None
    told = "; ".join(f"{name} {', '.join(map(_counted, sorted(found.items())))}" for name, found in mixed.items())
    return f"not all cells are made alike: {told}. They are accepted; --versions stale makes anew what is not of here."


def _counted(item: tuple[str, int]) -> str:
    value, n = item
    return f"{value} ({some(n, 'cell')})" if n else f"{value} (what is to be done)"


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    yield from record.get("versions", {}).items()
    for made in (record, *record.get("taken", ())):  # answers of earlier steps, see steps/earlier_answers.py
        if "device" in made:
            yield "device", str(made["device"])
    model = record.get("model")
    place = f"of {model} ({record['kind']})" if "kind" in record else f"of {model}"
    yield from ((f"{name} {place}", str(record[name])) for name in _OF_A_MODEL if name in record)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"

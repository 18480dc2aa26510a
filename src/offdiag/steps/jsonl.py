"""JSON lines that survive a killed process, and records that are made and kept in chunks.

A file that is still appended to has no manifest yet: there each line ends with a checksum of its own, so that one
whose content changed is told from one that was written. Lines of earlier versions have none and are taken as they are.
"""

import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from offdiag.errors import StoreError, not_allowed
from offdiag.lease import ensure_held
from offdiag.strict_json import dumps, loads

CHUNK = 64  # records between two writes
_CHECKSUM = re.compile(rb'(?:, )?"@crc32": "([0-9a-f]{8})"\}\n$')


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Read all records of a finished file.

    Raises:
        StoreError: the file is missing or a line is no JSON object; the message names the line and the remedy.
        UserError: this person may not read it.
    """
    return list(each_of_jsonl(path))


def each_of_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a finished file one after the other; the errors are those of :func:`read_jsonl`."""
    anew = "delete its folder and run again"
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise StoreError(f"cannot read {path} (it is no file): {anew}")
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                yield _record_of(line.removesuffix("\n"), f"{path}:{number}", anew)
    except PermissionError as error:
        raise not_allowed(error, path) from error
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path} ({error}): {anew}") from error


def _record_of(line: str, place: str, anew: str) -> dict[str, Any]:
    try:
        record = loads(line)
    except ValueError as error:
        raise StoreError(f"{place} is not JSON ({error}): {anew}") from error
    if not isinstance(record, dict):
        raise StoreError(f"{place} is no JSON object ({type(record).__name__}): {anew}")
    return record


def write_jsonl(path: Path, records: Iterable[Mapping[str, Any]], *, checked: bool = False) -> None:
    """Write all records under a temporary name and move the file into place; ``checked`` is to be appended to."""
    ensure_held(path)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.writelines((_checked if checked else _line)(record) for record in records)
    ensure_held(path)  # many records take their time
    os.replace(part, path)


def append_jsonl(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Append records with checksums and hand them to the operating system, so that they outlive a killed process."""
    ensure_held(path)
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(_checked(record) for record in records))


def recover_jsonl(path: Path, *, repair: bool = True) -> list[dict[str, Any]]:
    """Return the whole records of a file that is still appended to, up to the first that is torn or was changed.

    ``repair`` cuts off the rest on disk.
    """
    if not path.is_file():
        return []
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    records: list[dict[str, Any]] = []
    checked = False
    for line in whole.splitlines(keepends=True):
        found = _CHECKSUM.search(line)
        record = None if checked and found is None else _recovered(line, found)
        checked = found is not None  # after the first line that has a checksum all have one
        if not isinstance(record, dict):
            whole = whole[: sum(len(kept) for kept in whole.splitlines(keepends=True)[: len(records)])]
            break
        records.append(record)
    if repair and len(whole) < len(data):
        ensure_held(path)
        os.truncate(path, len(whole))
    return records


def in_chunks(
    partial: Path,
    n: int,
    make: Callable[[range], Iterable[Mapping[str, Any]]],
    on_progress: Callable[[int, int], None],
) -> list[Mapping[str, Any]]:
    """Return the records of ``n`` items; each chunk is appended to a file before the next one is made.

    Args:
        partial: the file. Whole chunks that a killed run left there are kept. The caller removes the file once the
            records are safe elsewhere.
        make: from a range of items to their records, one per item. on_progress: called with (done, total) items.
    """
    kept = recover_jsonl(partial)
    records: list[Mapping[str, Any]] = list(kept[: len(kept) // CHUNK * CHUNK])
    write_jsonl(partial, records, checked=True)
    for start in range(len(records), n, CHUNK):
        on_progress(start, n)
        new = list(make(range(start, min(start + CHUNK, n))))
        append_jsonl(partial, new)
        records += new
    return records


def _line(record: Mapping[str, Any]) -> str:
    # ASCII escapes keep line separators such as U+2028 in a completion from breaking a line in two
    return dumps(record, ensure_ascii=True) + "\n"


def _checked(record: Mapping[str, Any]) -> str:
    body = _line(record)[:-2]  # without the brace that closes it
    checksum = f'"@crc32": "{zlib.crc32(body.encode("ascii")):08x}"}}\n'
    return f"{body}, {checksum}" if record else body + checksum


def _recovered(line: bytes, found: re.Match[bytes] | None) -> Any:
    """Return the record of a line without the checksum found in it; None where it is torn or was changed."""
    if found is not None:
        body = line[: found.start()]
        if f"{zlib.crc32(body):08x}" != found[1].decode("ascii"):
            return None
        line = body + b"}"
    try:
        return loads(line)
    except ValueError:
        return None

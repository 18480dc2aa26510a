"""Records made and kept chunk by chunk, so that a killed step goes on where it was."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from offdiag.steps.jsonl import append_jsonl, recover_jsonl, write_jsonl

CHUNK = 64  # records between two writes


def in_chunks(
    partial: Path,
    n: int,
    make: Callable[[range], Iterable[Mapping[str, Any]]],
    on_progress: Callable[[int, int], None],
) -> list[Mapping[str, Any]]:
    """The records of ``n`` items; those of each chunk are appended to a file before the next ones are made.

    Args:
        partial: the file; what a killed try left there is kept, from the beginning to the last whole chunk. The caller
            removes it once the records are safe elsewhere.
        make: from a range of items to their records, one each. on_progress: is told how many of how many are done.
    """
    kept = recover_jsonl(partial)
    records: list[Mapping[str, Any]] = list(kept[: len(kept) // CHUNK * CHUNK])
    write_jsonl(partial, records)
    for start in range(len(records), n, CHUNK):
        on_progress(start, n)
        new = list(make(range(start, min(start + CHUNK, n))))
        append_jsonl(partial, new)
        records += new
    return records

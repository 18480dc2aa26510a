"""Plain tables of records: a row per answer, as CSV, TSV, JSON lines, Parquet or Arrow."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, get_args

from offdiag import strict_json
from offdiag.columns import (
    BASELINE,
    CLUSTER,
    COUNTS,
    FACTORS,
    FOLDER,
    LOSSES,
    MEASURES,
    OPTIONS,
    RECORD_CONFIDENCE,
    RECORD_ERROR,
    RECORD_LOSS,
    RECORDS,
    SANITY,
    SOME_FACTORS,
    STATE,
    TEXTS,
    names,
)
from offdiag.errors import UserError
from offdiag.files import LONGEST, Located, TextFile, json_lines, table_rows, text_lines
from offdiag.interop.foreign import ForeignRun, ResultFormat, worth
from offdiag.interop.packed import Packed
from offdiag.tasks.task import Status

VERDICTS = ("correct", "acc", "exact_match", "label", "score")
# Ours first, then what others call it.
_CALLED = {
    "arm": ("arm", "model"),
    "eval": ("eval", "task", "dataset"),
    "example": ("example", "id", "doc_id", "sample_id"),
    "correct": VERDICTS,
    "sample": ("sample", "epoch"),
    "problem": ("problem", "question", "input"),
    "prompt_text": ("prompt_text",),
    "completion": ("completion", "response", "output"),
    "target": ("target", "answer", "gold"),
    "parsed": ("parsed", "prediction", "given"),
}
_VERDICTS = {"true": 1, "false": 0, "": None}
_NUMBERS = {c.name for c in (*FACTORS, *SOME_FACTORS, *RECORDS, RECORD_ERROR) if c.kind in ("integer", "number")}
_NUMBERS |= {"sample", "epoch"}
_TRUTHS = {c.name for c in (*FACTORS, *SOME_FACTORS) if c.kind == "boolean"}
# What is found anew, or stands in fields of its own.
_MEASURED = {*names((*COUNTS, *MEASURES, *SANITY, *LOSSES, *RECORDS, *OPTIONS, *FACTORS)),
             *names((STATE, BASELINE, FOLDER, CLUSTER, RECORD_ERROR, RECORD_CONFIDENCE, RECORD_LOSS))}  # fmt: skip
_FACTORS = {*names((*FACTORS, *SOME_FACTORS))} - {"study", "scale"}
_OF_OUR_LINES = {"arm", "status", "style"}  # in which label is the verdict
STYLES = ("direct", "step-by-step")
_NEEDED = ("arm", "eval", "example", "correct")
AT_ONCE = 1000  # rows of a columnar file that are made objects at once


class RecordTable(ResultFormat):
    """A table with ``arm`` (or ``model``), ``eval`` (or ``task``), ``example`` (or ``id``) and ``correct``."""

    name: ClassVar[str] = "records"
    called: ClassVar[str] = (
        "a table of records (.csv, .tsv, .jsonl, .parquet, .arrow) with arm, eval, example and correct"
    )

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.suffix in (".csv", ".tsv", ".jsonl", ".parquet", ".arrow")

    @classmethod
    def read(cls, path: Path, metric: str) -> Iterator[ForeignRun]:
        """Yield a run for each arm, evaluation and whatever else tells cells apart."""
        rows = Packed(_rows(path))
        columns: dict[str, Any] = {}  # each with its first value that says something; lines need not have all
        for row in rows:
            if not isinstance(row.value, dict):
                shown = str(row.value)[:40]
                raise UserError(f"{row.where}: found {shown!r}, expected an object with {', '.join(_NEEDED)}")
            columns |= {str(n): v for n, v in row.value.items() if columns.get(str(n)) in (None, "")}
        called = _columns(columns, str(path), metric)
        for row in rows:
            if lacking := [called[name] for name in _NEEDED[:-1] if row.value.get(called[name]) in (None, "")]:
                raise UserError(f"{row.where}: {lacking[0]} is empty: every record has one")
        of_cell = _of_cell(rows, columns, called)
        cells: defaultdict[tuple[str, ...], Packed[Located]] = defaultdict(Packed)
        for row in rows:
            cells[_values(row, [called["arm"], called["eval"], *of_cell])].append(row)
        del rows
        for key in list(cells):
            yield _run(path, cells.pop(key), columns, called, of_cell)


def _values(row: Located, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(row.value.get(name)) for name in names)


def _of_cell(rows: Packed[Located], columns: Iterable[str], called: Mapping[str, str]) -> list[str]:
    """Return the columns that say what a cell is, as opposed to what a record is.

    One like ``eval_digits`` or ``train_loss`` does where all records of the cell share its value. Of the others, those
    of fewest values first, as many do as it takes that no answer comes twice in a cell.
    """
    free = [name for name in columns if name not in called.values()]
    known = [name for name in free if name in _FACTORS]
    apart = [called["arm"], called["eval"], *known]
    prefixed = [name for name in free if name not in known and name.startswith(("train_", "eval_", "proxy_"))]
    if not prefixed:
        return known
    values: dict[str, set[str]] = {name: set() for name in prefixed}
    first: dict[tuple[str, ...], tuple[str, ...]] = {}
    found = list(prefixed)
    for row in rows:
        own = _values(row, prefixed)
        shared = first.setdefault(_values(row, apart), own)
        for name, value, other in zip(prefixed, own, shared, strict=True):
            values[name].add(value)
            if value != other and name in found:
                found.remove(name)
    answers = [called["example"], *([called["sample"]] if "sample" in called else [])]
    for name in sorted((name for name in prefixed if name not in found), key=lambda name: len(values[name])):
        if len({_values(row, [*apart, *found, *answers]) for row in rows}) == len(rows):
            break
        found.append(name)
    return [name for name in columns if name in {*known, *found}]


def _rows(path: Path) -> Iterator[Located]:
    if path.suffix == ".jsonl":
        return json_lines(TextFile.at(path))
    if path.suffix in (".csv", ".tsv"):
        return table_rows(text_lines(TextFile.at(path), LONGEST), str(path))
    return _columnar(path)


def _columnar(path: Path) -> Iterator[Located]:
    try:
        import pyarrow as pa
    except ImportError:
        raise UserError(f"{path} is read by pyarrow: type: pip install 'offdiag[data]'") from None
    number = 0
    try:
        for batch in _batches(path):
            for start in range(0, len(batch), AT_ONCE):  # a batch may be the whole table
                for row in batch.slice(start, AT_ONCE).to_pylist():
                    yield Located(f"{path}, row {number + 1}", number, number + 1, row)
                    number += 1
    except (pa.ArrowException, OSError, ValueError, LookupError, OverflowError) as error:  # such as of a year 10000
        said = " ".join(str(error).split())[:120]
        raise UserError(f"{path} is no {path.suffix[1:]} file that can be read ({said}): make it anew") from None


def _batches(path: Path) -> Iterator[Any]:
    """Yield the record batches of a file; an Arrow file may be one of either kind, with its index or a stream."""
    import pyarrow as pa
    from pyarrow import ipc, parquet

    if path.suffix == ".parquet":
        with parquet.ParquetFile(str(path)) as table:
            yield from table.iter_batches(AT_ONCE)
        return
    with pa.memory_map(str(path)) as source:
        try:
            table = ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            yield from ipc.open_stream(source)
            return
        yield from (table.get_batch(i) for i in range(table.num_record_batches))


def _columns(columns: Mapping[str, Any], where: str, metric: str) -> dict[str, str]:
    """Return what the table calls each of our columns, for those that it has."""
    called = {ours: next((name for name in theirs if name in columns), "") for ours, theirs in _CALLED.items()}
    called |= {"correct": metric} if metric else {}
    if called["correct"] == "label" and not metric and not columns.keys() >= _OF_OUR_LINES:
        if "score" in columns:
            raise UserError(f"{where}: label and score could both be the verdict (label may be the right answer): say "
                            "which, with --metric NAME (in Python metric=NAME)")  # fmt: skip
        if guess := next((n for n in columns if n in _CALLED["parsed"] or n.startswith("pred")), None):
            raise UserError(f"{where}: label beside {guess} may be the right answer and no verdict: name the verdict "
                            "with --metric NAME (in Python metric=NAME), or add a column correct")  # fmt: skip
    if not called["prompt_text"] and columns.get("prompt") not in (None, "", *STYLES):  # the whole text, and no style
        called["prompt_text"] = "prompt"
    missing = [ours for ours in _NEEDED if called[ours] not in columns]
    if missing:
        also = " or ".join(_CALLED[missing[0]])
        raise UserError(
            f"{where}: no column {also}: a table of records has {', '.join(_NEEDED)}; this one has "
            f"{', '.join(columns)}"[:400]
        )
    return {ours: name for ours, name in called.items() if name in columns}


def _run(
    path: Path, rows: Packed[Located], columns: Iterable[str], called: Mapping[str, str], of_cell: Sequence[str]
) -> ForeignRun:
    first = rows.first.value
    every = {name: _plain(name, first.get(name)) for name in columns}
    arm, evaluation = str(first[called["arm"]]), str(first[called["eval"]])
    factors = {name: every[name] for name in of_cell if every[name] is not None}
    factors |= {"arm": arm, **({"prompt": every["style"]} if every.get("style") in STYLES else {})}
    others = [name for name in every if name not in {*_MEASURED, *called.values(), *of_cell, "style"}]
    texts = {name: factors.pop(name, None) for name in ("train", "answering", "model", "task", "method")}
    texts = {name: None if value is None else str(value) for name, value in texts.items()}
    k = factors.get("k")
    return ForeignRun(
        source=str(path),
        model=texts["model"] or arm,
        task=texts["task"] or evaluation,
        method=texts["method"] or (None if k is None else "in-context" if k else "zero-shot"),
        train=texts["train"],
        evaluation=evaluation,
        answering=texts["answering"],
        metric=called["correct"],
        factors=factors,
        records=Packed(_record(row, called, others) for row in rows),
        lacking=tuple(name for name in ("problem", *names(TEXTS), "target", "parsed") if name not in called),
    )


def _record(row: Located, called: Mapping[str, str], others: list[str]) -> dict[str, Any]:
    def text(name: str) -> str | None:
        found = row.value.get(called.get(name, ""))
        return None if found in (None, "") else str(found)

    def number(name: str) -> Any:
        found = _plain(name, row.value.get(name))
        return found if isinstance(found, int | float) else None

    value = _score(row.value.get(called["correct"]), row, called["correct"])
    score = _score(row.value.get("score"), row, "score") if value is None else value
    parsed, status = text("parsed"), text_of(row.value.get("status"))
    if status not in get_args(Status):
        status = "unparsed" if "parsed" in called and parsed is None and not score else "parsed"
    draw = number(called.get("sample", ""))
    return {
        "example": str(row.value[called["example"]]),
        **({"sample": draw} if isinstance(draw, int) else {}),
        "problem": text("problem") or "",
        "prompt": text("prompt_text"),
        "completion": text("completion"),
        "target": text("target") or "",
        "parsed": parsed,
        "status": status,
        "score": score,
        **({"binary": value is not None and score in (0, 1)} if called["correct"] == "correct" else {}),
        "flags": flags.split(",") if (flags := text_of(row.value.get("flags"))) else [],
        "n_tokens": number("n_tokens"),
        "finish": text_of(row.value.get("finish")),
        "error": number("error"),
        CLUSTER.name: None if (cluster := _plain(CLUSTER.name, row.value.get(CLUSTER.name))) is None else str(cluster),
        "more": {name: _plain(name, row.value.get(name)) for name in others},
    }


def text_of(value: object) -> str | None:
    """Return a field that is a text; None where it is none, or empty."""
    return value if isinstance(value, str) and value else None


def _score(value: object, row: Located, name: str) -> float | None:
    if isinstance(value, str):
        word = value.strip().lower()
        with suppress(ValueError):  # another text is refused
            value = _VERDICTS[word] if word in _VERDICTS else float(word)
    return worth(value, row.where, name)


def _plain(name: str, value: Any) -> Any:
    """Return a field of a table with the type that our column of this name has."""
    if value is None or value == "" or value != value:
        return None
    if not isinstance(value, str):
        return value if isinstance(value, bool | int | float) else strict_json.dumps(value, default=str)
    if name in _TRUTHS and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if name in _NUMBERS or name.startswith(("train_", "eval_")):
        with suppress(ValueError):  # an integer as it is: a float holds no more than 53 bits of it
            return int(value)
        with suppress(ValueError):
            number = float(value)
            return None if number != number else int(number) if number.is_integer() else number
    return value

"""Logs of Inspect (``.eval``), read as files of strangers, without Inspect; an epoch is one more answer to an item."""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from io import BytesIO
from math import isfinite
from pathlib import Path
from typing import Any, BinaryIO, ClassVar, get_args

from offdiag.columns import CELLS, CLUSTER, OPTIONS, RECORDS, SOME_FACTORS, TEXTS, names
from offdiag.errors import UserError
from offdiag.files import TextFile, json_value
from offdiag.interop.foreign import ForeignRun, ResultFormat, worth
from offdiag.interop.packed import Packed
from offdiag.tasks.task import Status

HEADER, SAMPLES, ZSTD, OURS = "header.json", "samples/", 93, "offdiag"
MOST_SAMPLES, MOST_BYTES, MOST_TOTAL = 1_000_000, 2**28, 2**33  # of a log, of one part of it, and of all, unpacked
WORDS = {"c": 1.0, "i": 0.0, "n": 0.0, "p": 0.5, "yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}
STOPS = {"stop": "stop", "length": "max_tokens"}  # ours, and Inspect's
GENERATION = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k", "sampling_seed": "seed",
              "system": "system_message"}  # fmt: skip
SHOTS = ("fewshot", "num_fewshot", "k")  # arguments of tasks
_KEPT = ("id", "epoch", "input", "choices", "target", "output", "scores", "metadata", "error")  # of a sample
_RESERVED = {*names((*CELLS, *SOME_FACTORS, *RECORDS, *TEXTS, *OPTIONS, CLUSTER)), "error", "confidence", "metadata"}


class InspectLog(ResultFormat):
    """A log of ``inspect eval``."""

    name: ClassVar[str] = "inspect"
    called: ClassVar[str] = ".eval logs of Inspect"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return path.suffix == ".eval"

    @classmethod
    def read(cls, path: Path, metric: str) -> Iterator[ForeignRun]:
        """Yield the one run of a log; ``metric`` is the name of a scorer."""
        header, samples = _unpacked(path)
        told = _mapping(header.get("eval"), f"{path}: {HEADER}: eval")
        scorer = metric or _scorer(samples, str(path))
        records = Packed(_record(sample, scorer, where) for where, sample in samples)
        absent = ("parsed", "n_tokens")
        planned, epochs = _planned(told)
        yield ForeignRun(
            source=str(path),
            records=records,
            stated=_accuracy(header, scorer),
            metric=scorer,
            lacking=tuple(name for name in absent if all(record[name] is None for record in records)),
            planned=planned,
            unfinished=_unfinished(str(path), header.get("status"), len(records), (planned or 0) * epochs),
            **_run(path, told),
        )


def _planned(told: Mapping[str, Any]) -> tuple[int | None, int]:
    """Return how many samples were to be asked, and how often each; a log has the ids of those within its limit."""
    parts = (told.get("dataset"), told.get("config"))
    dataset, config = (found if isinstance(found, Mapping) else {} for found in parts)
    ids = dataset.get("sample_ids")
    samples = len(ids) if isinstance(ids, list) and ids else _count(dataset.get("samples"))
    return samples, _count(config.get("epochs")) or 1


def _count(found: object) -> int | None:
    return found if type(found) is int and 0 < found <= MOST_SAMPLES else None


def _unfinished(where: str, status: object, read: int, planned: int) -> str:
    """Return a line about a log whose run did not end well, or that has more or fewer answers than were planned."""
    ended = status in ("success", None)
    if ended and planned in (0, read):
        return ""
    how = "" if ended else f"the run has the status {str(status)[:20]!r}; "
    return f"{where}: {how}{read} of {planned or 'an unknown number of'} planned answers are in the log."


def _scalars(found: object) -> dict[str, Any]:
    """Return the fields of an object that a table can hold."""
    fields = found if isinstance(found, Mapping) else {}
    return {str(name): value for name, value in fields.items() if isinstance(value, str | int | float)}


def _ours(metadata: object) -> Mapping[str, Any]:
    """Return what a log that we wrote says besides, of a run or of a sample; nothing of other logs."""
    found = metadata.get(OURS) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _run(path: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cell is: as our own log says, or by the task and its arguments."""
    task, model = str(told.get("task") or path.stem), str(told.get("model") or "unnamed")
    if ours := _scalars(_ours(told.get("metadata"))):
        named: dict[str, Any] = {name: str(ours.pop(name)) for name in ("train", "answering", "method") if name in ours}
        defaults = {"model": model, "task": task, "eval": task}
        texts = {name: str(ours.pop(name, default)) for name, default in defaults.items()}
        return {**named, "evaluation": texts.pop("eval"), **texts, "factors": ours}
    asked = _scalars(told.get("task_args"))
    k = next((asked[name] for name in SHOTS if isinstance(asked.get(name), int)), None)
    others = ",".join(f"{name}={value}" for name, value in asked.items() if name not in SHOTS)
    config = _scalars(told.get("model_generate_config"))
    drawn = {ours: config[theirs] for ours, theirs in GENERATION.items() if theirs in config}
    shown = {} if k is None else {"method": "in-context", "train": task} if k else {"method": "zero-shot"}
    return {"model": model, "task": task, "evaluation": f"{task},{others}" if others else task, **shown,
            "factors": {**({"k": k} if k else {}), **drawn}}  # fmt: skip


def _unpacked(path: Path) -> tuple[Mapping[str, Any], Packed[tuple[str, Mapping[str, Any]]]]:
    """Return the header and the samples of a log, each with its place; nothing is written anywhere.

    Raises:
        UserError: it is no such log, is damaged, or would unpack to more than is taken.
    """
    try:
        with path.open("rb") as raw, zipfile.ZipFile(raw) as archive:
            parts = {info.filename: info for info in archive.infolist()}
            named = [name for name in parts if name.startswith(SAMPLES) and name.endswith(".json")]
            if HEADER not in parts:
                raise UserError(f"{path} has no {HEADER}: it is no log of Inspect, or the run was not finished")
            total = sum(parts[name].file_size for name in (HEADER, *named))
            if total > MOST_TOTAL or len(named) > MOST_SAMPLES:
                raise UserError(f"{path} unpacks to {total:,} bytes in {len(named):,} samples, more than is taken")
            header = _part(archive, raw, parts[HEADER], path)
            samples = Packed[tuple[str, Mapping[str, Any]]]()
            for name in named:
                sample = _part(archive, raw, parts[name], path)
                samples.append((f"{path}: {name}", {kept: sample.get(kept) for kept in _KEPT}))
    except FileNotFoundError:
        raise UserError(f"no file {path}: give the path of a log") from None
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        struct.error,
        EOFError,
        ValueError,
        RuntimeError,
        OSError,
    ) as error:
        said = " ".join(str(error).split())[:100]
        raise UserError(f"{path} is no whole .eval log ({said}): copy it anew") from None
    if not samples:
        raise UserError(f"{path} has no samples: write the log with them (inspect eval without --no-log-samples)")
    return header, samples


def _part(archive: zipfile.ZipFile, raw: BinaryIO, info: zipfile.ZipInfo, path: Path) -> Mapping[str, Any]:
    """Return one part as an object; no more is unpacked than the archive says, and that is looked at before."""
    where = f"{path}: {info.filename}"
    if info.file_size > MOST_BYTES:
        raise UserError(f"{where} unpacks to {info.file_size:,} bytes, more than the {MOST_BYTES:,} that are taken")
    if info.compress_type == ZSTD:
        data = _zstd(raw, info, where)
    else:
        with archive.open(info) as stream:
            data = stream.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise UserError(f"{where} has {len(data):,} bytes, and the archive says {info.file_size:,}: copy it anew")
    text = TextFile(where, lambda: BytesIO(data)).read()
    return _mapping(json_value(text, where, undefined=True), where)


def _zstd(raw: BinaryIO, info: zipfile.ZipInfo, where: str) -> bytes:
    """Unpack a part by zstd, as newer versions of Inspect pack; the archive says how long it is."""
    try:
        import pyarrow as pa
    except ImportError:
        raise UserError(f"{where} is packed by zstd, which pyarrow reads: type: pip install 'offdiag[data]'") from None
    raw.seek(info.header_offset + 26)
    lengths = struct.unpack("<HH", raw.read(4))  # of the name and the extra field before the data
    raw.seek(info.header_offset + 30 + sum(lengths))
    try:
        found: bytes = pa.decompress(
            raw.read(info.compress_size), decompressed_size=info.file_size, codec="zstd", asbytes=True
        )
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{where} cannot be unpacked ({' '.join(str(error).split())[:80]}): copy it anew") from None
    if zlib.crc32(found) != info.CRC:
        raise UserError(f"{where} is not what was packed (its checksum is another): copy it anew")
    return found


def _mapping(found: object, where: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise UserError(f"{where}: found {str(found)[:40]!r}, expected an object of an Inspect log")
    return found


def _scores(sample: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    return _mapping(sample.get("scores") or {}, f"{where}: scores")


def _scorer(samples: Packed[tuple[str, Mapping[str, Any]]], where: str) -> str:
    """Return the first scorer whose verdicts are right or wrong, or else the first with any from 0 to 1."""
    values: dict[str, list[Any]] = {}
    for place, sample in samples:
        for name, score in _scores(sample, place).items():
            values.setdefault(name, []).append(_value(_mapping(score, f"{place}: {name}").get("value")))
    if not values:
        raise UserError(f"{where}: no sample has a score: score the log first (inspect score)")
    known = {name: [value for value in own if value is not None] for name, own in values.items()}
    for fits in (lambda value: value in (0, 1), lambda value: isinstance(value, float) and 0 <= value <= 1):
        for name, own in known.items():
            if own and all(map(fits, own)):
                return name
    shown = ", ".join(f"{name} {str(next(iter(own), None))[:20]!r}" for name, own in known.items())
    raise UserError(f"{where}: no scorer gives verdicts from 0 to 1: {shown}"[:400])


def _value(value: object) -> object:
    """Return the verdict of a scorer as a number, as Inspect itself understands it; others stay what they are."""
    if isinstance(value, str):
        word = value.strip().lower()
        try:
            return WORDS[word] if word in WORDS else float(word) if isfinite(float(word)) else value
        except ValueError:
            return value
    return float(value) if isinstance(value, bool | int | float) and abs(value) < 2**53 else value


def _record(sample: Mapping[str, Any], scorer: str, where: str) -> dict[str, Any]:
    score = _mapping(_scores(sample, where).get(scorer) or {}, f"{where}: {scorer}")
    value, answer, epoch = score.get("value"), score.get("answer"), sample.get("epoch")
    raw = sample.get("output")
    output = raw if isinstance(raw, Mapping) else {}
    listed, usage, target = output.get("choices"), output.get("usage"), sample.get("target")
    choice = listed[0] if isinstance(listed, list) and listed and isinstance(listed[0], Mapping) else {}
    read, tokens = (usage.get(f"{way}_tokens") if isinstance(usage, Mapping) else None for way in ("input", "output"))
    stop, own = choice.get("stop_reason"), _ours(sample.get("metadata"))
    ends = {theirs: ours for ours, theirs in STOPS.items()}
    return {
        "example": str(own.get("example", sample.get("id"))),
        "sample": epoch - 1 if isinstance(epoch, int) else 0,
        "problem": str(own.get("problem", _last(sample.get("input")))),
        "prompt": str(own.get("prompt", _text(sample.get("input")))),
        "completion": str(output.get("completion") or _text(choice.get("message"))),
        "target": " | ".join(map(str, target)) if isinstance(target, list) else str(target),
        "parsed": None if answer is None or value == "N" else str(answer),
        "score": None if sample.get("error") else worth(_value(value), where, scorer),
        "status": own["status"]
        if own.get("status") in get_args(Status)
        else ("unparsed" if value == "N" else "parsed"),
        "flags": str(own.get("flags") or "").split(",") if own.get("flags") else [],
        "n_prompt": read if isinstance(read, int) and read > 0 else None,
        "n_tokens": tokens if isinstance(tokens, int) else None,
        "finish": None if stop is None else ends.get(str(stop), str(stop)),
        "choices": _letters(sample.get("choices"), target),
        "more": _more(sample.get("metadata"), own),
        **_known(own),
    }


def _known(own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that a log of ours has and others have not, if they are what they should be."""
    numbers, texts = (int, float), (str,)
    found: dict[str, Any] = {"item": own["item"]} if "item" in own else {}
    for name, kinds in (("scores", numbers), ("choices", texts)):
        if isinstance(own.get(name), list) and all(isinstance(one, kinds) for one in own[name]):
            found[name] = own[name]
    found |= {"cluster": own["cluster"]} if isinstance(own.get("cluster"), str) else {}
    found |= {"binary": own["binary"]} if isinstance(own.get("binary"), bool) else {}
    return found | {name: own[name] for name, kinds in (("error", numbers), ("finish", texts))
                    if isinstance(own.get(name), kinds)}  # fmt: skip


def _more(metadata: object, own: Mapping[str, Any]) -> dict[str, Any]:
    """Return what else a sample says: what we wrote of it, or its metadata, beside names that are columns of ours."""
    if own:
        return _scalars(own.get("strata"))
    return {f"metadata_{n}" if n in _RESERVED else n: value for n, value in _scalars(metadata).items()}


def _letters(choices: object, target: object) -> list[str]:
    """Return the letters of the choices, if the right answer is one of them."""
    letters = [chr(ord("A") + i) for i in range(min(len(choices), 26))] if isinstance(choices, list) else []
    return letters if target in letters else []


def _text(found: object) -> str:
    """Return the text of a prompt: as it is, or of all messages."""
    if isinstance(found, list):
        return "\n\n".join(filter(None, map(_text, found)))
    if isinstance(found, Mapping):
        return _text(found.get("content", found.get("text", "")))
    return found if isinstance(found, str) else ""


def _last(found: object) -> str:
    return _text(found[-1]) if isinstance(found, list) and found else _text(found)


def _accuracy(header: Mapping[str, Any], scorer: str) -> float | None:
    """Return the accuracy (or mean) that the log states; None where it states none by this scorer."""
    results = header.get("results")
    scores = results.get("scores") if isinstance(results, Mapping) else None
    for score in scores if isinstance(scores, list) else []:
        if isinstance(score, Mapping) and score.get("name") == scorer and isinstance(score.get("metrics"), Mapping):
            metric = score["metrics"].get("accuracy") or score["metrics"].get("mean")
            value = metric.get("value") if isinstance(metric, Mapping) else None
            return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None
    return None

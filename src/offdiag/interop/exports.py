"""Results as files for others: logs that ``inspect view`` opens, Parquet and Arrow tables, lines for trainers."""

import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from offdiag import strict_json
from offdiag.analyses import Frames
from offdiag.columns import CLUSTER, TEXTS, names
from offdiag.conversation import turns_of
from offdiag.durable import beside, move
from offdiag.errors import UserError, some
from offdiag.exports import Exported, Finished, StudyExport, file_in
from offdiag.interop.inspect_logs import GENERATION, HEADER, OURS, SAMPLES, STOPS
from offdiag.interop.items import ItemVerdict
from offdiag.interop.record_table import VERDICTS
from offdiag.markup import visible
from offdiag.results import Results
from offdiag.tasks.task import UNRATED

if TYPE_CHECKING:
    import pandas as pd

SCORER = "grade"
Options: TypeAlias = Mapping[str, Sequence[str]]


class InspectLogs(StudyExport):
    """A log ``inspect/CELL.eval`` for each finished cell, with prompts, answers, verdicts and what the cell is."""

    tag: ClassVar[str] = "inspect"

    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        options = cast(Results, frames).read_options
        for row, records in _cells(frames):
            cell = str(row["cell"])
            if not records:
                yield Exported(None, f"{cell} is {row['state']}")
                continue
            path = file_in(folder / "inspect", f"{_file_name(cell)}.eval")
            yield _written(
                path, partial(_write_log, row=row, records=records, options=options(cell)), some(len(records), "sample")
            )


class ColumnTables(StudyExport):
    """``cells`` and ``records`` (with prompts and completions) as Parquet, or as Arrow files (Feather 2).

    Attributes:
        suffix: of the files, ``parquet`` or ``arrow``.
    """

    tag: ClassVar[str] = "parquet"
    suffix: ClassVar[str] = "parquet"

    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        for name, frame in (("cells", frames.cells), ("records", _with_texts(frames))):
            path = folder / f"{name}.{self.suffix}"
            yield _written(path, partial(self._write, frame), some(len(frame), "row"))

    def _write(self, frame: "pd.DataFrame", path: Path) -> None:
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise UserError(f"{path.name} is written by pyarrow: type: pip install 'offdiag[data]'") from None
        frame = frame.apply(_of_one_type)
        (frame.to_feather if self.suffix == "arrow" else frame.to_parquet)(path)


def _file_name(cell: str) -> str:
    """Return a name of a file for a cell; where it is not that of the cell, no other cell has it either."""
    name = re.sub("[^A-Za-z0-9.,=+-]", "_", cell)[:180].lstrip(".-")
    return name if name == cell else f"{name}-{sha256(cell.encode()).hexdigest()[:8]}"


def _of_one_type(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return a column as it is, or as texts where its values are of several types, which no such file can hold."""
    import pandas as pd
    import pyarrow as pa

    if column.dtype != object:
        return column
    try:
        pa.array(column, from_pandas=True)
    except (pa.ArrowException, UnicodeEncodeError):
        return column.map(
            lambda value: None if value is None or value is pd.NA or value != value else _whole(str(value))
        )
    return column


class ArrowTables(ColumnTables):
    """``cells.arrow`` and ``records.arrow``."""

    tag: ClassVar[str] = "arrow"
    suffix: ClassVar[str] = "arrow"


class TrainerLines(StudyExport):
    """``records.jsonl``: prompt, completion and whether it is right (``label``), as trainers take them.

    The fields are those that TRL calls *unpaired preference*.
    """

    tag: ClassVar[str] = "trainer"

    def write(self, frames: Frames, finished: Finished, folder: Path) -> Iterator[Exported]:
        lines = [line for row, records in _cells(frames) for record in records for line in _lines(row, record)]

        def write(part: Path) -> None:
            with part.open("w", encoding="utf-8") as out:
                out.writelines(strict_json.dumps(line) + "\n" for line in lines)

        yield _written(folder / "records.jsonl", write, some(len(lines), "line"))


def _lines(row: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a line for each judged answer to an item; ``label`` where it is right or wrong, else ``score``."""
    strata = {name: _scalar(value) for name, value in record["strata"].items()}
    told = {name: record.get(name) for name in ("example", "problem", "target", CLUSTER.name)}
    about = {name: _scalar(value) for name, value in _of_cell(row).items() if name != "prompt"}
    for i, answer in enumerate(draws_of(record)):
        if answer["status"] in UNRATED:
            continue
        verdict = {"score": answer["score"]} if answer["correct"] is None else {"label": bool(answer["correct"])}
        draw = {"sample": i} if "samples" in record else {}
        line = {"prompt": record.get("prompt"), "completion": answer.get("completion"), **verdict, **told,
                **{name: answer.get(name) for name in ("parsed", "status", "n_tokens", "finish")}, **draw,
                **about, "style": row["prompt"]}  # fmt: skip
        line |= {f"metadata_{name}" if name in {*line, *VERDICTS} else name: value for name, value in strata.items()}
        yield {name: value for name, value in line.items() if value is not None}


def draws_of(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the answers to an item with their verdicts: its samples, or itself."""
    found: Sequence[Mapping[str, Any]] = record.get("samples") or [record]
    return found


def _of_cell(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cell is, as opposed to what it measured."""
    from offdiag.reporting.cell_texts import MEASURED

    hidden = (*MEASURED, "study", "scale", "n_errors", "n_shortened")
    return {name: value for name, value in row.items() if value is not None and name not in hidden}


def _cells(frames: Frames) -> Iterator[tuple[Mapping[str, Any], list[dict[str, Any]]]]:
    """Yield each cell with its full records, and their clusters where examples share any; none of one not done."""
    read = cast(Results, frames).read_records
    clustered = CLUSTER.name in frames.held.columns
    plain = frames.cells.astype(object).where(frames.cells.notna(), None)
    for row in plain.to_dict(orient="records"):
        cell = str(row["cell"])
        records = read(cell) if row["state"] == "done" else []
        if records and clustered:
            held = frames.held.of([cell], ["example", CLUSTER.name])
            clusters = dict(zip(held["example"], held[CLUSTER.name], strict=True))
            records = [{**record, CLUSTER.name: clusters.get(record["example"])} for record in records]
        yield {str(k): v for k, v in row.items()}, records


def _with_texts(frames: Frames) -> "pd.DataFrame":
    """Return the records with their texts; half a character, which no table can hold, is named."""
    import pandas as pd

    texts = [{"cell": row["cell"], "example": r["example"], **{ours: _whole(r.get(theirs)) for ours, theirs in
              zip(names(TEXTS), ("prompt", "completion"), strict=True)}}
             for row, records in _cells(frames) for r in records]  # fmt: skip
    found = pd.DataFrame(texts, columns=["cell", "example", *names(TEXTS)]).convert_dtypes()
    return frames.records.merge(found, on=["cell", "example"], how="left", validate="one_to_one")


def _whole(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    return re.sub("[\ud800-\udfff]", lambda found: visible(found[0]), text)


def _written(path: Path, write: Callable[[Path], None], about: str) -> Exported:
    """Write a file in one move."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = beside(path)
    write(part)
    move(part, path)
    return Exported(path, about)


def _write_log(path: Path, row: Mapping[str, Any], records: Sequence[Mapping[str, Any]], options: Options) -> None:
    """Write a log of Inspect (version 2 of its format); each sampled answer to an item is an epoch."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    ids = [str(record["example"]) for record in records]
    if not all(re.fullmatch(r"[\w.,=+ -]{1,100}", one) for one in ids):
        ids = [str(i) for i in range(len(ids))]  # of all, so that no number is the id of another
    shown = [
        _sample(row, name, record, epoch, answer, options.get(str(record["example"]), ()))
        for name, record in zip(ids, records, strict=True)
        for epoch, answer in enumerate(draws_of(record), start=1)
    ]
    header = _header(row, records, shown, now)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "_journal/start.json", {name: header[name] for name in ("version", "eval", "plan")})
        for sample in shown:
            _put(archive, f"{SAMPLES}{sample['id']}_epoch_{sample['epoch']}.json", sample)
        kept = ("id", "epoch", "input", "choices", "target", "scores", "metadata")
        summaries = [{name: sample[name] for name in kept} | {"completed": True, "model_usage": {}} for sample in shown]
        _put(archive, "_journal/summaries/1.json", summaries)
        _put(archive, "summaries.json", summaries)
        _put(archive, HEADER, header)


def _put(archive: zipfile.ZipFile, name: str, value: object) -> None:
    archive.writestr(name, strict_json.dumps(value))


def _header(
    row: Mapping[str, Any], records: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]], now: str
) -> dict[str, Any]:
    told = {name: _scalar(value) for name, value in _of_cell(row).items()}
    code = sha256(str(row["cell"]).encode()).hexdigest()[:22]
    rated = [sample for sample in shown if sample["scores"]]
    ids = list(dict.fromkeys(sample["id"] for sample in shown))
    epochs = max(len(draws_of(record)) for record in records)
    scored = row["accuracy"] if row["n_correct"] is None else row["n_correct"] / row["n"] if row["n"] else None
    ends = {"ci_low": row.get("ci_low"), "ci_high": row.get("ci_high"), "of": row.get("metric") or "right or wrong"}
    metrics = {"accuracy": {"name": "accuracy", "value": scored, "params": {}, "metadata": ends}}
    config = {theirs: row[ours] for ours, theirs in GENERATION.items() if row.get(ours) is not None}
    about = {
        "eval_id": code, "run_id": code, "created": now, "task": str(row["cell"]), "task_id": code, "task_version": 0,
        "task_display_name": f"{row['eval']} asked of {row['arm']}", "task_attribs": {}, "task_args": {},
        "dataset": {"name": str(row["eval"]), "samples": len(ids), "sample_ids": ids, "shuffled": False},
        "model": str(row["model"]), "model_args": {}, "model_generate_config": config, "config": {"epochs": epochs},
        "packages": {"offdiag": version("offdiag")}, "metadata": {OURS: told},
    }  # fmt: skip
    score = {"name": SCORER, "scorer": SCORER, "params": {}, "metrics": {} if scored is None else metrics,
             "scored_samples": len(rated), "unscored_samples": len(shown) - len(rated)}  # fmt: skip
    results = {"total_samples": len(shown), "completed_samples": len(shown), "scores": [score]}
    plan = {"name": "plan", "steps": [], "config": config}
    stats = {"started_at": now, "completed_at": now, "model_usage": {}}
    return {"version": 2, "status": "success", "eval": about, "plan": plan, "results": results, "stats": stats}


def _sample(
    row: Mapping[str, Any],
    called: str,
    record: Mapping[str, Any],
    epoch: int,
    answer: Mapping[str, Any],
    choices: Sequence[str],
) -> dict[str, Any]:
    prompt, completion = str(record.get("prompt") or ""), str(answer.get("completion") or "")
    turns = [{"role": turn.role, "content": turn.text, "source": "input"} for turn in turns_of(prompt)]
    message = {"role": "assistant", "content": completion, "source": "generate"}
    stop = STOPS.get(str(answer.get("finish")), "stop")
    output: dict[str, Any] = {"model": str(row["model"]), "completion": completion,
                              "choices": [{"message": message, "stop_reason": stop}]}  # fmt: skip
    if isinstance(tokens := answer.get("n_tokens"), int):
        asked = record.get("n_prompt") or 0
        output["usage"] = {"input_tokens": asked, "output_tokens": tokens, "total_tokens": asked + tokens}
    value = ("C" if answer["correct"] else "I") if answer["correct"] is not None else answer["score"]
    score = {"value": value, "answer": answer["parsed"], "metadata": {}}
    name = str(record["example"])
    own = {name: answer.get(name) for name in ("status", "error", "finish")}
    own |= {"flags": ",".join(answer["flags"]), "example": name, "problem": record["problem"], "prompt": prompt,
            CLUSTER.name: record.get(CLUSTER.name),
            "strata": {n: _scalar(v) for n, v in record["strata"].items()}, "binary": answer["correct"] is not None,
            "choices": list(choices), "scores": record.get("scores"),
            "item": {n: record[n] for n in ItemVerdict.model_fields} if "samples" in record else None}  # fmt: skip
    return {
        "id": called, "epoch": epoch,
        "input": prompt if len(turns) < 2 else turns, "choices": list(choices) or None, "target": str(record["target"]),
        "messages": [*turns, message], "output": output,
        "scores": {} if answer["status"] in UNRATED else {SCORER: score}, "store": {}, "events": [],
        "model_usage": {}, "attachments": {},
        "metadata": {OURS: {name: value for name, value in own.items() if value is not None}},
    }  # fmt: skip


def _scalar(value: Any) -> Any:
    """Return a value as JSON has it."""
    if hasattr(value, "item"):
        value = value.item()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)

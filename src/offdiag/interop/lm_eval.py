"""Sample logs of lm-evaluation-harness (``--log_samples``), with what the results file beside them says of the run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from offdiag.errors import UserError
from offdiag.files import LONGEST, Located, TextFile, json_lines, json_value
from offdiag.interop.foreign import ForeignRun, ResultFormat, worth
from offdiag.interop.packed import Packed

_NAME = re.compile(r"samples_(?P<task>.+?)(?:_(?P<when>\d{4}-\d\d-\d\dT[\d.:-]+))?\.jsonl")
_NEEDED = ("doc_id", "target", "filtered_resps")
_QUESTIONS = ("question", "query", "problem", "q", "text")  # fields of documents, the likeliest first
_IDS = ("id", "idx", "index", "doc_id", "question_id", "qid")
_OWN = ("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics")


class HarnessSamples(ResultFormat):
    """``samples_TASK_WHEN.jsonl``; model, demonstrations and accuracy are in ``results_WHEN.json`` beside it."""

    name: ClassVar[str] = "lm-eval"
    called: ClassVar[str] = "samples_*.jsonl of lm-evaluation-harness"

    @classmethod
    def recognises(cls, path: Path) -> bool:
        return _NAME.fullmatch(path.name) is not None

    @classmethod
    def read(cls, path: Path, metric: str) -> Iterator[ForeignRun]:
        """Yield a run for each filter of the log."""
        named = _NAME.fullmatch(path.name)
        assert named is not None
        said = _results(path.parent, named["when"])
        by_filter: dict[str, Packed[Located]] = {}
        for row in json_lines(TextFile.at(path), undefined=True):
            if not isinstance(row.value, dict) or (missing := [name for name in _NEEDED if name not in row.value]):
                lacks = f"lacks {', '.join(missing)}" if isinstance(row.value, dict) else "is no object"
                raise UserError(f"{row.where} {lacks}: expected a sample of lm-evaluation-harness (--log_samples)")
            if not isinstance(row.value["filtered_resps"], list):
                raise UserError(f"{row.where}: filtered_resps is no list: expected a sample of lm-evaluation-harness")
            by_filter.setdefault(str(row.value.get("filter", "none")), Packed()).append(row)
        task = named["task"]
        k = _number(said.get("n-shot"), task)
        absent = ("n_tokens", "finish", *(() if said else ("model",)), *(("k",) if k is None else ()))
        for name, rows in by_filter.items():
            counted = _metric(rows, metric)
            stated = _mapping(_mapping(said.get("results")).get(task)).get(f"{counted},{name}")
            yield ForeignRun(
                source=str(path),
                model=str(said.get("model_name") or path.parent.name or "unnamed"),
                task=task,
                method=None if k is None else "in-context" if k else "zero-shot",
                train=task if k else None,
                evaluation=task if len(by_filter) == 1 else f"{task},filter={name}",
                answering="choice" if len(_likelihoods(rows.first.value)) > 1 else None,
                metric=counted,
                factors={**({"k": k} if k else {}), **_drawn(rows.first.value)},
                records=Packed(_record(row, counted) for row in rows),
                stated=stated if isinstance(stated, int | float) and 0 <= stated <= 1 else None,
                lacking=absent,
            )


def _results(folder: Path, when: str | None) -> Mapping[str, Any]:
    """Return the results file of the same run; nothing where there is none."""
    path = folder / f"results_{when}.json"
    if when is None or not path.is_file():
        return {}
    found = json_value(TextFile.at(path).read(LONGEST), str(path), undefined=True)
    if not isinstance(found, dict) or not isinstance(found.get("results"), dict):
        raise UserError(f"{path}: no results of lm-evaluation-harness: expected an object with results")
    return found


def _drawn(sample: Mapping[str, Any]) -> dict[str, Any]:
    """Return how answers were drawn, as far as the sample says; where it does not, nothing."""
    asked = [_mapping(one) for request in _requests(sample)[:1] for one in request]
    said = next((one for one in asked if one), {})
    if said.get("do_sample") is False:
        return {"temperature": 0.0}
    found = {name: said.get(name) for name in ("temperature", "top_p", "top_k")}
    return {name: value for name, value in found.items() if isinstance(value, int | float)}


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _number(table: object, task: str) -> int | None:
    found = _mapping(table).get(task)
    return found if isinstance(found, int) else None


def _metric(rows: Packed[Located], metric: str) -> str:
    """Return the verdict that counts: the one asked for, the first that is right or wrong, or the first from 0 to 1."""
    first = rows.first
    listed = first.value.get("metrics") or [name for name in first.value if name not in _OWN]
    every = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if metric in every:
        return metric
    numbers: dict[str, list[Any]] = {name: [] for name in every}
    for row in rows:
        for name, values in numbers.items():
            values.append(row.value.get(name))
    for fits in (lambda value: value in (0, 1), lambda value: 0 <= value <= 1):
        for name, values in numbers.items():
            if not metric and all(isinstance(value, bool | int | float) and fits(value) for value in values):
                return name
    told = f"no metric {metric!r}" if metric else "no metric is from 0 to 1 for each sample"
    raise UserError(f"{first.where}: {told}: it has {', '.join(every) or 'none'}"[:400])


def _record(row: Located, metric: str) -> dict[str, Any]:
    sample = row.value
    asked = [request for request in _requests(sample) if request]
    prompt = str(asked[0][0]) if asked else None
    likelihoods = _likelihoods(sample)
    choices = [str(request[1]).strip() for request in asked if len(request) > 1] if likelihoods else []
    if len(set(choices)) < len(choices):  # the choice stands within the prompts
        choices = [str(i) for i in range(len(choices))]
    found = sample["target"]
    target = str(found[0] if isinstance(found, list) and found else found).strip()
    if choices and target.isdecimal() and len(target) < 4 and int(target) < len(choices):
        target = choices[int(target)]
    score = worth(sample.get(metric), row.where, metric)
    flags: list[str] = []
    if likelihoods:
        answer = _chosen(sample, choices, likelihoods, metric)
        completion = answer
        if len(choices) > 1 and (answer is None or (score in (0, 1) and (answer == target) != bool(score))):
            answer, flags = None, ["choice-not-told"]
        status = "parsed"
    else:
        first = _first(sample["filtered_resps"])
        answer = None if str(first).strip() in ("", "[invalid]") else str(first).strip()
        completion = str(_first(sample.get("resps")))
        status = "parsed" if answer is not None or score else "unparsed"
    doc = _mapping(sample.get("doc"))
    texts = [doc.get(name) for name in _QUESTIONS]
    return {
        "example": str(sample["doc_id"]),
        "problem": next((text for text in texts if isinstance(text, str)), prompt or ""),
        "prompt": prompt,
        "completion": completion,
        "target": target,
        "parsed": answer,
        "score": score,
        "status": status,
        "flags": flags,
        "finish": "choice" if likelihoods else None,
        "choices": choices if len(choices) > 1 else [],
        "content": (str(sorted((name, str(value)) for name, value in doc.items() if name not in _IDS)),) if doc else (),
    }


def _chosen(sample: Mapping[str, Any], choices: Sequence[str], likelihoods: Sequence[float], metric: str) -> str | None:
    """Return the likeliest choice; of one alone, whether it would be written; None where that is not told."""
    if len(choices) != len(likelihoods):
        return None
    if len(choices) == 1:
        return choices[0] if str(sample["filtered_resps"][0][1]) == "True" else None
    sizes = [len(choice) or 1 if metric == "acc_norm" else 1 for choice in choices]
    worths = [value / size for value, size in zip(likelihoods, sizes, strict=True)]
    return choices[worths.index(max(worths))]


def _requests(sample: Mapping[str, Any]) -> list[list[Any]]:
    """Return the arguments of each request: lists, or objects ``arg_0, arg_1`` in newer logs."""
    found = sample.get("arguments")
    listed = list(found.values()) if isinstance(found, dict) else found if isinstance(found, list) else []
    return [list(one.values()) if isinstance(one, dict) else one for one in listed if isinstance(one, dict | list)]


def _likelihoods(sample: Mapping[str, Any]) -> list[float]:
    """Return the log-likelihood of each choice, which logs give as texts; nothing where the answer was written."""
    found = sample["filtered_resps"]
    pairs = found if isinstance(found, list) else []
    if not pairs or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        return []
    try:
        return [float(value) for value, _ in pairs]
    except (TypeError, ValueError):
        return []


def _first(found: object) -> object:
    while isinstance(found, list):
        found = found[0] if found else ""
    return found

"""Data sets of the study ``matrix``: which files belong together, and what is guessed of their answers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from offdiag.errors import UserError, complaints, did_you_mean
from offdiag.matrix.params import MatrixParams
from offdiag.tasks.extraction import canonical_number
from offdiag.tasks.files import FilesDomain
from offdiag.tasks.files.items import Items, items_of
from offdiag.tasks.files.parts import part_of
from offdiag.tasks.files.sources import RowSource
from offdiag.tasks.task import TASKS, get_task

MOST_LABELS = 20  # of a set of answers that is taken for labels; each of them has three rows or more on average
_MARGIN = 8  # tokens of a written answer beside those of the longest target


@dataclass(frozen=True)
class DataSet:
    """A domain, as far as it is taught and asked.

    Attributes:
        domain: the data. n_train, n_eval: rows to learn from, and to test on; 0 where it is not taught, or not asked.
        chosen: whether answers are the most likely choice. max_new_tokens: of a written answer.
        said: in words, what was guessed of columns and answers.
    """

    domain: FilesDomain
    n_train: int
    n_eval: int
    chosen: bool
    max_new_tokens: int
    said: tuple[str, ...]


def data_sets(p: MatrixParams) -> list[DataSet]:
    """Return the data sets that the parameters name, in their order.

    Raises:
        UserError: there is none to ask, a name comes twice, or data cannot be read.
    """
    if not (p.train or p.eval):
        raise UserError("no data: type offdiag matrix --train my_train.jsonl --eval my_test.jsonl")
    taught, asked = _named(p.train, "train"), _named(p.eval, "eval")
    without = tuple(taught.values()) if p.drop_overlap else ()
    found = []
    _check_files(p, taught, asked)
    for name in dict.fromkeys([*taught, *asked]):
        sources = {role: text for role, given in (("train", taught), ("eval", asked)) if (text := given.get(name))}
        found.append(_data_set(p, name, sources, () if name not in asked else without))
    return found


def _named(texts: Sequence[str], role: str) -> dict[str, str]:
    """Return sources by their names, those given before ``=`` or those of the files."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        named = bool(equals) and "/" not in name and ":" not in name and not RowSource.of(text).path.exists()
        source = rest if named else text
        task = source.partition(":")[0]
        if ":" in source and task in {*TASKS.names()} - {FilesDomain.task} and not RowSource.of(source).path.exists():
            raise UserError(
                f"--{role} {text}: domains of the task {task} are for a study file (offdiag new study NAME); "
                "expected a file here, or hub:ORG/NAME"
            )
        if not source.strip("| "):
            raise UserError(f"--{role} {text}: it names no file: expected a file, or NAME=FILE")
        name = name.strip() if named else FilesDomain(eval=source).label
        if name in found:
            raise UserError(f"--{role}: {found[name]} and {source} are both called {name}: name them, such as "
                            f"--{role} one={found[name]} other={source}")  # fmt: skip
        found[name] = source
    return found


def _called(source: str) -> set[str]:
    """Return the names by which an option means a file: as it was given, and without its folder."""
    return {source, *(Path(one.label).name for one in RowSource.of(source).each)}


def _check_files(p: MatrixParams, taught: Mapping[str, str], asked: Mapping[str, str]) -> None:
    """Check that columns of single files are of files that are there.

    Raises:
        UserError: there is no such file.
    """
    known = {*taught, *asked, *(name for source in (*taught.values(), *asked.values()) for name in _called(source))}
    for file, part, column in p.of_files:
        if file not in known:
            files = ", ".join(dict.fromkeys([*taught.values(), *asked.values()]))
            raise UserError(f"--{part} {file}={column}: no file is called {file}: {did_you_mean(file, known)}there are "
                            f"{files}")  # fmt: skip


def _data_set(p: MatrixParams, name: str, sources: dict[str, str], without: tuple[str, ...]) -> DataSet:
    task = get_task(FilesDomain.task)
    called = {name, *(one for text in sources.values() for one in _called(text))}
    own = {part: column for file, part, column in p.of_files if file in called}
    try:
        plain = FilesDomain.model_validate({"name": name, **sources, "without": without, **p.of_domains, **own})
    except ValidationError as error:
        raise UserError(complaints(error)) from None
    items = [items_of(source, role, plain.columns) for role, source in plain.sources.items()]
    answers, said = _answers(p, plain, items)
    if p.answering == "choice" and not (task.vets_choices(plain) or answers.get("labels")):
        raise UserError(f"--answering choice: {name} has no choices: give --labels auto, or --choices COLUMN")
    tested = "eval" in sources or not p.eval
    domain = plain.model_copy(update={**answers, **({} if tested else {"holdout": 0.0})})
    n_train = len(part_of(domain, "train")) if "train" in sources else 0
    n_eval = len(part_of(domain, "eval")) if tested else 0
    longest = max((len(target) for own in items for target in own.targets), default=0)
    return DataSet(
        domain=domain,
        n_train=min(n_train, p.n_train or n_train),
        n_eval=min(n_eval, p.n_eval or n_eval),
        chosen=p.answering == "choice" or (p.answering == "auto" and p.sampling is None and task.vets_choices(domain)
                                           and domain.grader in ("auto", "choice")),
        max_new_tokens=p.max_new_tokens or longest // 2 + _MARGIN,
        said=(*_columns_said(items), *said),
    )  # fmt: skip


def _answers(p: MatrixParams, domain: FilesDomain, items: Sequence[Items]) -> tuple[dict[str, object], list[str]]:
    """Return labels and grader where the parameters name none: what the targets look like, and that in words."""
    if p.labels or p.grader != "auto" or any(own.how.choices or own.how.chat for own in items):
        return {}, []
    targets = {target for own in items for target in own.targets}
    rows = sum(len(own) for own in items)
    if 2 <= len(targets) <= MOST_LABELS and rows >= 3 * len(targets):
        return {"labels": ("auto",)}, [f"{len(targets)} targets, so that they are labels and the likeliest is chosen"]
    if all(map(_is_number, targets)):
        return {"grader": "number"}, ["targets are numbers, so that the reply's number counts"]
    return {}, ["targets are texts, so that the reply must be the very text (exact)"]


def _is_number(text: str) -> bool:
    """Return whether a text is a number and nothing else, as opposed to one that has a number in it."""
    return canonical_number(text) is not None and not any(c.isalpha() for c in re.sub(r"(?<=\d)[eE][+-]?\d", "", text))


def _columns_said(items: Sequence[Items]) -> list[str]:
    guessed = dict.fromkeys(f"{part}={column}" for own in items for part, column in own.how.guessed.items())
    return [f"columns guessed: {', '.join(guessed)}"] if guessed else []

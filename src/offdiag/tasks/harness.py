"""Tasks of lm-evaluation-harness as domains (extra ``lm-eval``): documents, prompts, choices and graders by its API.

The split ``train`` has the documents that the task learns from: those of its training split, or with
``learn="few-shot"``, or where there is none, those that its few-shot examples come from. The split ``eval`` has those
that it is evaluated on, in its order. Prompts, choices and targets are what the harness makes of a document; a
description is a system turn. Answers by choice compare what the harness compares: ``acc`` is ``per="none"``,
``acc_norm`` is ``per="characters"``, ``acc_bytes`` is ``per="bytes"``, with or without the chat template
(``chat={"format": "completion"}``). Written answers are cut, filtered and graded by the harness.
"""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from glob import escape
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from socket import gaierror, getaddrinfo
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np

from offdiag.conversation import Spoken, written
from offdiag.errors import UserError, did_you_mean, some
from offdiag.identity import Json
from offdiag.places import at_home
from offdiag.seeds import stream
from offdiag.tasks.data import once
from offdiag.tasks.domain import Domain, Scalar
from offdiag.tasks.extraction import EXTRACTION_VERSION, Choices, choice_answer
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

_NAMED = re.compile(r"""^([ \t]*(?:- )?)["']?task["']?[ \t]*:[ \t]*["']?([^\s"'#]+)""", re.MULTILINE)
_GROUP = re.compile(r"^group[ \t]*:", re.MULTILINE)
_MEMBERS = re.compile(r"^task[ \t]*:[ \t]*\n((?:[ \t#-].*\n?|\n)*)", re.MULTILINE)
_MEMBER = re.compile(r"""^[ \t]*-[ \t]*(?:task[ \t]*:[ \t]*)?["']?([^\s"'#:]+)["']?[ \t]*(?:#.*)?$""", re.MULTILINE)
_ANSWERED = ("multiple_choice", "generate_until")


class HarnessDomain(Domain):
    """A task of the harness.

    Attributes:
        name: as ``lm_eval --tasks`` takes it, such as ``arc_easy``, or the path of a YAML file of one's own.
        learn: whether ``train`` is the training split, where there is one, or what few-shot examples come from.
        filter: the filter of the harness that written answers go through, such as ``strict-match``; by default the
            first one.
    """

    tag: ClassVar[str] = "lm_eval"
    task: ClassVar[str] = "lm_eval"
    bare: ClassVar[str] = "name"
    name: str
    learn: Literal["training", "few-shot"] = "training"
    filter: str = ""

    def canonical(self) -> dict[str, Json]:
        """Return nothing of the place of a file: steps hash the documents, prompts and graders that they use."""
        return {**super().canonical(), "name": self.label}

    @property
    def label(self) -> str:
        """The name, or that of the file without its folder."""
        return Path(self.name).stem if _is_file(self.name) else self.name

    def factors(self) -> dict[str, Scalar]:
        learn = {} if self.learn == "training" else {"learn": self.learn}
        return {"name": self.name, **learn, **({"filter": self.filter} if self.filter else {})}

    @property
    def short(self) -> str:
        return ".".join(filter(None, [self.label, "" if self.learn == "training" else self.learn, self.filter]))

    @property
    def seed_name(self) -> str:
        return self.label


@dataclass(frozen=True)
class _Documents:
    """What was read of a task: the harness's own object, and its documents by split."""

    task: Any
    by_split: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def chooses(self) -> bool:
        return bool(self.task.OUTPUT_TYPE == "multiple_choice")


class HarnessTask(Task[HarnessDomain]):
    """Tasks of lm-evaluation-harness, by name or by a YAML file."""

    name: ClassVar[str] = "lm_eval"
    domain_type: ClassVar[type[Domain]] = HarnessDomain
    extractor_version: ClassVar[int] = EXTRACTION_VERSION
    preamble: ClassVar[str] = ""
    separator: ClassVar[str] = "\n\n"
    response_prefix: ClassVar[str] = " "
    hashes_rows: ClassVar[bool] = True

    def domains(self) -> Sequence[HarnessDomain]:
        """Return none: the harness has thousands."""
        return ()

    def size(self, domain: HarnessDomain, split: str) -> int:
        self.check_split(split)
        return len(_read(domain).by_split[split])

    def examples(self, domain: HarnessDomain, split: str, n: int, seed: int) -> list[Example]:
        """Return the first ``n`` documents: those to evaluate in the harness's order, others in one of the seed."""
        self.check_available(domain, split, n)
        return [self._example(domain, split, i) for i in self._order(domain, split, seed)[:n]]

    def demonstrations(self, domain: HarnessDomain, query: Example, k: int, seed: int) -> list[Example]:
        order = self._order(domain, "train", seed, query.id)
        others = (self._example(domain, "train", i) for i in order)
        found = list(islice((e for e in others if e.problem != query.problem), k))
        if len(found) < k:
            raise UserError(f"{domain}: {some(k, 'demonstration')} asked for, but it has {len(found)}; ask for fewer")
        return found

    def prompt(self, domain: HarnessDomain, example: Example, style: PromptStyle) -> str:
        """Return the harness's prompt, whatever the style: it has one wording."""
        config = _read(domain).task.config
        described = str(config.description or "")
        return written([Spoken("system", described), Spoken("user", example.problem)]) if described else example.problem

    def response(self, domain: HarnessDomain, example: Example, *, rationale: bool) -> str:
        return example.target

    def reply_prefix(self, domain: HarnessDomain) -> str:
        """Return what the harness puts between a question and a choice; written answers begin on the spot."""
        read = _read(domain)
        delimiter = str(read.task.config.target_delimiter)
        return delimiter if read.chooses or not delimiter.strip(" ") else ""

    def grade(self, domain: HarnessDomain, example: Example, completion: str) -> Grade:
        """Grade a choice by its text or letter, and any other answer as the harness does, by its first metric."""
        read = _read(domain)
        if read.chooses:
            found = choice_answer(completion, Choices(example.choices))
            return _graded(found.answer, found.answer in self._right(read, example), found.flags)
        document = self._document(read, example)
        answer = _filtered(read.task, domain.filter, _cut(read.task, completion), document)
        metrics = read.task.process_results(document, [answer])
        first = next((float(value) for value in metrics.values() if isinstance(value, int | float | np.number)), 0.0)
        empty = not isinstance(answer, str) or answer.strip() in ("", "[invalid]")
        return _graded(None if empty else str(answer), first >= 1)

    def grader_identity(self, domain: HarnessDomain) -> Json:
        """Return metrics, filters and what ends an answer, as far as they are no code."""
        config = _read(domain).task.config
        named = [config.metric_list, config.filter_list, config.generation_kwargs]
        return [_plain(value) for value in named]

    def parse_problem(self, domain: HarnessDomain, problem: str) -> Example:
        for split in self.splits:
            for i in range(self.size(domain, split)):
                example = self._example(domain, split, i)
                if problem in (example.problem, example.id):
                    return example
        raise UserError(f"{domain} has no document that asks {problem[:60]!r}, or has this id: give a prompt or an id")

    def key(self, domain: HarnessDomain, example: Example) -> str:
        return "\0".join((example.problem, *example.choices))

    def _order(self, domain: HarnessDomain, split: str, seed: int, *purpose: str) -> list[int]:
        n = self.size(domain, split)
        if split != "train":
            return list(range(n))
        return [int(i) for i in stream(seed, self.name, domain.seed_name, split, *purpose).permutation(n)]

    def _document(self, read: _Documents, example: Example) -> Mapping[str, Any]:
        split, _, number = example.id.rpartition("-")
        return read.by_split[split][int(number)]

    def _example(self, domain: HarnessDomain, split: str, i: int) -> Example:
        read = _read(domain)
        document, task = read.by_split[split][i], read.task
        try:
            problem, target = task.doc_to_text(document), task.doc_to_target(document)
            choices = tuple(map(str, task.doc_to_choice(document))) if read.chooses else ()
        except Exception as error:
            raise UserError(
                f"{domain}: the task cannot word document {split}-{i} ({type(error).__name__}: {error}): mend the "
                "document, or the templates of the task"
            ) from error
        first = target[0] if isinstance(target, list) and target else target
        if choices:
            place = first if isinstance(first, int) else choices.index(first) if first in choices else -1
            if not 0 <= place < len(choices):
                raise UserError(f"{domain}: the target {target!r} of document {split}-{i} is none of {choices}")
            first = choices[place]
        return Example(id=f"{split}-{i}", problem=str(problem), target=str(first), choices=choices)

    def _right(self, read: _Documents, example: Example) -> tuple[str, ...]:
        """Return all choices that count as right; some documents have several."""
        target = read.task.doc_to_target(self._document(read, example))
        if not isinstance(target, list):
            return (example.target,)
        return tuple(example.choices[one] if isinstance(one, int) else str(one) for one in target)


def _graded(answer: str | None, right: bool, flags: tuple[str, ...] = ()) -> Grade:
    if answer is None:
        return Grade(parsed=None, status="unparsed", correct=False, flags=flags)
    return Grade(parsed=answer, status="parsed", correct=right, flags=flags)


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _read(domain: HarnessDomain) -> _Documents:
    """Return the task with its documents, read again when its file or a local file of its data has changed."""
    return once(lambda: _loaded(domain.name, domain.learn, _stamp(domain.name)), "lm_eval", domain.name, domain.learn)


def _stamp(name: str) -> tuple[float, ...]:
    """Return when the files of a task of one's own were changed: all that lie beside it."""
    if not _is_file(name):
        return ()
    if not at_home(name).is_file():
        raise UserError(f"lm_eval:{name}: no such file: give the path of a YAML file that is there")
    return tuple(path.stat().st_mtime for path in sorted(at_home(name).parent.iterdir()) if path.is_file())


@lru_cache(maxsize=16)
def _loaded(name: str, learn: str, stamp: tuple[float, ...]) -> _Documents:
    if find_spec("lm_eval") is None:
        raise UserError(f"lm_eval:{name} is a task of lm-evaluation-harness: type: pip install 'offdiag[lm-eval]'")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    task = _task(name)
    if task.OUTPUT_TYPE not in _ANSWERED or task.multiple_input or task.config.gen_prefix or task.config.doc_to_image:
        raise UserError(
            f"lm_eval:{name} ({task.OUTPUT_TYPE}) asks no question that is answered by a choice or in writing, or has "
            "choices before the question, a reply that is begun, or pictures: take another task"
        )
    own = task.training_docs() if learn == "training" and task.has_training_docs() else None
    learnt = own if own is not None else task.fewshot_docs()
    return _Documents(task, {"train": list(learnt or ()), "eval": list(task.eval_docs)})


def _task(name: str) -> Any:
    """Return the harness's object for a task.

    Raises:
        UserError: there is no such task, it is a group, or its data cannot be had.
    """
    path = at_home(name) if _is_file(name) else _own_file(name)
    if path is not None and _GROUP.search(text := path.read_text(encoding="utf-8", errors="replace")):
        listed = _MEMBERS.search(text)
        raise _is_group(name, _MEMBER.findall(listed[1]) if listed else ())

    import datasets
    from lm_eval.tasks import TaskManager  # which takes seconds

    datasets.disable_progress_bars()
    try:
        if path is None:
            manager, wanted = TaskManager(), name  # it reads all of its thousands of files: 20 s
        else:
            manager, wanted = TaskManager(include_defaults=False), str(path)
        with _offline_where_it_is_certain():
            found = manager.load([wanted])
    except Exception as error:  # (the harness and datasets raise anything)
        said = " ".join(str(error).split())[:200]
        raise UserError(
            f"lm_eval:{name}: its data cannot be read ({type(error).__name__}: {said}): look at its YAML, or run this "
            "once where the hub is reached"
        ) from error
    if found.get("groups") or len(found["tasks"]) != 1:
        raise _is_group(name, list(found["tasks"]))
    return next(iter(found["tasks"].values()))


@contextmanager
def _offline_where_it_is_certain() -> Iterator[None]:
    """Let the hub's client ask nothing where the hub's name has no address: it would ask again for half a minute.

    Behind a proxy names are looked up elsewhere, so nothing is certain.
    """
    from datasets import config
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE
    try:
        if not getproxies():
            getaddrinfo(urlsplit(constants.ENDPOINT).hostname, None)
    except gaierror:
        constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE = before


def _is_group(name: str, tasks: Sequence[str]) -> UserError:
    some = f", such as {', '.join(tasks[:3])}" if tasks else ""
    return UserError(f"lm_eval:{name} is a group: name one of its tasks{some}")


def _own_file(name: str) -> Path | None:
    """Return the harness's file of a task, None where the task lies in that of a group.

    Raises:
        UserError: the harness has no such task.
    """
    for path in sorted(_folder().glob(f"**/{escape(name)}.yaml")):  # some are called like the task of another folder
        if ("", name) in _names_in(path):
            return path
    files = _files_by_name()
    if name not in files:
        raise UserError(
            f"lm_eval:{name}: the harness has no task of that name (groups and tags are none); "
            f"{did_you_mean(name, files)}type: lm_eval ls subtasks"
        )
    return files[name]


def _folder() -> Path:
    spec = find_spec("lm_eval")
    return Path(str(spec.origin)).parent / "tasks" if spec is not None else Path()


@lru_cache(maxsize=1)
def _files_by_name() -> Mapping[str, Path | None]:
    """Return the files of all tasks by name, None for tasks that a group's file defines.

    Its files are searched and not parsed, which takes a second instead of the harness's 20.
    """
    found: dict[str, Path | None] = {}
    for path in sorted(_folder().glob("**/*.yaml")):
        for indent, name in _names_in(path):
            found[name] = found.get(name) or (None if indent else path)
    return found


def _names_in(path: Path) -> list[tuple[str, str]]:
    """Return the names of the tasks of a file, each with what stands before it: nothing, or that of a part."""
    return _NAMED.findall(path.read_text(encoding="utf-8", errors="replace"))


def _cut(task: Any, completion: str) -> str:
    """Return a completion up to the first text that ends an answer."""
    ends = (task.config.generation_kwargs or {}).get("until") or ()
    for end in [ends] if isinstance(ends, str) else ends:
        completion = completion.split(end)[0] if end else completion
    return completion


def _filtered(task: Any, name: str, answer: str, document: Mapping[str, Any]) -> object:
    """Return what a filter of the harness makes of an answer."""
    ensemble = next((one for one in task._filters if name in ("", one.name)), None)
    if ensemble is None:
        raise UserError(f"filter {name!r}: the task has {', '.join(one.name for one in task._filters)}")
    answers: Any = [[answer]]
    for make in ensemble.filters:
        answers = list(make().apply(answers, [document]))
    found = answers[0]
    return found[0] if isinstance(found, list) and found else found


def _plain(value: object) -> Json:
    """Return a setting of the harness as JSON; a function by its name."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
    return str(getattr(value, "__name__", type(value).__name__))

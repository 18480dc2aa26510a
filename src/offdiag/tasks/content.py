"""Identity of a task by content: its versions and, for a task of another's package or study file, its code.

An author who edits a prompt and forgets to raise a version would be shown old answers as new. So the identity of steps
holds a hash of the code that words and grades, and of what it gives (rows, prompts), beside the versions. The tasks of
offdiag itself are left to their versions, which a test watches.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

from offdiag.identity import Json
from offdiag.strict_json import dumps
from offdiag.tasks.code import Code, code_of, is_built_in
from offdiag.tasks.data import once
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, PromptStyle, Task, get_task
from offdiag.tasks.values import file_hash
from offdiag.tasks.well_formed import check_examples

Role: TypeAlias = Literal["prompt", "grader", "draws"]
MEMBERS: dict[Role, tuple[str, ...]] = {
    "prompt": ("prompt", "response", "preamble", "separator", "response_prefix"),
    "grader": ("grade",),
    "draws": ("examples", "demonstrations"),
}

ENDLESS = 1000  # rows that stand for a split that never runs out


def task_code(task: Task[Any], role: Role) -> Code:
    """Return the code of a task that words, grades, or draws."""
    own = type(task).chosen_reply is not Task.chosen_reply  # most tasks have none, and keep the identity that they had
    members = (*MEMBERS[role], "chosen_reply") if own and role == "prompt" else MEMBERS[role]
    return code_of(type(task), members, (task.domain_type,))


def own_code(cls: type, what: str, *members: str) -> dict[str, Json]:
    """Return what an identity says of the code of a class of a study file or another's package; nothing of ours.

    Args:
        cls: of a context, or of a step. what: the word for that. members: those that make the result.
    """
    if is_built_in(cls):
        return {}
    return {f"{what}_code": {str(getattr(cls, "tag", "") or cls.__name__): code_of(cls, members).hash}}


def rows_of(domain: Domain, split: str, n: int, seed: int) -> Sequence[Example]:
    """Return the examples; during one plan they are drawn and checked once.

    Raises:
        UserError: the split has fewer, or they are not well formed.
    """
    task = get_task(domain.task)

    def draw() -> Sequence[Example]:
        examples = task.examples(domain, split, n, seed)
        check_examples(domain, split, examples)
        return examples

    return once(draw, "rows", type(task), domain, split, n, seed)


def rows_hash(examples: Iterable[Example]) -> str:
    """Return a hash of all fields of the examples, in their order; most have one right answer and say no more of it."""
    return _hash(list(example.fields().values()) for example in examples)


def drawn_identity(domain: Domain, split: str, n: int, seed: int) -> dict[str, Json]:
    """Return what an identity says of examples: the version, and a hash of another's rows.

    Raises:
        UserError: as :func:`rows_of` does.
    """
    task = get_task(domain.task)
    version: dict[str, Json] = {"data_version": task.data_version, **task.redrawn(domain, split, seed)}
    if not hashes_rows(task):
        return version
    key = ("rows hash", type(task), domain, split, n, seed)
    return {**version, "rows": {task.name: once(lambda: rows_hash(rows_of(domain, split, n, seed)), *key)}}


def worded_identity(
    domain: Domain,
    examples: Callable[[], Iterable[Example]],
    style: PromptStyle | None = None,
    rationale: bool | None = None,
) -> dict[str, Json]:
    """Return what an identity says of a task's wording: the version, and another's code and what it renders.

    Args:
        examples: draws those that are worded. style: wording of the questions, None where none is asked. rationale:
            whether the replies that are taught give worked solutions; None where no reply is taught.
    """
    task = get_task(domain.task)
    version: dict[str, Json] = {"prompt_version": task.prompt_version}
    if not hashes_rows(task):
        return version

    def rendered() -> Iterable[object]:
        yield [task.preamble, task.separator, task.reply_prefix(domain)]
        for example in examples():
            yield None if style is None else task.prompt(domain, example, style)
            yield None if rationale is None else task.response(domain, example, rationale=rationale)

    return {**version, **_code("prompt_code", task, "prompt"), "rendered": {task.name: _hash(rendered())}}


def per_query_identity(domain: Domain, seed: int, style: PromptStyle, *, rationale: bool) -> dict[str, Json]:
    """Return what an identity says of demonstrations that are drawn for each query.

    Nobody knows which training rows they will be, so all of them count; of a split that never ends, the first 1000.
    """
    task = get_task(domain.task)
    if not hashes_rows(task):
        return {"data_version": task.data_version, "prompt_version": task.prompt_version}
    size = task.size(domain, "train")
    n = ENDLESS if size is None else size
    return {
        **drawn_identity(domain, "train", n, seed),
        **worded_identity(domain, lambda: rows_of(domain, "train", n, seed), style, rationale),
        **_code("draws_code", task, "draws"),
    }


def graded_identity(domain: Domain) -> dict[str, Json]:
    """Return what an identity says of a task's grader: the version, its settings, and a hash of another's code."""
    task = get_task(domain.task)
    version: dict[str, Json] = {"extractor_version": task.extractor_version}
    own = task.grader_identity(domain)
    grader: dict[str, Json] = {} if own is None else {"grader": own}
    return {**version, **grader, **_code("grader_code", task, "grader"), **_files_of_grader(task)}


def hashes_rows(task: Task[Any]) -> bool:
    """Return whether identities hold hashes of a task's examples and prompts; mostly of those of others."""
    return task.hashes_rows or not is_built_in(type(task))


def _code(name: str, task: Task[Any], role: Role) -> dict[str, Json]:
    """Return the hash of another's code, under its name in identities; nothing for a built-in task."""
    return {} if is_built_in(type(task)) else {name: {task.name: task_code(task, role).hash}}


def _files_of_grader(task: Task[Any]) -> dict[str, Json]:
    """Return a hash of the files that another's grader names; nothing where it names none."""
    files = () if is_built_in(type(task)) else task_code(task, "grader").data
    return {"grader_files": {task.name: _hash(map(file_hash, files))}} if files else {}


def _hash(rows: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(dumps(row, sort_keys=True, default=dict).encode("ascii"))
        digest.update(b"\n")
    return digest.hexdigest()

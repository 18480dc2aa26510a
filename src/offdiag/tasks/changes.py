"""Differences of two identities in words: which code, rows or prompts of a task changed."""

import re
from collections.abc import Iterable

from offdiag.errors import UserError
from offdiag.identity import Difference
from offdiag.tasks.content import Role, task_code
from offdiag.tasks.task import get_task

_OF_A_TASK = re.compile(
    r"(?:.*\.)?(prompt_code|grader_code|grader_files|draws_code|step_code|context_code|rendered|proxy_rendered|rows)"
    r"\.([^.\[]+)"
)
_HASH = re.compile(r'"[0-9a-f]{64}"')
_CODES = {"grader.code": "the grader's code"}
_CODE: dict[str, tuple[Role, str]] = {
    "prompt_code": ("prompt", "the prompt's code"),
    "grader_code": ("grader", "the grader's code"),
    "draws_code": ("draws", "the code that draws demonstrations"),
}


def in_words(differences: Iterable[Difference]) -> list[str]:
    """Return what changed, each thing once: ``the prompt's code changed: my_task.py``, or the field with both values.

    A step's identity holds those of all that it needs, so that one edit makes many fields differ.
    """
    found = list(differences)
    named = [match.groups() for one in found if (match := _OF_A_TASK.fullmatch(one.field)) is not None]
    return list(dict.fromkeys(text for one in found if (text := _said(one, named)) is not None))


def _said(difference: Difference, named: list[tuple[str, ...]]) -> str | None:
    match = _OF_A_TASK.fullmatch(difference.field)
    if match is None:
        return _plainly(difference)
    kind, task = match.groups()
    new = "became part of the identity" if difference.old == "—" else "changed"
    if kind in _CODE:
        role, what = _CODE[kind]
        return f"{what} {new}: {_files(task, role)}"
    if kind in ("step_code", "context_code"):
        return f"the code of {task} {new}"
    if kind == "grader_files":
        return f"a file beside the grader of {task} {new}: {_data(task)}"
    if kind == "rows":
        return f"the rows of {task} {new}"
    if ("prompt_code", task) in named or ("rows", task) in named:
        return None  # what is rendered follows from them
    return f"what {task} renders {new}, though its code did not: a file that it reads, perhaps"


def _plainly(difference: Difference) -> str:
    """Return the field with both values, of a hash its first digits, which nobody compares by eye."""
    if _HASH.fullmatch(difference.old) and _HASH.fullmatch(difference.new):
        return f"{_CODES.get(difference.field, difference.field)} changed"
    return _HASH.sub(lambda found: f"{found[0][1:9]}…", str(difference))


def _data(task: str) -> str:
    """Return the names of the files that the grader of a task names."""
    try:
        return ", ".join(path.name for path in task_code(get_task(task), "grader").data)
    except UserError:  # the task is gone
        return task


def _files(task: str, role: Role) -> str:
    """Return the files that the code of a task stands in."""
    try:
        files = task_code(get_task(task), role).files
    except UserError:  # the task is gone
        files = ()
    return ", ".join(files) or f"task {task}"

"""Tasks: families of examples with prompts and graders."""

from offdiag.tasks.describe import describe
from offdiag.tasks.domain import Domain, Scalar
from offdiag.tasks.files import write_files
from offdiag.tasks.overlap import check_disjoint
from offdiag.tasks.parsing import parse_domain
from offdiag.tasks.stream import Loss, Part, Stream
from offdiag.tasks.task import TASKS, Example, Grade, PromptStyle, Task, get_task, register, task_names

__all__ = [
    "TASKS",
    "Domain",
    "Example",
    "Grade",
    "Loss",
    "Part",
    "PromptStyle",
    "Scalar",
    "Stream",
    "Task",
    "check_disjoint",
    "describe",
    "get_task",
    "parse_domain",
    "register",
    "task_names",
    "write_files",
]

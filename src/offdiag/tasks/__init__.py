"""Tasks: families of examples with prompts and graders."""

from offdiag.tasks.describe import describe
from offdiag.tasks.overlap import check_disjoint
from offdiag.tasks.parsing import parse_domain
from offdiag.tasks.task import (
    Domain,
    Example,
    Grade,
    PromptStyle,
    Scalar,
    Task,
    get_task,
    register,
    task_names,
)

__all__ = [
    "Domain",
    "Example",
    "Grade",
    "PromptStyle",
    "Scalar",
    "Task",
    "check_disjoint",
    "describe",
    "get_task",
    "parse_domain",
    "register",
    "task_names",
]

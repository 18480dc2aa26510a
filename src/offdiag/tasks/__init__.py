"""Tasks: families of examples with prompts and graders."""

from offdiag.tasks.describe import describe
from offdiag.tasks.domain import Domain, Scalar
from offdiag.tasks.overlap import check_disjoint
from offdiag.tasks.parsing import NamedDomain, parse_domain
from offdiag.tasks.published_files import write_files
from offdiag.tasks.stream import Loss, Stream, StreamPart
from offdiag.tasks.task import TASKS, Example, Grade, PromptStyle, Task, get_task, register, task_names
from offdiag.tasks.well_formed import check_examples, graded

__all__ = [
    "TASKS",
    "Domain",
    "Example",
    "Grade",
    "Loss",
    "NamedDomain",
    "PromptStyle",
    "Scalar",
    "Stream",
    "StreamPart",
    "Task",
    "check_disjoint",
    "check_examples",
    "describe",
    "get_task",
    "graded",
    "parse_domain",
    "register",
    "task_names",
    "write_files",
]

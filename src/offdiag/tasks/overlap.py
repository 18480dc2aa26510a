"""Check that training and evaluation sets share no item."""

from collections.abc import Sequence
from typing import Any

from offdiag.errors import UserError
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, Task


def shared_keys(
    task: Task[Any], domain_a: Domain, examples_a: Sequence[Example], domain_b: Domain, examples_b: Sequence[Example]
) -> set[str]:
    """Return the keys of items that two sets share, up to the task's symmetries.

    Domains of two different tasks share nothing: their keys do not mean the same.
    """
    if domain_a.task != domain_b.task:
        return set()
    in_a = {task.key(domain_a, example) for example in examples_a}
    return in_a & {task.key(domain_b, example) for example in examples_b}


def check_disjoint(
    task: Task[Any], domain_a: Domain, examples_a: Sequence[Example], domain_b: Domain, examples_b: Sequence[Example]
) -> None:
    """Refuse two sets of examples, such as training and evaluation, that share an item.

    Raises:
        UserError: they share at least one, up to the task's symmetries; the message names the first by both ids.
    """
    shared = shared_keys(task, domain_a, examples_a, domain_b, examples_b)
    if not shared:
        return
    one = next(example for example in examples_a if task.key(domain_a, example) in shared)
    other = next(e for e in examples_b if task.key(domain_b, e) == task.key(domain_a, one))
    raise UserError(
        f"{task.name}: {one.id} ({one.problem}) of {domain_a} and {other.id} ({other.problem}) of {domain_b} are the "
        f"same item, and {len(shared)} such items are shared; train and evaluate on different splits"
    )

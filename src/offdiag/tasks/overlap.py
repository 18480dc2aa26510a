"""Check that training and evaluation sets share no item."""

from collections.abc import Sequence
from typing import Any

from offdiag.errors import UserError
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, Task

_SHOWN = 60  # characters of a problem


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
    task: Task[Any],
    domain_a: Domain,
    examples_a: Sequence[Example],
    domain_b: Domain,
    examples_b: Sequence[Example],
    splits: tuple[str, str] = ("train", "eval"),
) -> None:
    """Refuse two sets of examples, such as training and evaluation, that share an item.

    Args:
        task, domain_a, examples_a, domain_b, examples_b: the two sets. splits: of which they are, for the message.

    Raises:
        UserError: they share at least one, up to the task's symmetries; the message names the first by both ids.
    """
    shared = shared_keys(task, domain_a, examples_a, domain_b, examples_b)
    if not shared:
        return
    one = next(example for example in examples_a if task.key(domain_a, example) in shared)
    other = next(e for e in examples_b if task.key(domain_b, e) == task.key(domain_a, one))
    where = [f"{task.place(d, split, e)} ({e.problem[:_SHOWN]})" for d, split, e in
             zip((domain_a, domain_b), splits, (one, other), strict=True)]  # fmt: skip
    raise UserError(
        f"{task.name}: {where[0]} of {domain_a} and {where[1]} of {domain_b} are the same item, and {len(shared)} such "
        f"items of {len(examples_b)} are shared by what is learnt and what is asked; {task.overlap_advice}"
    )

"""``offdiag check``: check the tasks of a study file, or a domain of a task, against the contract."""

from typing import TYPE_CHECKING, Annotated

import typer

from offdiag.cli.options import Scale, Sets, StudyName, planned
from offdiag.cli.tables import say

if TYPE_CHECKING:
    from offdiag.planning import Plan
    from offdiag.tasks import Domain


MOST = 10_000  # examples of a split that are looked at: a task may have no end of them


def check(
    study: StudyName,
    scale: Scale = "quick",
    sets: Sets = None,
    n: Annotated[
        int, typer.Option("--n", min=1, max=MOST, metavar="N", help="Examples of each split to look at.")
    ] = 40,
) -> int:
    """Check the tasks of a study: ids, targets, prompts, grades.

    The command plans the study, loads no model and runs nothing. It exits with 1 if a promise is broken.
    """
    from offdiag.tasks import get_task
    from offdiag.tasks.contract import promises
    from offdiag.tasks.data import data_at, unchanging

    plan, broken = planned(study, scale, sets), 0
    with data_at(plan.data_dir), unchanging():
        for domain, splits in _domains(plan).items():
            say(f"{domain.task} {domain}")
            for promise in promises(get_task(domain.task), domain, splits, n):
                broken += bool(promise.broken)
                say(f"  {'BROKEN' if promise.broken else 'ok    '}  it {promise.says}",
                    *([f"          {promise.broken}"] if promise.broken else []))  # fmt: skip
    plan.check()
    say("", f"{broken} promises are broken." if broken else f"All is well. Next: offdiag plan {plan.command}")
    return 1 if broken else 0


def _domains(plan: "Plan") -> "dict[Domain, list[str]]":
    """Return the domains of a plan, each with the splits that it draws from."""
    from offdiag.steps import Examples

    found: dict[Domain, list[str]] = {}
    for step in plan.steps:
        if isinstance(step, Examples) and step.split not in (splits := found.setdefault(step.domain, [])):
            splits.append(step.split)
    return found

"""What a person should know of the data of a plan before it is run, in lines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offdiag.planning import Plan
    from offdiag.tasks import Domain

WARNING = "! "  # before what is a mistake more often than not


def remarks_by_domain(plan: "Plan") -> dict[str, list[str]]:
    """Return what the tasks say of each domain of a plan, and how long its longest texts are; mostly nothing."""
    from offdiag.cost.sizes import size_of
    from offdiag.steps import Examples
    from offdiag.tasks.data import data_at, unchanging

    models = dict.fromkeys(spec for step in plan.steps for spec in step.models())
    contexts = {spec.short_name: context for spec in models if (context := size_of(spec).context)}
    domains = dict.fromkeys(step.domain for step in plan.steps if isinstance(step, Examples))
    with data_at(plan.data_dir), unchanging():
        found = {str(domain): list(_remarks(domain, contexts)) for domain in domains}
    return {name: lines for name, lines in found.items() if lines}


def overlaps(plan: "Plan") -> list[str]:
    """Return a line on each pair of domains of which the first teaches what the second asks; mostly none."""
    from offdiag.tasks import get_task
    from offdiag.tasks.data import data_at, unchanging

    taught: dict[str, dict[Domain, None]] = {}
    asked: dict[str, dict[Domain, None]] = {}
    for step in plan.cells.values():
        one = step.answers.examples
        asked.setdefault(one.domain.task, {})[one.domain] = None
        for other in step.answers.taught():
            taught.setdefault(other.domain.task, {})[other.domain] = None
    with data_at(plan.data_dir), unchanging():
        return [
            line for name in asked for line in get_task(name).overlaps(tuple(taught.get(name, ())), tuple(asked[name]))
        ]


def warnings(plan: "Plan") -> list[str]:
    """Return what of all this is a mistake more often than not, for a run that begins."""
    said = [(name, line) for name, lines in remarks_by_domain(plan).items() for line in lines]
    return [*(f"{WARNING}{name}: {line.removeprefix(WARNING)}" for name, line in said if line.startswith(WARNING)),
            *overlaps(plan)]  # fmt: skip


def _remarks(domain: "Domain", contexts: Mapping[str, int]) -> Iterator[str]:
    from offdiag.cost.tokens import split
    from offdiag.tasks import get_task

    task: Any = get_task(domain.task)
    lines: Sequence[str] = task.remarks(domain)
    yield from lines
    if lines:
        most = max(len(split(text)) for text in task.longest(domain))
        for name, context in contexts.items():
            mark = WARNING if most > context else ""
            yield f"{mark}the longest row has about {most} tokens; {name} reads {context}"

"""What every task promises, checked on a few examples of a domain: ``offdiag check`` and our own tests ask it."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from offdiag.conversation import last_of
from offdiag.errors import OffdiagError
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, Task
from offdiag.tasks.well_formed import check_examples

SAMPLE = 40  # examples of each split that are looked at


class Promise(NamedTuple):
    """One promise of a task, and what breaks it; nothing if it holds."""

    says: str
    broken: str


def promises(task: Task[Any], domain: Domain, splits: Sequence[str] = (), n: int = SAMPLE) -> Iterator[Promise]:
    """Yield each promise of the contract with what breaks it in a domain.

    Args:
        task, domain: what is checked. splits: those that are used; all of the task where none is given.
        n: examples of each split that are looked at.
    """
    drawn: dict[str, list[Example]] = {}

    def draw() -> str:
        for split in splits or task.splits:
            size = task.size(domain, split)
            drawn[split] = task.examples(domain, split, n if size is None else min(n, size), 0)
        return "" if any(drawn.values()) else "it has no examples"

    def again() -> str:
        odd = [split for split, own in drawn.items() if task.examples(domain, split, len(own), 0) != own]
        shorter = [s for s, own in drawn.items() if task.examples(domain, s, len(own) // 2, 0) != own[: len(own) // 2]]
        if odd:
            return f"two requests for {odd[0]} under one seed give other examples"
        return f"a shorter request for {shorter[0]} does not begin the longer one" if shorter else ""

    def well_formed() -> str:
        for split, own in drawn.items():
            check_examples(domain, split, own)
        return ""

    checks: Sequence[tuple[str, Callable[[], str]]] = (
        ("draws examples of each split", draw),
        ("gives the same examples for the same request, and fewer as a beginning", again),
        ("gives every example an id of its own and texts", well_formed),
        ("words a prompt that does not give the answer away", lambda: _worded(task, domain, drawn)),
        ("finds its own answers right", lambda: _graded(task, domain, drawn)),
        ("finds no answer in an empty reply", lambda: _empty(task, domain, drawn)),
        ("shows demonstrations that are others than the question", lambda: _shown(task, domain, drawn)),
        ("reads a problem back", lambda: _read_back(task, domain, drawn)),
        ("asks nothing that it teaches", lambda: _apart(task, domain, drawn)),
    )
    for says, check in checks:
        yield Promise(says, _outcome(check))
        if not drawn:
            return


def _outcome(check: Callable[[], str]) -> str:
    try:
        return check()
    except OffdiagError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 (of a person's task, whatever it raises)
        from offdiag.python_files import culprit

        return culprit(error) or f"{type(error).__name__}: {error}"


def _all(drawn: dict[str, list[Example]]) -> Iterator[Example]:
    for own in drawn.values():
        yield from own


def _worded(task: Task[Any], domain: Domain, drawn: dict[str, list[Example]]) -> str:
    for example in _all(drawn):
        for style in ("direct", "step-by-step"):
            prompt = last_of(task.prompt(domain, example, style))
            if prompt != prompt.strip() or not prompt:
                return f"the prompt of {example.id} is empty, or has white space around it"
            if not example.choices and prompt.rstrip().endswith(task.response(domain, example, rationale=False)):
                return f"the prompt of {example.id} ends with its answer"
    return ""


def _graded(task: Task[Any], domain: Domain, drawn: dict[str, list[Example]]) -> str:
    for example in _all(drawn):
        for rationale in (False, True):
            reply = task.response(domain, example, rationale=rationale)
            grade = task.grade(domain, example, reply)
            if not grade.correct or grade.status != "parsed":
                return f"{example.id}: the reply {reply[:60]!r} is graded {grade.status}, correct={grade.correct}"
    return ""


def _empty(task: Task[Any], domain: Domain, drawn: dict[str, list[Example]]) -> str:
    for example in list(_all(drawn))[:1]:
        for reply in ("", "\n"):
            grade = task.grade(domain, example, reply)
            if grade.correct or grade.status != "unparsed":
                return f"{example.id}: the reply {reply!r} is graded {grade.status}, correct={grade.correct}"
    return ""


def _shown(task: Task[Any], domain: Domain, drawn: dict[str, list[Example]]) -> str:
    if not drawn.get("train"):
        return ""
    for query in next((own for split, own in drawn.items() if split != "train" and own), [])[:5]:
        k = min(4, len(drawn["train"]))
        shown = task.demonstrations(domain, query, k, 0)
        if len(shown) != k or shown != task.demonstrations(domain, query, k, 0):
            return f"{query.id}: it gives {len(shown)} demonstrations for {k}, or others when asked again"
        if task.key(domain, query) in {task.key(domain, example) for example in shown}:
            return f"{query.id} is among its own demonstrations"
    return ""


def _read_back(task: Task[Any], domain: Domain, drawn: dict[str, list[Example]]) -> str:
    for example in list(_all(drawn))[:10]:
        read = task.parse_problem(domain, example.problem)
        if (read.problem, read.target) != (example.problem, example.target):
            return (
                f"{example.id}: {example.problem[:60]!r} is read as {read.problem[:60]!r} with target {read.target!r}"
            )
    return ""


def _apart(task: Task[Any], domain: Domain, drawn: dict[str, list[Example]]) -> str:
    keys = {split: {task.key(domain, example) for example in own} for split, own in drawn.items()}
    for split, own in keys.items():
        if split != "train" and (shared := own & keys.get("train", set())):
            return (
                f"{len(shared)} of its examples are in split train and in split {split}, such as {min(shared)[:60]!r}"
            )
    return ""

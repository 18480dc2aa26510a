r"""Base of tasks whose answer is a number in a LaTeX box: base addition and counting."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from offdiag.errors import UserError
from offdiag.studies.base_addition.task.prompts import boxed
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, Grade, Task

BoxedDomain = TypeVar("BoxedDomain", bound=Domain)


class BoxedTask(Task[BoxedDomain]):
    """A task whose ideal reply ends in one boxed answer, with or without a rationale before it."""

    def response(self, domain: BoxedDomain, example: Example, *, rationale: bool) -> str:
        r"""Return the rationale, which ends in the box, or ``\boxed{target}`` alone."""
        return example.rationale if rationale and example.rationale is not None else boxed(example.target)

    def graded(self, example: Example, answer: str | None, flags: tuple[str, ...]) -> Grade:
        """Return the grade of an extracted answer: right if it equals the target, ``unparsed`` if it is None."""
        return Grade(
            parsed=answer,
            status="unparsed" if answer is None else "parsed",
            correct=answer == example.target,
            flags=flags,
        )

    def first_problems(self, domain: BoxedDomain, problems: Iterator[str], k: int, remedy: str = "") -> Sequence[str]:
        """Return the first ``k`` problems to demonstrate; ``remedy`` says what would give more of them.

        Raises:
            UserError: there are fewer than ``k``.
        """
        chosen = list(islice(problems, k))
        if len(chosen) < k:
            raise UserError(
                f"{self.name} {domain}: {k} demonstrations asked for, but it has {len(chosen)} problems beside the "
                f"evaluation set and the query; ask for k={len(chosen)} or fewer{remedy}"
            )
        return chosen

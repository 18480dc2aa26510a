r"""The texts of the task base addition: the question, and the worked solution column by column from the right.

The solution of 76+76 in base 8:

    First add the ones: in base-8, 6+6=14. The ones digit is 4. Carry 1 to the tens. Now add the tens: in base-8,
    7+7=16. With the carry, 16+1=17. The hundreds and tens digits are 17. All together: \boxed{174}.

The base of the tasks whose answer is a number in such a box, base addition and counting, is here, too.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import ClassVar, TypeVar

from offdiag.errors import UserError
from offdiag.studies.base_addition.task.numerals import add, alphabet
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Example, Grade, PromptStyle, Task

PROMPT_VERSION = 1
PLACES = ("ones", "tens", "hundreds", "thousands", "ten-thousands", "hundred-thousands", "millions")

_ENDINGS: dict[PromptStyle, str] = {
    "direct": "Finish with the result in a LaTeX box:",
    "step-by-step": "Work step by step, then finish with the result in a LaTeX box:",
}


def question(problem: str, base: int, style: PromptStyle) -> str:
    r"""Return the user's turn: role, base, its digits, the problem, the cue to reason, and the form of the answer.

    The cue is there step by step only. The elements and their order are those of Wu et al. (2024, arXiv 2307.02477);
    the words are our own.
    """
    return (
        f"You are a mathematician. All numbers here are in base-{base}, whose digits are "
        f'"{alphabet(base)}". What is {problem}? {_ENDINGS[style]} "\\boxed{{result}}".'
    )


def boxed(answer: str) -> str:
    r"""Return the answer as ``\boxed{answer}``."""
    return rf"\boxed{{{answer}}}"


def rationale(left: str, right: str, base: int) -> str:
    """Return the worked solution of ``left + right`` in one paragraph that ends in the boxed sum.

    Args:
        left: digits of the left operand, upper case.
        right: digits of the right operand, as many as the left one has, at most six.
        base: 2 to 36.
    """
    sentences: list[str] = []
    last, carry, answer = len(left) - 1, False, ""
    for place, (top, bottom) in enumerate(zip(reversed(left), reversed(right), strict=True)):
        total, steps = _column(top, bottom, carry, base)
        name = PLACES[place]
        sentences.append(f"{'Now' if place else 'First'} add the {name}: in base-{base}, {steps}.")
        carry = len(total) > 1
        if place == last:
            places = f"{PLACES[place + 1]} and {name} digits are" if carry else f"{name} digit is"
            sentences.append(f"The {places} {total}.")
            answer = total + answer
        else:
            sentences.append(f"The {name} digit is {total[-1]}.")
            sentences.append(f"Carry {'1' if carry else 'nothing'} to the {PLACES[place + 1]}.")
            answer = total[-1] + answer
    assert answer == add(left, right, base), (left, right, base, answer)
    return " ".join([*sentences, f"All together: {boxed(answer)}."])


def _column(top: str, bottom: str, carry: bool, base: int) -> tuple[str, str]:
    """Return the column's total with the carry it receives, and the equations that lead to it."""
    total = add(top, bottom, base)
    if not carry:
        return total, f"{top}+{bottom}={total}"
    # The carry is added last, since it can make the column carry: in base 9, 4+4=8 carries nothing, 8+1=10 does.
    raised = add(total, "1", base)
    return raised, f"{top}+{bottom}={total}. With the carry, {total}+1={raised}"


BoxedDomain = TypeVar("BoxedDomain", bound=Domain)


class BoxedTask(Task[BoxedDomain]):
    """A task whose ideal reply ends in one boxed answer, with or without a rationale before it."""

    response_prefix: ClassVar[str] = "\n"  # a worked solution begins on a line of its own

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

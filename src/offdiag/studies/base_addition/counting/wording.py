r"""The question as the user's turn, and its ideal reply.

A reply that counts, from 17 in base 8:

    Counting up in base-8: 14, 15, 16, 17. The next number is \boxed{20}.
"""

from offdiag.studies.base_addition.task.numerals import alphabet, from_base, to_base
from offdiag.studies.base_addition.task.rationale import boxed
from offdiag.tasks.task import PromptStyle

PROMPT_VERSION = 1
PRECEDING = 3

_ENDINGS: dict[PromptStyle, str] = {
    "direct": "Finish with the result in a LaTeX box:",
    "step-by-step": "Count up to it through a few of the numbers before it and complete the sequence, "
    "then finish with the result in a LaTeX box:",
}


def question(number: str, base: int, style: PromptStyle) -> str:
    r"""Role, base and its digits, the number, the cue to count (step by step only), and the form of the answer.

    The elements are those of Wu et al. (2024, arXiv 2307.02477) but for the box, which they do not ask for; the words
    are our own.
    """
    return (
        f"You are a mathematician. All numbers here are in base-{base}, whose digits are "
        f'"{alphabet(base)}". Which number comes right after {number}? {_ENDINGS[style]} "\\boxed{{result}}".'
    )


def counted(number: str, base: int) -> str:
    """The reply that counts up to ``number`` through at most three numbers before it, and boxes the next one."""
    value = from_base(number, base)
    sequence = ", ".join(to_base(i, base) for i in range(max(value - PRECEDING, 0), value + 1))
    return f"Counting up in base-{base}: {sequence}. The next number is {boxed(successor(number, base))}."


def successor(number: str, base: int) -> str:
    """The number that follows, in the same base.

    >>> successor("17", 8)
    '20'
    """
    return to_base(from_base(number, base) + 1, base)

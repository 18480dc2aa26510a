r"""The question as the user's turn, without examples."""

from offdiag.studies.base_addition.task.numerals import alphabet
from offdiag.tasks.task import PromptStyle

PROMPT_VERSION = 1

_ENDINGS: dict[PromptStyle, str] = {
    "direct": "Finish with the result in a LaTeX box:",
    "step-by-step": "Work step by step, then finish with the result in a LaTeX box:",
}


def question(problem: str, base: int, style: PromptStyle) -> str:
    r"""Role, base, its digits, the question, the cue to reason (step by step only) and the form of the answer.

    The elements and their order are those of Wu et al. (2024, arXiv 2307.02477); the words are our own.
    """
    return (
        f"You are a mathematician. All numbers here are in base-{base}, whose digits are "
        f'"{alphabet(base)}". What is {problem}? {_ENDINGS[style]} "\\boxed{{result}}".'
    )

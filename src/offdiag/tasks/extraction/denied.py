"""What a reply says is not its answer: "not C but D", "A is wrong", "A is close, but C"."""

import re

from offdiag.tasks.extraction.offered import Choices

# What stands behind a choice, and behind a number, that is no answer.
REJECTED = re.compile(
    r"\W{0,4}(?:(?:is|are|was|were|would be|can be|looks|seems)\s*(?:n't|not|never|clearly|"
    r"obviously|also)?\s*(?:wrong|incorrect|false|ruled out|eliminated|impossible|unlikely|not\b|n't)|isn't|"
    r"(?:wrong|incorrect|false|no|not)\b\W)",
    re.IGNORECASE,
)
REJECTED_NUMBER = re.compile(
    r"\W{0,4}(?:(?:is|was|are|would be|seems|looks)\b\s*(?:\w+ly\s+)?)(?:wrong|incorrect|false|"
    r"too (?:low|high|small|big|large|many|few)|"
    r"(?:not|n't)\s+(?:correct|right|the\s+(?:right |correct |final )?(?:answer|result)))\b",
    re.IGNORECASE,
)
CONTRAST = re.compile(r"\b(?:but|however|while|whereas|although|though|yet)\b", re.IGNORECASE)
_NOT = (
    r"(?:\bnot|n't|\bnever|\brather than|\binstead of|\bneither|\bnor|\bunlike|\brule[sd]? out|"
    r"\beliminat\w{1,4}|\bexclud\w{1,4}|\b(?:anything|everything|all|any|none|nothing) but|\bexcept(?: for)?|"
    r"\bother than|\bapart from)"
)


def without_denied(text: str, choices: Choices) -> str:
    """Return the text without the choices that it says are not the answer: "not C but D", "D (not C)"."""
    letter = r"[(\[]?[A-Z][)\]]?(?!\w)" if choices.letters else "(?!)"
    words = choices.pattern.pattern
    denied = re.compile(
        rf"{_NOT}\s+(?:the\s+|option\s+|choice\s+|answer\s+|letter\s+){{0,3}}(?:{letter}|"
        rf"(?i:{words}))[,;]?(?:\s*\bbut\b(?:\s+rather)?)?"
    )
    return denied.sub(" ", text).strip(" ,;(")

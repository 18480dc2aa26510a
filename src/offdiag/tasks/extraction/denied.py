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
    r"(?i:\bnot|n't|\bnever|\brather than|\binstead of|\bneither|\bnor|\bunlike|\brule[sd]? out|"
    r"\beliminat\w{1,4}|\bexclud\w{1,4}|\b(?:anything|everything|all|any|none|nothing) but|\bexcept(?: for)?|"
    r"\bother than|\bapart from)"
)


# A sentence that denies something and says no more: "It's not ", "The answer can't be ".
_SUBJECT = (
    r"(?:(?:no|well|so)\b[\s,]*)?(?:it|that|this|"
    r"(?:the\s+)?(?:right\s+|correct\s+|final\s+)?(?:answer|result|sum))"
)
_VERB = r"(?:'s|is|was|can|could|must|would|should|does|do)"
_ONLY_NOT = rf"(?i:(?:{_SUBJECT}\s*{_VERB}?\s*)?(?:not|n't|never)\s+(?:be\s+)?)"
_DENIAL_ENDS = r"(?:[.;!]+|\s+[-—]|,(?=\s*(?i:but|it|that|this|rather|instead)\b))\s*(?=\S)"


def without_denied(text: str, choices: Choices) -> str:
    """Return the text without the choices that it says are not the answer: "not C but D", "D (not C)"."""
    letter = r"[(\[]?[A-Z][)\]]?(?!\w)" if choices.letters else "(?!)"
    which = r"(?i:the\s+|option\s+|choice\s+|answer\s+|letter\s+){0,3}"
    one = rf"{which}(?:{letter}|(?i:{choices.pattern.pattern}))"
    several = rf"{one}(?:(?:\s*,\s*{one})*,?\s+(?i:or|nor)\s+{one})?"
    text = without_denials(text, several)
    denied = re.compile(rf"{_NOT}\s+{several}[,;]?(?:\s*\bbut\b(?:\s+rather)?)?")
    return denied.sub(" ", text).strip(" ,;(")


def without_denials(text: str, answer: str) -> str:
    """Return the text without sentences that deny an answer and say no more, where others follow: "It's not 41. …".

    Args:
        answer: pattern of what is denied.
    """
    denial = rf"[ \t]*{_ONLY_NOT}\W{{0,2}}{answer}\W{{0,2}}?{_DENIAL_ENDS}"
    return re.sub(rf"(?:^|(?<=[.;!,\n—-]))(?:{denial})+", " ", text)

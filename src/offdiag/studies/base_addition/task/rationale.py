r"""The worked solution: written addition, column by column from the right.

    76+76, base 8:   First add the ones: in base-8, 6+6=14. The ones digit is 4. Carry 1 to the tens.
                     Now add the tens: in base-8, 7+7=16. With the carry, 16+1=17. The hundreds and tens digits are 17.
                     All together: \boxed{174}.

Whether a column carries is decided after its own carry has been added: in base 9, 4+4=8 carries nothing, 8+1=10 does.
"""

from offdiag.studies.base_addition.task.numerals import add

PLACES = ("ones", "tens", "hundreds", "thousands", "ten-thousands", "hundred-thousands", "millions")


def boxed(answer: str) -> str:
    r"""The answer as ``\boxed{answer}``."""
    return rf"\boxed{{{answer}}}"


def rationale(left: str, right: str, base: int) -> str:
    """The solution of ``left + right`` in one paragraph that ends in the boxed sum.

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
    """The column's total with the carry it receives, and the equations that lead to it."""
    total = add(top, bottom, base)
    if not carry:
        return total, f"{top}+{bottom}={total}"
    raised = add(total, "1", base)
    return raised, f"{top}+{bottom}={total}. With the carry, {total}+1={raised}"

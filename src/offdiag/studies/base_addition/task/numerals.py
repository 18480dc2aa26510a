"""Numbers as strings of digits in bases 2 to 36: conversion, sums, carries."""

from offdiag.errors import UserError

SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MIN_BASE, MAX_BASE = 2, len(SYMBOLS)


def alphabet(base: int) -> str:
    """Return the digits of ``base`` in rising order, upper case.

    Raises:
        UserError: the base is outside 2..36.
    """
    if not MIN_BASE <= base <= MAX_BASE:
        raise UserError(f"base {base}: expected a whole number from {MIN_BASE} to {MAX_BASE}")
    return SYMBOLS[:base]


def to_base(value: int, base: int) -> str:
    """Return ``value`` (at least 0) written in ``base``, without leading zeros.

    >>> to_base(124, 8)
    '174'
    """
    digits = ""
    while value:
        value, digit = divmod(value, base)
        digits = SYMBOLS[digit] + digits
    return digits or "0"


def from_base(digits: str, base: int) -> int:
    """Return the value of a digit string, in either case.

    Raises:
        UserError: the text is empty or has a symbol that is no digit of the base.
    """
    known = alphabet(base)
    strange = [symbol for symbol in digits.upper() if symbol not in known]
    if strange or not digits:
        found = f"the symbol {strange[0]!r}" if strange else "nothing"
        raise UserError(f"number {digits!r}: found {found}, expected digits of base {base} ({known})")
    return int(digits, base)


def add(left: str, right: str, base: int) -> str:
    """Return the sum of two digit strings, as a digit string.

    >>> add("76", "76", 8)
    '174'
    """
    return to_base(from_base(left, base) + from_base(right, base), base)


def carries(left: str, right: str, base: int) -> tuple[bool, ...]:
    """Return whether each column carries into the next, from the ones on; both operands are equally long.

    A column that reaches the base only through the carry it receives counts too.

    >>> carries("448", "441", 9)
    (True, True, True)
    """
    carried: list[bool] = []
    for column in zip(reversed(left), reversed(right), strict=True):
        total = sum(from_base(digit, base) for digit in column) + (bool(carried) and carried[-1])
        carried.append(total >= base)
    return tuple(carried)

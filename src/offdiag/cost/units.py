"""Format large numbers: ``1.2 M``, ``3.4 PFLOP``, ``9.1 GiB``, ``2 h 5 min``; None is ``unknown``."""

UNKNOWN = "unknown"
_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z", "Y")
GIB, MIB = 2**30, 2**20


def count(number: float | None, unit: str = "") -> str:
    """Format a number with at most three digits before its decimal prefix.

    >>> count(1_234_567), count(950), count(None)
    ('1.2 M', '950', 'unknown')
    """
    if number is None:
        return UNKNOWN
    power = 0
    while abs(number) >= 999.5 and power < len(_PREFIXES) - 1:
        number, power = number / 1000, power + 1
    digits = f"{number:.1f}" if power and abs(number) < 99.95 else f"{number:.0f}"
    return f"{digits} {_PREFIXES[power]}{unit}".strip()


def flops(number: float | None) -> str:
    """Format floating-point operations.

    >>> flops(3.4e15)
    '3.4 PFLOP'
    """
    return count(number, "FLOP")


def memory_size(number: float | None) -> str:
    """Format bytes in units of 2^30, or of 2^20 if they are few.

    >>> memory_size(9.1 * 2**30), memory_size(3 * 2**20)
    ('9.1 GiB', '3.0 MiB')
    """
    if number is None:
        return UNKNOWN
    return f"{number / GIB:.1f} GiB" if number >= 0.095 * GIB else f"{number / MIB:.1f} MiB"


def duration(seconds: float | None) -> str:
    """Format seconds in the two largest units that they fill.

    >>> duration(7_500), duration(42)
    ('2 h 5 min', '42 s')
    """
    if seconds is None:
        return UNKNOWN
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"

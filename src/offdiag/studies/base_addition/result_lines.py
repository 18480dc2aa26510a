"""Result lines of the released code of Chang et al. (2025), which ``offdiag analyse`` reads."""

import re
from typing import ClassVar

from offdiag.analyses.reading import LineFormat


class BaseAdditionLines(LineFormat):
    """Lines ``{model} {base} {cot} {n_digits} {n_shots} {icl_cot}: {accuracy}``, with booleans True and False only.

    ``cot`` is whether the question asks for steps, ``icl_cot`` whether the demonstrations show them. Such as
    ``phi-4 8 True 2 16 True: 0.84``: phi-4 on two-digit sums in base 8, after 16 worked demonstrations.
    Other lines are refused with their number.
    """

    name: ClassVar[str] = "base-addition"
    # A model may have any name, blanks included, so it is what is left over before the five fields.
    pattern: ClassVar[re.Pattern[str]] = re.compile(
        r"(?P<model>.+) (?P<base>[0-9]+) (?P<cot>True|False) (?P<n_digits>[0-9]+) (?P<k>[0-9]+) "
        r"(?P<icl_cot>True|False): (?P<accuracy>\S+)"
    )
    expected: ClassVar[str] = "MODEL BASE True|False DIGITS SHOTS True|False: ACCURACY"
    series: ClassVar[tuple[str, ...]] = ("model", "base", "cot", "n_digits", "icl_cot")

    @classmethod
    def row(cls, match: re.Match[str]) -> dict[str, str | None]:
        """Return the columns of a line; zero-shot lines have no ``icl_cot``, since nothing was shown."""
        row: dict[str, str | None] = dict(match.groupdict())
        return {**row, "icl_cot": None} if int(match["k"]) == 0 else row

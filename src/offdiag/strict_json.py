"""JSON as the standard has it, which every file of the package is written and read as.

The standard knows no NaN and no infinity, and other readers refuse them. A number that is not finite is undefined here
(a ratio of nothing to nothing, the mean of no answers): it is written as ``null``, and read as None, also from files of
earlier versions that have ``NaN``.
"""

import json
import math
from collections.abc import Mapping
from typing import Any


def dumps(value: Any, **options: Any) -> str:
    """Return a value as JSON, with null for numbers that are not finite; ``options`` are those of ``json.dumps``.

    >>> dumps({"share": float("nan"), "n": 0})
    '{"share": null, "n": 0}'
    """
    try:
        return json.dumps(value, allow_nan=False, **options)
    except ValueError:  # looked for only where there is one, since most values have none
        return json.dumps(_defined(value), allow_nan=False, **options)


def loads(text: str | bytes) -> Any:
    """Return the value of a JSON text; ``NaN`` and ``Infinity``, which the standard does not know, become None.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return json.loads(text, parse_constant=lambda name: None)
    except RecursionError:
        raise ValueError("values are nested too deeply") from None


def _defined(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _defined(item) for name, item in value.items()}
    return [_defined(item) for item in value] if isinstance(value, list | tuple) else value

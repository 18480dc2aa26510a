"""Format numbers and untrusted text for the page and the tables."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from offdiag.identity import Json
from offdiag.markup import visible

MISSING = "–"
AS_THEY_ARE = frozenset({str, int, bool})  # types whose values are always known, and JSON by themselves


def shown(value: object) -> object:
    """Return what the template engine writes for a value: untrusted text made visible, markup as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def known(value: Any) -> bool:
    """Return whether a table's value is known: not None, NaN or NA. Lists count as known."""
    if type(value) in AS_THEY_ARE:  # most values of a page, and pandas takes ten times as long
        return True
    if type(value) is float:
        return not math.isnan(value)
    return not (pd.api.types.is_scalar(value) and pd.isna(value))


def percent(fraction: Any) -> str:
    """Format ``0.6123`` as ``61.2``; a missing number as a dash."""
    return f"{100 * float(fraction):.1f}" if known(fraction) else MISSING


def percents(low: Any, high: Any) -> str:
    """Format an interval of fractions in percent: ``54.3–67.7``."""
    return f"{percent(low)}–{percent(high)}" if known(low) and known(high) else MISSING


def points(fraction: Any) -> str:
    """Format a difference of fractions in percentage points with its sign: ``+12.0``, ``−3.1``."""
    return f"{100 * float(fraction):+.1f}".replace("-", "−") if known(fraction) else MISSING


def quantity(cells: pd.DataFrame) -> str:
    """Return what the numbers of a matrix are: ``Accuracy in %``, or the one metric of all of its cells."""
    metrics = cells["metric"].dropna().unique().tolist() if "metric" in cells else []
    if len(metrics) == 1 and cells["metric"].notna().all():
        return f"{metrics[0]} in %"
    return "Accuracy in % (the metric, where a column names one)" if metrics else "Accuracy in %"


def number(value: Any) -> str:
    """Format a table's value: whole numbers whole, others to four significant digits, missing as a dash."""
    if not known(value):
        return MISSING
    if isinstance(value, float | np.floating):
        return (f"{value:.0f}" if value.is_integer() else f"{value:.4g}").replace("-", "−")
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(value).replace("-", "−")
    if isinstance(value, list | tuple | set | np.ndarray):
        return ", ".join(str(item) for item in value) or MISSING
    return str(value)


def literal(value: Json) -> str:
    """Format a parameter as it is typed after ``--set name=``: strings bare, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

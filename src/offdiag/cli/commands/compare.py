"""``offdiag compare``: compare the numbers of a study with published ones."""

import math
from typing import TYPE_CHECKING, Any

from offdiag.cli.options import AsJson, ClusterBy, Intervals, Scale, Sets, StoreFolder, StudyName, planned
from offdiag.cli.tables import say, show_json, show_stacked

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["quantity", "of", "published of", "published", "measured of", "measured", "measured - published", "source"]
NARROW = ["quantity", "published", "measured", "measured - published", "of"]
FRACTIONS = ("accuracy", "difference", "plateau")
REMARKED = "†"  # behind a measured number whose interval holds more or less often than it says
NO_BOUND = (math.inf, -math.inf)  # JSON has no word for them
ORIGINS = {
    "original": "",
    "recomputed": " (recomputed)",
    "secondary": " (second hand)",
    "not found": ": not found in any source that could be reached",
}


def compare(
    study: StudyName,
    scale: Scale = "quick",
    sets: Sets = None,
    store: StoreFolder = None,
    cluster_by: ClusterBy = None,
    interval: Intervals = "score",
    as_json: AsJson = False,
) -> None:
    """Compare the numbers of a study with published ones."""
    from offdiag import api
    from offdiag.stats.replicated import intervals_by

    wanted = planned(study, scale, sets, cluster_by=cluster_by)
    with intervals_by(interval):
        frame = api.compare(wanted, store=api.open_store(store).root)
    _show(f"{wanted.study.title}\n{wanted.study.name} · {wanted.scale}", frame, as_json=as_json)
    if interval == "bayes" and not as_json:
        say("Intervals of measured accuracies are Bayesian (Beta posterior, Jeffreys' prior).")


def _show(title: str, frame: "pd.DataFrame", *, as_json: bool) -> None:
    """Print the frame of :func:`offdiag.compare`."""
    plain = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
    rows = [{str(name): value for name, value in row.items()} for row in plain]
    if as_json:
        show_json([{name: None if value in NO_BOUND else value for name, value in row.items()} for row in rows])
        return
    show_stacked(title, COLUMNS, [_worded(row) for row in rows], NARROW, _heading)
    known = [row for row in rows if row["published"] is not None]
    both = [row for row in known if row["measured"] is not None]
    say(
        "",
        f"{len(known)} published numbers, {len(both)} of them measured here; "
        f"{len(rows) - len(known)} that no reachable source gives.",
        "A difference is that of model, wording and method at once, as far as they differ.",
        *(f"{REMARKED} {remark}." for remark in dict.fromkeys(row["measured_remark"] for row in rows) if remark),
    )


def _heading(row: dict[str, str]) -> str:
    """Return the heading of a row: the models that are compared, and the source."""
    return f"{row['published of']} beside {row['measured of'] or 'nothing'} | {row['source']}"


def _worded(row: dict[str, Any]) -> list[str]:
    percent = row["quantity"] in FRACTIONS
    measured = _number(row, "measured", percent=percent) + (f" {REMARKED}" if row["measured_remark"] else "")
    called = f" ({row['called']})" if row["called"] else ""
    return [
        f"{row['quantity']}{called}", row["of"].replace("eval_", ""),
        row["published_model"], _number(row, "published", percent=percent), row["measured_model"],
        row["measured_state"] if row["measured"] is None else measured,
        _number(row, "difference", percent=percent, sign="+"),
        f"{row['source']}{ORIGINS[row['provenance']]}" + (f"; {row['note']}" if row["note"] else ""),
    ]  # fmt: skip


def _number(row: dict[str, Any], name: str, *, percent: bool, sign: str = "") -> str:
    """Return a number as text: ``64.8 % [58.7, 70.5] n=250``, ``1.83 [1.71, 1.95]``, or nothing."""
    value, low, high = row[name], row[f"{name}_low"], row[f"{name}_high"]
    if value is None:
        return ""
    unit = " points" if percent and sign else " %" if percent else ""
    scale, digits = (100, ".1f") if percent else (1, ".3g")
    text = f"{scale * value:{sign}{digits}}{unit}"
    if low is not None:
        text += f" [{_end(scale * low, digits)}, {_end(scale * high, digits)}]"
    n = row.get(f"{name}_n")
    return text if n is None else f"{text} n={n}"


def _end(value: float, digits: str) -> str:
    return format(value, digits) if math.isfinite(value) else "∞"

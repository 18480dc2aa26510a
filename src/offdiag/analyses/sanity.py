"""What an accuracy is worth: chance, the rate of the commonest right answer, and whether all answers are the same."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from offdiag.analyses.frames import Frames, Records, noted

if TYPE_CHECKING:
    import pandas as pd

COLLAPSED, LEAST = 0.95, 5  # share of the answers that are the same, and how many answers it takes to say so
NONE = "none"
Options = Mapping[str, Sequence[str]]


def sanity(records: Sequence[Mapping[str, Any]], options: Options, *, guessed: bool = True) -> dict[str, Any]:
    """Return chance, majority rate and the share of the commonest answer of one cell's records.

    Args:
        records: with ``example``, ``target`` and ``parsed``. options: the possible answers by example, where there are
            any. Those that differ from example to example are compared by their place ("always C").
        guessed: whether one guess is right or wrong, so that guessing has a rate.

    Returns:
        ``chance``: the mean of 1 / options, None without options; ``majority_rate``: the accuracy of whoever always
        gives the commonest right answer; ``top_answer`` and ``top_rate``: the commonest answer given, and the share of
        examples that got it; ``one_answer``: whether it is at least 95 % of at least five answers, and more often given
        than it can be right.
    """
    n = len(records)
    lettered = differ(options)
    named = [options_of(record, options, lettered) for record in records]
    right, given = Counter(pair[0] for pair in named), Counter(pair[1] for pair in named if pair[1] is not None)
    sizes = [len(options.get(record["example"], ())) for record in records]
    majority = max(right.values(), default=0)
    top, count = given.most_common(1)[0] if given else (None, 0)
    one = given.total() >= LEAST and count >= COLLAPSED * given.total() and majority < count
    return {
        "chance": sum(1 / size for size in sizes) / n if n and all(sizes) and guessed else None,
        "majority_rate": majority / n if n and guessed else None,
        "top_answer": top,
        "top_rate": count / n if n else None,
        "one_answer": one if n else None,
    }


def differ(options: Options) -> bool:
    """Return whether the options of some example are others than those of another, whatever their order."""
    every = (sorted(own) for own in options.values())
    first = next(every, None)
    return any(own != first for own in every)


def options_of(record: Mapping[str, Any], options: Options, lettered: bool) -> tuple[str, str | None]:
    """Return the right answer and the given one: as they are, or by letter (``lettered``) where the options differ."""
    own = options.get(record["example"], ())
    target, parsed = record["target"], record["parsed"]
    if not own or not lettered:
        return target, parsed
    letters = {option: chr(ord("A") + place) for place, option in enumerate(own)}
    return letters.get(target, target), None if parsed is None else letters.get(parsed, parsed)


def confusion(records: Records) -> "pd.DataFrame":
    """Return how often each possible answer was given where each was right: a row per cell and right answer.

    Args:
        records: of all cells; an empty frame is returned unless they have ``right_option`` and ``given_option``.

    Returns:
        ``cell``, ``right answer``, one column per answer given, ``none`` (unparsed) and ``n``.
    """
    import pandas as pd

    if "right_option" not in records.columns:
        return pd.DataFrame()
    parts = (part[part["right_option"].notna()] for part in records.parts(("cell", "right_option", "given_option")))
    tables = [
        pd.crosstab([p["cell"], p["right_option"]], p["given_option"].astype("string").fillna(NONE))
        for p in parts
        if len(p)
    ]
    counts = pd.concat(tables).fillna(0).astype(int).sort_index() if tables else pd.DataFrame(index=[[], []])
    answers = sorted(name for name in counts.columns if name != NONE)
    counts = counts.reindex(columns=[*answers, NONE], fill_value=0)
    counts["n"] = counts.sum(axis=1)
    counts.columns.name = None
    return counts.rename_axis(index=["cell", "right answer"]).reset_index()


def confusion_or_note(frames: Frames) -> "pd.DataFrame":
    """Return the table of confusions, or a ``note`` that says why there is none."""
    found = confusion(frames.held)
    if len(found):
        return found
    metrics = frames.cells["metric"].dropna().unique() if "metric" in frames.cells else ()
    graded = f" (graded by {', '.join(map(str, metrics))})" if len(metrics) else ""
    counts = "it counts possible answers, and no done cell has any: give the data set choices or labels"
    return noted(f"empty: {frames.lacks or counts + graded}")

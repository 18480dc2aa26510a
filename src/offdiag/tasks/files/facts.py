"""What a person should know of a data set before it is used: balance, copies, overlap, and targets without a chance."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from offdiag.errors import UserError
from offdiag.tasks.files.alike import grouped
from offdiag.tasks.files.domain import FilesDomain
from offdiag.tasks.files.graders import Grader, Own
from offdiag.tasks.files.parts import SplitPart, overlap, part_of
from offdiag.tasks.files.scored_graders import ByJudge

_MOST_LABELS = 8  # that are told one by one
_TRIED = 20  # rows on which a person's own grader is tried


def remarks(domain: FilesDomain) -> Iterator[str]:
    """Yield in words what stands out in the rows of a domain, its splits one after the other.

    Raises:
        UserError: its data cannot be read.
    """
    for split, part in parts_of(domain).items():
        done = "taught" if split == "train" else "asked"
        yield f"rows that can be {done}: {len(part)}; {_balance(part)}"
        if (skipped := part.items.skipped) and split == next(iter(parts_of(domain))):
            yield f"! {skipped} rows without a target are left out"
        if part.dropped:
            yield f"{part.dropped} rows are left out, since others ask the same and are taught"
        if part.items.rationales and (bare := sum(part.items.rationales[place] is None for place in part.places)):
            yield f"! {bare} rows that can be {done} have no rationale"
        yield from _copies(part, done)
    yield from _never_taught(parts_of(domain))


def overlaps(taught: Sequence[FilesDomain], asked: Sequence[FilesDomain]) -> Iterator[str]:
    """Yield a line on each pair of domains where rows that are asked are taught, too."""
    for other in asked:
        for one in taught:
            found = list(overlap(part_of(one, "train"), part_of(other, "eval")))
            exact = sum(same for _, _, same in found)
            if found:
                where = part_of(other, "eval").items.where(found[0][1])
                yield (
                    f"! {len(found)} rows of {other} ask what {one} teaches ({exact} word for word, the others up to "
                    f"case, space and punctuation), first {where}: to leave them out, type --drop-overlap"
                )


def parts_of(domain: FilesDomain) -> dict[str, SplitPart]:
    """Return the splits of a domain that have rows."""
    splits = [split for split in ("train", "eval") if split in domain.sources]
    if "eval" not in splits and domain.holdout:
        splits.append("eval")
    return {split: part_of(domain, split) for split in splits}


def longest(part: SplitPart, n: int = 3) -> list[int]:
    """Return the places of the rows with the longest prompts and targets, in characters."""
    items = part.items
    return sorted(part.places.tolist(), key=lambda place: -len(items.problems[place]) - len(items.targets[place]))[:n]


def check_targets(domain: FilesDomain, part: SplitPart, grader: Grader) -> None:
    """Refuse targets that the grader accepts from nobody: their rows would be wrong whatever the answer.

    A person's own grader is left alone, since it may ask for more than the target, and so is a model that judges.

    Raises:
        UserError: there is one; the message says where.
    """
    if isinstance(grader, Own | ByJudge):
        return
    seen: set[str] = set()
    for place in part.places.tolist():
        target = part.items.targets[place]
        if target in seen:
            continue
        seen.add(target)
        if not grader.grade(part.example(place), target).correct:
            name = domain.grader
            raise UserError(
                f"{part.items.where(place)}: the grader {name} accepts no answer to the target {target!r:.60}, not "
                "even the target itself: mend the row, or give another --grader"
            )


def tried(part: SplitPart, grader: Grader) -> Iterator[str]:
    """Yield a line where a person's own grader does not accept right answers, or fails on them."""
    if not isinstance(grader, Own):
        return
    examples = [part.example(place) for place in part.places[:_TRIED].tolist()]
    grades = [grader.grade(example, example.target) for example in examples]
    failed = [grade for grade in grades if grade.status == "ungraded"]
    if failed:
        yield f"! the grader fails on {len(failed)} of {len(grades)} right answers: {failed[0].flags[0]}"
    elif wrong := sum(not grade.correct for grade in grades):
        yield f"! the grader finds {wrong} of {len(grades)} targets wrong when they are the answer"


def _balance(part: SplitPart) -> str:
    counts = Counter(part.items.targets[place] for place in part.places.tolist())
    if len(counts) <= _MOST_LABELS:
        return ", ".join(f"{label[:30]} {n}" for label, n in counts.most_common())
    most, least = counts.most_common(1)[0], min(counts.values())
    return f"{len(counts)} different targets, each of {least} to {most[1]} rows ({most[0][:30]})"


def _never_taught(parts: Mapping[str, SplitPart]) -> Iterator[str]:
    """Yield a line where labels are asked that no training row has."""
    if len(parts) < 2:
        return
    taught, asked = (Counter(part.items.targets[place] for place in part.places.tolist()) for part in parts.values())
    if len(taught) <= _MOST_LABELS and (new := asked.keys() - taught.keys()):
        rows = sum(asked[label] for label in new)
        yield f"! {rows} rows that are asked have an answer that is never taught, such as {min(new)[:30]!r}"


def _copies(part: SplitPart, done: str) -> Iterator[str]:
    asked, kinds = grouped(part.items.asking[part.places]), part.items.kinds[part.places]
    if copies := len(part) - len(asked.numbers):
        order = np.lexsort((kinds, asked.of))
        group, kind = asked.of[order], kinds[order]
        differs = (group[1:] == group[:-1]) & (kind[1:] != kind[:-1])
        at_odds = len(np.unique(group[1:][differs]))
        odd = f", and {at_odds} prompts have several answers" if at_odds else ""
        yield f"! {copies} rows that are {done} ask what another one asks{odd}"

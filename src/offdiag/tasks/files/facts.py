"""What a person should know of a data set before it is used: balance, copies, overlap, and targets without a chance."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from offdiag.errors import UserError, some
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
            yield f"! {some(skipped, 'row without a target is', 'rows without a target are')} left out"
        if part.dropped:
            yield f"{some(part.dropped, 'row is', 'rows are')} left out, since others ask the same and are taught"
        if part.items.rationales and (bare := sum(part.items.rationales[place] is None for place in part.places)):
            yield f"! {some(bare, 'row', 'rows')} that can be {done} without a rationale"
        yield from _copies(part, done)
        if len(part) > 1 and len(set(part.items.kinds[part.places].tolist())) == 1:
            yield f"! one answer to each row that can be {done}: {part.items.targets[part.places[0]][:30]!r}"
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
                    f"! {some(len(found), f'row of {other} asks', f'rows of {other} ask')} what {one} teaches ({exact} "
                    "word for word, the others up to case, space and punctuation), first "
                    f"{where}: to leave them out, type --drop-overlap"
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
        return ", ".join(
            f"{label[:30]!r} {n}" if _has_digit(label) else f"{label[:30]} {n}" for label, n in counts.most_common()
        )
    most, least = counts.most_common(1)[0], min(counts.values())
    if most[1] == 1:
        return "each of another target"
    return f"{some(len(counts), 'different target')}, each of {least} to {some(most[1], 'row')} (most {most[0][:30]!r})"


def _has_digit(label: str) -> bool:
    """Return whether a label looks like a number, so that a count behind it would be read as part of it."""
    return any(character.isdigit() for character in label)


def _never_taught(parts: Mapping[str, SplitPart]) -> Iterator[str]:
    """Yield a line where labels are asked that no training row has."""
    if len(parts) < 2:
        return
    taught, asked = (Counter(part.items.targets[place] for place in part.places.tolist()) for part in parts.values())
    few = len(taught) <= _MOST_LABELS and taught.total() >= 2 * len(taught)
    if few and (new := asked.keys() - taught.keys()):
        rows = sum(asked[label] for label in new)
        have = some(rows, "row that is asked has", "rows that are asked have")
        yield f"! {have} an answer that is never taught, such as {min(new)[:30]!r}"


def _copies(part: SplitPart, done: str) -> Iterator[str]:
    asked, kinds = grouped(part.items.asking[part.places]), part.items.kinds[part.places]
    if copies := len(part) - len(asked.numbers):
        order = np.lexsort((kinds, asked.of))
        group, kind = asked.of[order], kinds[order]
        differs = (group[1:] == group[:-1]) & (kind[1:] != kind[:-1])
        at_odds = len(np.unique(group[1:][differs]))
        odd = f", and {some(at_odds, 'prompt has', 'prompts have')} several answers" if at_odds else ""
        ask = some(copies, f"row that is {done} asks", f"rows that are {done} ask")
        yield f"! {ask} what another one asks{odd}"

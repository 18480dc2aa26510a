"""Which prompts run together: a pure function of the prompts and the token budget."""

from collections.abc import Sequence
from typing import NamedTuple

# Prompts whose first tokens agree this far may share their beginning, and sharing must save at least as many tokens:
# a beginning costs a forward pass of its own.
WORTH_SHARING = 32


class Batch(NamedTuple):
    """Prompts that run together.

    Attributes:
        rows: indices of the prompts, longest first.
        shared: number of leading tokens that all prompts of its group share and that are prefilled once.
    """

    rows: tuple[int, ...]
    shared: int


def plan(prompts: Sequence[Sequence[int]], costs: Sequence[int], budget: int, *, share: bool) -> list[Batch]:
    """All batches of ``prompts``, longest rows first.

    Args:
        prompts: token ids, at least one each.
        costs: what each row adds to its own tokens, such as the tokens to generate.
        budget: most padded tokens (rows x columns, without the shared prefix) in one batch; a row alone may exceed it.
        share: look for shared beginnings.
    """
    batches = []
    for members, shared in _groups(prompts) if share else [(list(range(len(prompts))), 0)]:
        own = {i: len(prompts[i]) - shared + costs[i] for i in members}
        ordered = sorted(members, key=lambda i: (-own[i], i))
        batches += [Batch(rows, shared) for rows in fill(ordered, [own[i] for i in ordered], budget)]
    return batches


def _groups(prompts: Sequence[Sequence[int]]) -> list[tuple[list[int], int]]:
    """Prompts that run together, with the length of what they share: all those that no group of their own pays for.

    system, question 1, point        a group, if many points follow question 1
    system, question 1, point
    system, point, question 2        the rest, which shares the system's part
    system, point, question 2
    """
    alike: dict[tuple[int, ...], list[int]] = {}
    for index, ids in enumerate(prompts):
        alike.setdefault(tuple(ids[:WORTH_SHARING]), []).append(index)
    of_all = common_length(prompts) if prompts else 0
    apart, rest = [], []
    for members in alike.values():
        shared = common_length([prompts[i] for i in members])
        if _pays(shared - of_all, len(members)):
            apart.append((members, shared))
        else:
            rest += members
    shared = common_length([prompts[i] for i in rest]) if rest else 0
    return [*apart, *([(rest, shared if _pays(shared, len(rest)) else 0)] if rest else [])]


def _pays(shared: int, n: int) -> bool:
    return shared * (n - 1) >= WORTH_SHARING


def fill(rows: Sequence[int], sizes: Sequence[int], budget: int) -> list[tuple[int, ...]]:
    """Cut ``rows``, whose ``sizes`` descend, into runs of at most ``budget`` padded tokens and at least one row."""
    runs: list[tuple[int, ...]] = []
    start = 0
    while start < len(rows):
        end = start + max(1, budget // max(1, sizes[start]))
        runs.append(tuple(rows[start:end]))
        start = end
    return runs


def common_length(prompts: Sequence[Sequence[int]]) -> int:
    """Number of leading tokens that all prompts share, leaving each at least one of its own."""
    ordered = [tuple(ids) for ids in prompts]
    first, last = min(ordered), max(ordered)  # all others lie between them in lexicographic order
    most = min(len(ids) for ids in prompts) - 1
    return next((i for i in range(most) if first[i] != last[i]), most)

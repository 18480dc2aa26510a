"""Which prompts run together: a pure function of the prompts and the token budget."""

from collections.abc import Sequence
from typing import NamedTuple

# A shared beginning shorter than this is not worth a forward pass of its own.
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
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, ids in enumerate(prompts):
        groups.setdefault(tuple(ids[:WORTH_SHARING]) if share else (), []).append(index)
    batches = []
    for members in groups.values():
        shared = common_length([prompts[i] for i in members]) if share and len(members) > 1 else 0
        shared = shared if shared >= WORTH_SHARING else 0
        own = {i: len(prompts[i]) - shared + costs[i] for i in members}
        ordered = sorted(members, key=lambda i: (-own[i], i))
        batches += [Batch(rows, shared) for rows in fill(ordered, [own[i] for i in ordered], budget)]
    return batches


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

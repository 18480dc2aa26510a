"""Split prompts into batches: a pure function of the prompts and the token budget."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

from offdiag.models.limits import WORTH_SHARING

# A token by its id, or by its text where an estimate has no tokenizer.
Token = TypeVar("Token", int, str)


class PromptBatch(NamedTuple):
    """Prompts that run through the model together.

    Attributes:
        rows: indices of the prompts, longest first.
        shared: number of leading tokens that all prompts of its group share and that are prefilled once.
    """

    rows: tuple[int, ...]
    shared: int


def plan(
    prompts: Sequence[Sequence[int]],
    costs: Sequence[int],
    budget: int,
    *,
    share: bool,
    company: Sequence[Hashable] | None = None,
) -> list[PromptBatch]:
    """Return all batches of ``prompts``, longest rows first.

    Args:
        prompts: token ids, at least one each.
        costs: what each row adds to its own tokens, such as the tokens to generate.
        budget: most padded tokens (rows x columns, without the shared prefix) in one batch; a row alone may exceed it.
        share: look for shared beginnings.
        company: a name for each prompt; only prompts of equal names may share a batch. None lets all of them.
    """
    batches = []
    for members, shared in (
        groups(prompts) if share else [(members, 0) for members in alike(company or [0] * len(prompts))]
    ):
        own = {i: len(prompts[i]) - shared + costs[i] for i in members}
        ordered = sorted(members, key=lambda i: (-own[i], i))
        batches += [PromptBatch(rows, shared) for rows in fill(ordered, [own[i] for i in ordered], budget)]
    return batches


def alike(names: Sequence[Hashable]) -> list[list[int]]:
    """Return the indices of equal names together, in the order in which the names come first."""
    found: dict[Hashable, list[int]] = {}
    for index, name in enumerate(names):
        found.setdefault(name, []).append(index)
    return list(found.values())


def groups(prompts: Sequence[Sequence[Token]], each: float = 1.0) -> list[tuple[list[int], int]]:
    """Split prompts into groups by shared prefix.

    A group exists only if prefilling its prefix once saves at least ``WORTH_SHARING`` tokens; all other prompts form
    the last group:

        system, question 1, point        a group, if many points follow question 1
        system, question 1, point
        system, point, question 2        the rest, which shares the system's part
        system, point, question 2

    Args:
        prompts: tokens, at least one each. each: how many prompts like it each of them stands for.

    Returns:
        The indices of each group's prompts, with the number of leading tokens that they share.
    """
    of_all = common_length(prompts) if prompts else 0
    apart: list[tuple[list[int], int]] = []
    rest: list[int] = []
    for members in alike([tuple(ids[:WORTH_SHARING]) for ids in prompts]):
        shared = common_length([prompts[i] for i in members])
        if _pays(shared - of_all, len(members), each):
            apart.append((members, shared))
        else:
            rest += members
    if rest:
        of_rest = common_length([prompts[i] for i in rest]) if apart else of_all
        apart.append((rest, of_rest if _pays(of_rest, len(rest), each) else 0))
    return apart


def _pays(shared: int, n: int, each: float) -> bool:
    return n > 1 and shared * (each * n - 1) >= WORTH_SHARING


def fill(rows: Sequence[int], sizes: Sequence[int], budget: int) -> list[tuple[int, ...]]:
    """Cut ``rows``, whose ``sizes`` descend, into runs of at most ``budget`` padded tokens and at least one row."""
    runs: list[tuple[int, ...]] = []
    start = 0
    while start < len(rows):
        end = start + max(1, budget // max(1, sizes[start]))
        runs.append(tuple(rows[start:end]))
        start = end
    return runs


def common_length(prompts: Sequence[Sequence[Token]]) -> int:
    """Return how many leading tokens all prompts share, leaving each at least one of its own."""
    ordered = [tuple(ids) for ids in prompts]
    first, last = min(ordered), max(ordered)  # all others lie between them in lexicographic order
    most = min(map(len, ordered)) - 1
    return next((i for i in range(most) if first[i] != last[i]), most)


def in_runs(n: int, most: int) -> list[range]:
    """Return 0 to ``n`` - 1 in runs of at most ``most``.

    >>> in_runs(5, 2)
    [range(0, 2), range(2, 4), range(4, 5)]
    """
    return [range(start, min(start + most, n)) for start in range(0, n, most)]

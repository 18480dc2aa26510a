"""What several answers to one item are worth: pass@k without bias, and the answer of the majority."""

from collections import Counter
from collections.abc import Sequence


def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the unbiased estimate of the chance that one of ``k`` answers is right, from ``n`` answers to an item.

    Equation 1 of Chen et al. (2021, arXiv 2107.03374): 1 - C(n - c, k) / C(n, k), the share of all sets of ``k`` of the
    ``n`` answers that hold one of the ``c`` right ones. It is computed as their product, so that nothing overflows.

    >>> pass_at_k(n=4, correct=1, k=1), pass_at_k(n=4, correct=1, k=2), pass_at_k(n=4, correct=3, k=2)
    (0.25, 0.5, 1.0)

    Raises:
        ValueError: not 1 <= k <= n, or not 0 <= correct <= n.
    """
    if not 1 <= k <= n or not 0 <= correct <= n:
        raise ValueError(f"pass_at_k: {correct} right of n = {n}, k = {k}; expected 1 <= k <= n and 0 <= right <= n")
    missed = 1.0
    for i in range(k):
        missed *= max(0, n - correct - i) / (n - i)
    return 1.0 - missed


def majority(answers: Sequence[str | None]) -> int | None:
    """Return the index of the first answer of those that most samples gave; None where no sample gave one.

    Samples without an answer (None) have no vote. Of answers with equally many votes the one that was given first wins:
    samples come in an order that says nothing, so this favours no answer (Wang et al. 2023, arXiv 2203.11171).

    >>> majority(["7", None, "8", "8"]), majority(["7", "8", None]), majority([None, None])
    (2, 0, None)
    """
    votes = Counter(answer for answer in answers if answer is not None)
    if not votes:
        return None
    return answers.index(votes.most_common(1)[0][0])  # of equals, Counter names the one that came first

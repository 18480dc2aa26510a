"""The ways by which a model can be asked, from the fastest to the plainest, and which texts may share a batch on each.

    shared    beginnings once for all rows, rows of any length       two-part attention
    padded    rows of any length, padded on the left                 the model's own attention and cache
    level     rows of equal length, so that nothing is padded        its own cache, one token at a time
    alone     every text by itself and whole, for every token        ``model(ids)``, no mask, no cache

Which one a model takes is found by trying, see :mod:`offdiag.models.inference.proof`.
"""

from collections.abc import Hashable, Sequence
from enum import StrEnum

from transformers import PreTrainedModel

from offdiag.models.inference.forward import AloneRows, PlainRows, Rows, SharedRows
from offdiag.models.inference.prefix_cache import Prefix


class InferencePath(StrEnum):
    """One way to ask a model; each is plainer than the one before it."""

    SHARED = "shared"
    PADDED = "padded"
    LEVEL = "level"
    ALONE = "alone"

    @property
    def plainer(self) -> "tuple[InferencePath, ...]":
        """This path and all that are plainer, in order."""
        every = tuple(InferencePath)
        return every[every.index(self) :]

    @property
    def pads(self) -> bool:
        """Whether rows of unequal length share a batch."""
        return self in (InferencePath.SHARED, InferencePath.PADDED)


def prefilled(
    model: PreTrainedModel,
    path: InferencePath,
    prompts: Sequence[Sequence[int]],
    extra: int,
    *,
    prefix: Prefix | None = None,
    limit: int | None = None,
) -> Rows:
    """Prefill a batch of prompts that may share one on this path.

    Args:
        model: a causal language model.
        path: how to ask it.
        prompts: each row's tokens, at least one, with what ``prefix`` holds.
        extra: the most tokens that will be appended to a row.
        prefix: keys and values of what all rows begin with, on the shared path.
        limit: the length beyond which a text has other rotary angles, all of it, if there is one.
    """
    if path is InferencePath.ALONE:
        return AloneRows(model, prompts)
    if path is InferencePath.SHARED:
        start = 0 if prefix is None else prefix.filled
        return SharedRows(model, [row[start:] for row in prompts], extra, prefix)
    return PlainRows(model, prompts, level=path is InferencePath.LEVEL, limit=limit)


def company(path: InferencePath, lengths: Sequence[int], extra: int, limit: int | None) -> list[Hashable]:
    """Return a name for each text, so that texts of equal names may share a batch.

    Args:
        path: how the model is asked.
        lengths: tokens of each text.
        extra: the most tokens that will be appended to any of them.
        limit: the length beyond which a text has other rotary angles, if there is one: no batch has texts on both
            sides, and texts that cross it while they grow do so together, at the same token.
    """
    if path is InferencePath.ALONE:
        return list(range(len(lengths)))
    if path is InferencePath.LEVEL:
        return list(lengths)
    if limit is None:
        return [0] * len(lengths)
    return [n if crosses(limit, n, extra) else "long" if n > limit else "short" for n in lengths]


def crosses(limit: int | None, length: int, extra: int) -> bool:
    """Return whether a text of this length passes the limit when ``extra`` tokens are appended."""
    return limit is not None and length <= limit < length + extra

"""Batches of texts as the path of a model allows them: which texts share one, and their prefill."""

from collections.abc import Sequence

from transformers import PreTrainedModel

from offdiag.models.batches import PromptBatch, plan
from offdiag.models.inference.adapter_slot import AdapterSlot
from offdiag.models.inference.forward import Rows
from offdiag.models.inference.paths import InferencePath, company, crosses, prefilled
from offdiag.models.inference.prefix_cache import BlockCache, Prefix, prefill
from offdiag.models.inference.support import angle_limit


class AskedBatches:
    """The batches of one model on its path, and the beginnings that it has read.

    Args:
        model: a causal language model, set for ``path``.
        path: by which it is asked.
        adapter: the adapter in use, if there is one.
    """

    def __init__(self, model: PreTrainedModel, path: InferencePath, adapter: AdapterSlot) -> None:
        self.model, self.path, self.blocks = model, path, BlockCache()
        self._adapter = adapter
        self._limit = angle_limit(model)
        self._latest: tuple[tuple[int, tuple[int, ...]], Prefix] | None = None

    def plan(
        self, ids: Sequence[Sequence[int]], costs: Sequence[int], budget: int, extra: int, *, share: bool = True
    ) -> list[PromptBatch]:
        """Split texts, to any of which up to ``extra`` tokens will be appended; the rest as for ``batches.plan``."""
        names = company(self.path, [len(row) for row in ids], extra, self._limit)
        return plan(ids, costs, budget, share=share and self.path is InferencePath.SHARED, company=names)

    def changes_angles(self, length: int, extra: int) -> bool:
        """Return whether a text of this length has other rotary angles once ``extra`` tokens are appended."""
        return crosses(self._limit, length, extra)

    def rows(self, ids: Sequence[tuple[int, ...]], batch: PromptBatch, extra: int) -> Rows:
        """Prefill a batch, with room for ``extra`` more tokens per row."""
        chosen = [ids[i] for i in batch.rows]
        prefix = self._prefix(chosen[0][: batch.shared]) if batch.shared else None
        return prefilled(self.model, self.path, chosen, extra, prefix=prefix, limit=self._limit)

    def _prefix(self, ids: tuple[int, ...]) -> Prefix:
        """Return the prefilled prefix ``ids``; the latest one is kept whole, for the next batch of the same call."""
        name = (self._adapter.number, ids)
        if self._latest is None or self._latest[0] != name:
            self._latest = None  # frees its memory before the next one takes its own
            self._latest = (name, prefill(self.model, ids, self.blocks, self._adapter.number))
        return self._latest[1]

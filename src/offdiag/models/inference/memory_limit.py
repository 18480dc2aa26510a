"""Run batches on a device whose memory may not hold them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from offdiag.errors import UserError
from offdiag.models.batches import PromptBatch, fill

T = TypeVar("T")


class MemoryLimit:
    """The most padded tokens that the device's memory holds at once, found by trying.

    Args:
        budget: padded tokens (rows x columns) of a batch as it is planned.
        dtype: as coarse as the model rounds. In 16 bits other batches may give other answers, so there a batch is run
            whole or not.
    """

    def __init__(self, budget: int, dtype: torch.dtype) -> None:
        self._budget = budget
        self._dtype = dtype
        self._fits = budget  # smaller once the device has run out of memory

    def run(self, run: Callable[[PromptBatch], list[T]], batch: PromptBatch, sizes: Sequence[int]) -> list[T]:
        """Run a batch whose rows have ``sizes``, in smaller pieces where the device's memory does not hold it.

        Raises:
            UserError: one row alone does not fit, or, in 16 bits, the batch.
        """
        pieces = [batch.rows] if self._fits == self._budget else fill(batch.rows, sizes, self._fits)
        results: list[T] = []
        for piece in pieces:
            try:
                with torch.inference_mode():
                    results += run(PromptBatch(piece, batch.shared))
                continue
            except torch.cuda.OutOfMemoryError:
                if len(piece) == 1:
                    raise UserError(
                        f"one prompt of {max(sizes)} tokens with its answer does not fit this device's memory: "
                        "use a smaller model, bfloat16, int8 or nf4"
                    ) from None
                if self._dtype != torch.float32:
                    raise UserError(
                        f"a batch of {len(piece) * max(sizes)} tokens does not fit this device's memory, and in "
                        f"{str(self._dtype).removeprefix('torch.')} smaller ones may change answers: give the model a "
                        f"token_budget below {self._budget}, which is part of its identity"
                    ) from None
            torch.cuda.empty_cache()  # here and not above, where the traceback still holds the batch
            self._fits = max(1, len(piece) // 2 * max(sizes))
            results += self.run(run, PromptBatch(piece, batch.shared), [max(sizes)] * len(piece))
        return results

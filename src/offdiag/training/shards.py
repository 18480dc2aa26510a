"""The gradients of an update in shards: twins of a model that share its weights, each in a thread of its own.

Two threads that share the products of a small decoder mostly wait for each other; two shards side by side do not
(``benchmarks/pretraining.py``). How many shards there are does not depend on the threads; so while each shard has a
single one, up to three in all, no bit of their sum does.
"""

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from offdiag.training.buckets import Arrays, Bucket, in_shards
from offdiag.training.last_layer import last_layer_at

# On a CPU a column less is time saved; a GPU waits for the next kernel and is served best by the fewest.
SHARDS_ON_CPU, BUCKETS_ON_CPU = 2, 3


class Learnt(NamedTuple):
    """What an update saw: the mean loss of its targets, the share that was right, their number, and that of tokens."""

    loss: torch.Tensor
    accuracy: torch.Tensor
    targets: int
    tokens: int


class Shards:
    """A model whose gradients come in shards, within a ``with`` block.

    In the block torch has as many threads as are left for each shard.

    Args:
        model: a decoder of :mod:`offdiag.training.decoders`, on its device, its weights loaded.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        on_cpu = model.device.type == "cpu"
        self.model = model
        self._twins = [_twin(model) for _ in range(SHARDS_ON_CPU - 1)] if on_cpu else []
        self._buckets = BUCKETS_ON_CPU if on_cpu else 1
        self._threads = torch.get_num_threads()
        self._pool: ThreadPoolExecutor

    def __enter__(self) -> Self:
        shards = 1 + len(self._twins)
        each = max(1, self._threads // shards)
        torch.set_num_threads(each)
        workers = min(shards, self._threads)
        self._pool = ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(each,))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._pool.shutdown()
        torch.set_num_threads(self._threads)

    def add_gradients(self, batch: Arrays) -> Learnt:
        """Add those of the batch's mean loss to the model's own."""
        shards = in_shards(batch, 1 + len(self._twins), self._buckets, self.model.device)
        buckets = [bucket for shard in shards for bucket in shard]
        n = sum(len(bucket.targets) for bucket in buckets)
        models = [self.model, *self._twins]
        futures = [self._pool.submit(_of_shard, *pair, n) for pair in zip(models, shards, strict=False)]
        parts = [part for future in futures for part in future.result()]
        for twin in self._twins:
            _hand_over(twin, self.model)
        loss, right = (torch.stack(values).sum() for values in zip(*parts, strict=True))
        return Learnt(loss, right / n, n, sum(bucket.tokens for bucket in buckets))


def _twin(model: PreTrainedModel) -> PreTrainedModel:
    """The same weights in the same memory, with gradients apart."""
    twin = copy.deepcopy(model)
    for own, shared in zip(twin.parameters(), model.parameters(), strict=True):
        own.data = shared.data
    return twin


def _hand_over(twin: PreTrainedModel, model: PreTrainedModel) -> None:
    """Add the twin's gradients to the model's, and forget them."""
    for own, whole in zip(twin.parameters(), model.parameters(), strict=True):
        if own.grad is not None:
            whole.grad = own.grad if whole.grad is None else whole.grad.add_(own.grad)
        own.grad = None


def _of_shard(model: PreTrainedModel, buckets: Sequence[Bucket], n: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [_of_bucket(model, bucket, n) for bucket in buckets]


def _of_bucket(model: PreTrainedModel, bucket: Bucket, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Add the gradients of a bucket's share in the mean over ``n`` targets; that share, and how many are right."""
    with last_layer_at(model, bucket.places):
        hidden = model.base_model(input_ids=bucket.ids, use_cache=False).last_hidden_state
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    logits = head(hidden.flatten(0, 1)[bucket.places])  # the head reads the targets' positions only
    loss = cross_entropy(logits.float(), bucket.targets, reduction="sum") / n
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach(), (logits.detach().argmax(-1) == bucket.targets).sum()

"""Compute the gradients of an update in shards: twins of the model that share its weights, a thread each.

Two threads that share the products of a small decoder mostly wait for each other; two shards side by side do not
(``benchmarks/pretraining.py``). How many shards there are does not depend on the threads; so while each shard has a
single one, up to three in all, no bit of their sum does: the shards are added in a fixed order, whichever is first.
"""

import copy
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from offdiag.training.batches import IGNORED

# Token ids and targets, both integers of shape [rows, columns]; a target of -100 is none.
Arrays: TypeAlias = tuple[Any, Any]
IntArray: TypeAlias = NDArray[np.int64]


class Bucket(NamedTuple):
    """Rows of similar length that pass through the model together.

    Attributes:
        ids: [rows, columns]. places: of the targets, in the flattened ids. targets: one per place.
        tokens: of the rows, without what fills them up.
    """

    ids: torch.Tensor
    places: torch.Tensor
    targets: torch.Tensor
    tokens: int


def lengths_of(targets: IntArray) -> IntArray:
    """Return the columns of each row up to its last target: in a causal model what follows changes nothing."""
    columns = np.arange(1, targets.shape[1] + 1)
    return np.asarray(np.maximum((columns * (targets != IGNORED)).max(axis=1), 1))


def in_shards(batch: Arrays, shards: int, most: int, device: torch.device) -> list[list[Bucket]]:
    """Deal the rows out to shards by length, so that all have about the same work, and cut each into buckets.

    A shard without a row is left out.
    """
    ids, targets = (np.asarray(array) for array in batch)
    order = np.argsort(lengths_of(targets), kind="stable")
    dealt = (order[shard::shards] for shard in range(shards))
    return [in_buckets((ids[rows], targets[rows]), most, device) for rows in dealt if len(rows)]


def in_buckets(batch: Arrays, most: int, device: torch.device) -> list[Bucket]:
    """Cut the rows of a batch into at most ``most`` buckets, with the least padding that is possible."""
    ids, targets = (np.asarray(array) for array in batch)
    lengths = lengths_of(targets)
    order = np.argsort(lengths, kind="stable")
    buckets, begin = [], 0
    for end in _cuts(lengths[order].tolist(), most):
        rows, columns = order[begin:end], int(lengths[order[end - 1]])
        wanted = targets[rows, :columns].ravel()
        places = np.flatnonzero(wanted != IGNORED)
        kept, where, what = (torch.as_tensor(a, device=device) for a in (ids[rows, :columns], places, wanted[places]))
        buckets.append(Bucket(kept, where, what, int(lengths[rows].sum())))
        begin = end
    return buckets


def _cuts(lengths: list[int], most: int) -> tuple[int, ...]:
    """Return where each bucket ends, for increasing lengths: dynamic programming over the rows of a new length."""
    n = len(lengths)
    ends = [i for i in range(1, n) if lengths[i] != lengths[i - 1]] + [n]
    best: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}  # rows that are cut: tokens, ends
    for _ in range(min(most, len(ends))):
        best = {
            end: min(
                (cost + (end - begin) * lengths[end - 1], (*cuts, end))
                for begin, (cost, cuts) in best.items()
                if begin < end
            )
            for end in ends
            if end > min(best)
        }
    return best[n][1]


# On a CPU a column less is time saved; a GPU waits for the next kernel and is served best by the fewest.
SHARDS_ON_CPU, BUCKETS_ON_CPU = 2, 3


class UpdateStats(NamedTuple):
    """Sums of an update: mean loss of its targets, share of right ones, number of targets, number of tokens."""

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
        # GPT-2 warns of padding without a mask; here it stands at the end of rows, where a causal model never reads it.
        model.base_model.warn_if_padding_and_no_attention_mask = lambda *_: None  # type: ignore[assignment]
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

    def add_gradients(self, batch: Arrays) -> UpdateStats:
        """Add the gradients of the batch's mean loss to those of the model, and return what was summed on the way."""
        shards = in_shards(batch, 1 + len(self._twins), self._buckets, self.model.device)
        buckets = [bucket for shard in shards for bucket in shard]
        n = sum(len(bucket.targets) for bucket in buckets)
        models = [self.model, *self._twins]
        futures = [self._pool.submit(_of_shard, *pair, n) for pair in zip(models, shards, strict=False)]
        parts = [part for future in futures for part in future.result()]
        # After all threads are done, and in one order: sums of floats depend on it.
        for twin in self._twins:
            _hand_over(twin, self.model)
        loss, right = (torch.stack(values).sum() for values in zip(*parts, strict=True))
        return UpdateStats(loss, right / n, n, sum(bucket.tokens for bucket in buckets))


def _twin(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model with the same weights in the same memory, and gradients of its own.

    Threads may read weights together, but would overwrite each other's sums in shared gradients.
    """
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
    """Add the gradients of a bucket's share in the mean over ``n`` targets; return the share and the right ones."""
    with _last_layer_at(model, bucket.places):
        hidden = model.base_model(input_ids=bucket.ids, use_cache=False).last_hidden_state
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    logits = head(hidden.flatten(0, 1)[bucket.places])  # the head reads the targets' positions only
    loss = cross_entropy(logits.float(), bucket.targets, reduction="sum") / n
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach(), (logits.detach().argmax(-1) == bucket.targets).sum()


@contextmanager
def _last_layer_at(model: PreTrainedModel, places: torch.Tensor) -> Iterator[None]:
    """Run the last feed-forward layer at the places of targets alone, within this scope; it adds 0 elsewhere.

    This is exact: no attention follows that layer, so that nothing of the other positions could reach a target. In a
    model of three layers and a loss on a seventh of the tokens it saves a fifth of all multiplications.

    Args:
        model: a decoder of :mod:`offdiag.training.decoders`.
        places: positions in the flattened tokens of the forward passes in this scope.
    """
    shapes: list[torch.Size] = []

    def take(layer: nn.Module, inputs: tuple[Any, ...]) -> torch.Tensor:
        hidden: torch.Tensor = inputs[0]
        shapes.append(hidden.shape)
        return hidden.flatten(0, 1)[places]

    def put_back(layer: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        shape = shapes.pop()
        return output.new_zeros(shape).flatten(0, 1).index_copy(0, places, output).view(shape)

    decoder: Any = model.base_model
    layer = (decoder.h if model.config.model_type == "gpt2" else decoder.layers)[-1].mlp
    handles = layer.register_forward_pre_hook(take), layer.register_forward_hook(put_back)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()

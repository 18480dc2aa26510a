"""Dropout that is drawn per example, so that how an update is cut into micro-batches does not change the training.

PyTorch draws one mask for a whole batch from one global generator: another token budget, other masks, other weights.
Here the mask of a row in a layer comes from a random stream of its own, named by the training's seed, the update, the
row's tokens and the layer. The only dropout of a training is that of its adapter (``Recipe.dropout``); what a
pretrained model has besides, often inside fused attention where no row can be told apart, is switched off.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from offdiag.errors import UserError
from offdiag.seeds import derive


class RowStreams:
    """Names the random stream of each row of the micro-batch that passes through a model.

    Args:
        seed: root seed of the training.

    Attributes:
        update: optimiser steps done; set it before the forward pass.
        rows: of the latest micro-batch, each row's seed and its number of tokens.
    """

    def __init__(self, seed: int) -> None:
        self.update = 0
        self.rows: list[tuple[int, int]] = []
        self._seed = seed

    def name_rows(self, model: nn.Module, args: tuple[Any, ...], inputs: dict[str, Any]) -> None:
        """Hook before a forward pass with ``input_ids`` and ``attention_mask``, padded on the right."""
        lengths = inputs["attention_mask"].sum(1).tolist()
        ids = [row[:length] for row, length in zip(inputs["input_ids"].tolist(), lengths, strict=True)]
        seeds = [derive(self._seed, "dropout", self.update, tuple(row)) for row in ids]
        self.rows = list(zip(seeds, lengths, strict=True))


class RowDropout(nn.Module):
    """Dropout whose mask of a row is drawn from the stream of that row and this layer.

    Args:
        p: probability that a number is zeroed; the others are divided by ``1 - p``.
        layer: name of the layer. streams: of the rows.
    """

    def __init__(self, p: float, layer: str, streams: RowStreams) -> None:
        super().__init__()
        self.p, self.layer, self._streams = p, layer, streams

    def forward(self, states: Tensor) -> Tensor:
        """Return the states ``[rows, columns, …]`` with some numbers zeroed; padding passes as it is.

        Raises:
            UserError: the rows of the batch cannot be told apart here, as between the experts of a mixture.
        """
        if not self.training:
            return states
        rows = self._streams.rows
        if len(states) != len(rows) or states.shape[1] < max(length for _, length in rows):
            raise UserError(
                f"dropout={self.p:g}: layer {self.layer} gets {tuple(states.shape)}, in which the {len(rows)} examples "
                "cannot be told apart, so the draws would depend on the batch; use dropout=0"
            )
        generator = torch.Generator(states.device)
        kept = torch.ones_like(states)
        for row, (seed, length) in enumerate(rows):
            generator.manual_seed(derive(seed, self.layer))
            drawn = torch.rand(length, *states.shape[2:], generator=generator, device=states.device)
            kept[row, :length] = (drawn >= self.p) / (1 - self.p)
        return states * kept


def draw_per_row(trainable: nn.Module, seed: int) -> RowStreams:
    """Let every dropout layer of a model draw per row; return the streams, whose ``update`` the training sets."""
    streams = RowStreams(seed)
    found = [(name, layer.p) for name, layer in trainable.named_modules() if isinstance(layer, nn.Dropout) and layer.p]
    for name, p in found:
        trainable.set_submodule(name, RowDropout(p, name, streams))
    if found:
        trainable.register_forward_pre_hook(streams.name_rows, with_kwargs=True)
    return streams


def without_dropout(model: PreTrainedModel) -> None:
    """Switch off what a pretrained model draws at random while it is trained, and try that nothing is left.

    The trial sets torch's seed.

    Raises:
        UserError: two forward passes of the same tokens differ all the same, or are not finite.
    """
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        for name in [name for name, value in vars(module).items() if "drop" in name and isinstance(value, float)]:
            setattr(module, name, 0.0)  # of functions, such as fused attention, and of whole layers
    ids = torch.arange(1, 9, device=model.device).view(1, -1) % model.config.get_text_config().vocab_size
    was = model.training
    model.train()
    with torch.no_grad():
        first, second = (_logits_under(model, ids, seed) for seed in (0, 1))
    model.train(was)
    if not (first.isfinite().all() and second.isfinite().all()):
        raise UserError(
            f"training {type(model).__name__}: its logits are not finite (NaN or infinite) before the first update; "
            "fetch the weights again, or set model.dtype=float32 if it is not"
        )
    if not torch.allclose(first, second, rtol=1e-3, atol=1e-3 * float(first.std())):
        raise UserError(
            f"training {type(model).__name__}: it draws at random in its forward pass, by more than dropout layers, so "
            "its weights would depend on the batches; use another model"
        )


def _logits_under(model: PreTrainedModel, ids: Tensor, seed: int) -> Tensor:
    torch.manual_seed(derive(seed, "dropout", "trial"))
    logits: Tensor = model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits
    return logits.float()

"""The model before the training, and the divergence of the trained model from it, for the KL penalty."""

from collections.abc import Mapping
from copy import deepcopy

import torch
from peft import PeftModel
from torch import nn

from offdiag.training.trainable import Trainable


class StartModel:
    """The model before training: without its adapter, or, where all weights are trained, a copy of them.

    Args:
        trainable: the model, not yet trained.
    """

    def __init__(self, trainable: Trainable) -> None:
        self.trainable = trainable
        self.copy = None if isinstance(trainable, PeftModel) else deepcopy(trainable).requires_grad_(False).train(False)

    @torch.no_grad()
    def logits(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """Return logits of shape (supervised tokens, vocabulary) for a micro-batch, without dropout."""
        if self.copy is not None:
            return logits_at(self.copy, inputs, inputs["supervised"])
        assert isinstance(self.trainable, PeftModel)
        self.trainable.train(False)
        with self.trainable.disable_adapter():
            logits = logits_at(self.trainable, inputs, inputs["supervised"])
        self.trainable.train()
        return logits


def logits_at(model: nn.Module, inputs: Mapping[str, torch.Tensor], wanted: torch.Tensor) -> torch.Tensor:
    """Return logits ``[positions, vocabulary]`` of a micro-batch where the mask ``wanted [rows, columns]`` is True."""
    outputs = model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], logits_to_keep=wanted, use_cache=False
    )
    logits: torch.Tensor = outputs.logits
    return logits


def divergence(logits: torch.Tensor, start_logits: torch.Tensor) -> torch.Tensor:
    """Return KL(model || start model) of the next token, in nats, summed over rows of (tokens, vocabulary)."""
    now, then = logits.float().log_softmax(-1), start_logits.float().log_softmax(-1)
    return (now.exp() * (now - then)).sum()

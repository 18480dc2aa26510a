"""Check before a run that the layers that an adapter is to be put on are there.

Names are read from the headers of the weights; only where one is not among them is the architecture built, without
weights (on torch's meta device), since a file may name a layer otherwise than the model does.
"""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

from offdiag.errors import UserError
from offdiag.models.source import ModelSource
from offdiag.models.weight_files import weight_shapes

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Targets: TypeAlias = tuple[str, ...] | Literal["all-linear"]

# Names of a layer's matrix in the files, as it is or quantised.
_MATRICES = (".weight", ".qweight", ".weight_packed")
# The embeddings; and the experts of a mixture, which transformers holds in one tensor though the file has them apart.
_NO_LAYERS = re.compile(r"embed|wte|wpe|\.experts\.\d+\.")


@lru_cache(maxsize=256)
def check_targets(origin: ModelSource, targets: Targets) -> None:
    """Check that each target names a linear layer of a model, if the model's files are here.

    Raises:
        UserError: one does not.
    """
    if targets == "all-linear" or origin.from_scratch or not origin.is_here():
        return
    shapes = weight_shapes(origin.folder(), origin.name)
    if shapes is None:
        return
    matrices = [_layer(name) for name, shape in shapes.items() if len(shape) == 2]
    if matrices and unnamed([name for name in matrices if not _NO_LAYERS.search(name)], targets):
        _build_and_check(origin, targets)


def unnamed(layers: Collection[str], targets: Sequence[str]) -> list[str]:
    """Return the targets that name none of the layers: the whole dotted name of one, or its end, as PEFT has it."""
    return [target for target in targets if not any(f".{layer}".endswith(f".{target}") for layer in layers)]


def refuse_unnamed(model: str, layers: Collection[str], targets: Sequence[str]) -> None:
    """Refuse targets that name no layer: PEFT takes a partial match without a word and trains less than was asked.

    Raises:
        UserError: there are such targets.
    """
    if absent := unnamed(layers, targets):
        known = sorted({layer.rpartition(".")[2] for layer in layers})
        raise UserError(
            f"training {model}: no linear layer is named {', '.join(absent)}; targets must be among "
            f"{', '.join(known)}, or 'all-linear'"
        )


def linear_layers(model: "PreTrainedModel") -> list[str]:
    """Return the dotted names of a model's linear layers, GPT-2's transposed ones among them, but not of its head."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return [
        name for name, layer in model.named_modules() if isinstance(layer, nn.Linear | Conv1D) and layer is not head
    ]


def names_head(model: "PreTrainedModel", target: str) -> bool:
    """Whether a target names the head, which gets an adapter where it is asked for by name."""
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    return any(layer is head and f".{name}".endswith(f".{target}") for name, layer in model.named_modules())


def _layer(weight: str) -> str:
    return next((weight.removesuffix(end) for end in _MATRICES if weight.endswith(end)), weight)


def _build_and_check(origin: ModelSource, targets: Sequence[str]) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        config = AutoConfig.from_pretrained(origin.folder())
        model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    refuse_unnamed(origin.name, linear_layers(model), [t for t in targets if not names_head(model, t)])

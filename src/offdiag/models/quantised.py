"""Weights in 4 bits (NF4) or 8 (LLM.int8), by bitsandbytes, on CUDA and, much slower, on the CPU.

It replaces the linear layers of a model. The experts of a mixture are no such layers in transformers but tensors
``[experts, out, in]``, which would stay as they are: in 4 bits they are quantised here, one after the other once they
are loaded; in 8 bits nobody does, so such a model is refused. Nothing here loads torch before it is called.
"""

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from offdiag.errors import UserError
from offdiag.models.config_file import experts, read_config
from offdiag.models.spec import ModelSpec, Quantization

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import BitsAndBytesConfig, PreTrainedModel

# Share of the weights beside embeddings and head that may stay as it is: norms and convolutions make 8 % at most.
_MOST_WIDE = 0.15
_SHRUNK = {"nf4": 0.52, "int8": 1.0}  # bytes of a weight, scales included
# Weights of a row that bitsandbytes gives one scale. Where a row ends within them, its kernels for CPUs make of the
# rounding of a tenth one of a half (0.50.2, rows of 32, 48, 96 and 160).
_BLOCK = 64
# Tensors of experts have far more numbers than their router, which has one for each expert and dimension.
_MORE_THAN_A_ROUTER = 8


def check_installed(spec: ModelSpec) -> None:
    """Refuse, with a UserError, a quantised model where bitsandbytes is not installed."""
    if spec.quantization != "none" and find_spec("bitsandbytes") is None:
        raise UserError(
            f'model {spec.source} with {spec.quantization} needs bitsandbytes; type: pip install "offdiag[gpu]"'
        )


def check_shrinks(spec: ModelSpec) -> None:
    """Check that a quantised model whose files are here would shrink, whatever its class; no weights are loaded.

    Raises:
        UserError: much of it would stay as it is.
    """
    origin = spec.origin
    if spec.quantization == "none" or origin.from_scratch or not origin.is_here() or origin.release() is not None:
        return
    folder = origin.folder()
    mixture = experts(read_config(folder, spec.source)).number > 1
    wide, weights = _wide_share(folder, spec.quantization)
    if wide > _MOST_WIDE:
        whole = weights * (4 if spec.dtype == "float32" else 2) / 2**30
        shrunk = wide * weights * _SHRUNK[spec.quantization] / 2**30
        other = "'nf4', or 'none'" if spec.quantization == "int8" and mixture else "'none'"
        which = "the experts, " if mixture else ""
        raise UserError(
            f"model {spec.source}: bitsandbytes leaves {wide:.0%} of its weights, {which}in {spec.dtype} with "
            f"quantization={spec.quantization!r}: {wide * whole:.1f} of {whole:.1f} GiB, expected {shrunk:.1f}; "
            f"use quantization={other}"
        )


@lru_cache(maxsize=64)
def _wide_share(folder: Path, quantization: Quantization) -> tuple[float, int]:
    """Return which share of the weights beside embeddings and head stays as it is, and how many these are.

    By the architecture; nothing of one that is not known.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            config = AutoConfig.from_pretrained(folder)
            model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001  (a type that is not known, and the like: told by the one who loads it)
        return 0.0, 0
    return wide_share(model, quantization)


def wide_share(model: "PreTrainedModel", quantization: Quantization) -> tuple[float, int]:
    """Return which share of the weights beside embeddings and head stays wide when a model is quantised, of how many.

    Args:
        model: as transformers builds it, with or without weights. quantization: how.
    """
    from torch import nn

    quantised = {id(weight) for layer in _layers(model) for weight in layer.parameters()}
    if quantization == "nf4":
        quantised |= {id(getattr(module, name)) for module, name in expert_tensors(model)}
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    ends = [module for module in model.modules() if isinstance(module, nn.Embedding) or module is head]
    apart = {id(weight) for end in ends for weight in end.parameters()}
    sizes = {id(weight): weight.numel() for weight in model.parameters() if id(weight) not in apart}
    weights = sum(sizes.values())
    return sum(size for weight, size in sizes.items() if weight not in quantised) / max(1, weights), weights


def _layers(model: "PreTrainedModel") -> "Iterator[nn.Module]":
    """Yield the layers that transformers lets bitsandbytes replace: not those of a class made from a linear layer."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    return (module for module in model.modules() if type(module) is nn.Linear or isinstance(module, Conv1D))


def expert_tensors(model: "PreTrainedModel") -> "Iterator[tuple[nn.Module, str]]":
    """Yield the places of the tensors that hold the weights of several experts, as module and name in it."""
    from torch import nn

    config = model.config.get_text_config()
    most = _MORE_THAN_A_ROUTER * experts(config.to_dict()).number * int(getattr(config, "hidden_size", 0))
    for place, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding | nn.modules.conv._ConvNd):
            continue
        for name, weight in module.named_parameters(recurse=False):
            stacked = weight.ndim >= 3 or (weight.ndim == 2 and "experts" in place)
            if stacked and weight.is_floating_point() and weight.numel() > most > 0:
                yield module, name


def quantisation(spec: ModelSpec) -> "BitsAndBytesConfig | None":
    """Return how transformers is to load the linear layers; None for a model that is not quantised.

    Raises:
        UserError: bitsandbytes is not installed, or the model would not shrink.
    """
    if spec.quantization == "none":
        return None
    check_installed(spec)
    check_shrinks(spec)
    import torch
    from transformers import BitsAndBytesConfig

    if spec.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)  # type: ignore[no-untyped-call]
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, spec.dtype),
    )


def complete_nf4(model: "PreTrainedModel") -> int:
    """Quantise the experts of a loaded model to 4 bits, and return how many tensors that were.

    A tensor is made whole again for as long as its layer computes. All layers keep their weights in one layout: that
    which some CPUs have for answers alone is none for training.

    Raises:
        UserError: bitsandbytes would compute wrongly.
    """
    from bitsandbytes.nn.modules import Linear4bit
    from bitsandbytes.nn.parametrize import replace_parameter_4bit

    found = list(expert_tensors(model))
    widths = {f"{name} of {type(module).__name__}": getattr(module, name).shape[-1] for module, name in found}
    for name, layer in model.named_modules():
        if isinstance(layer, Linear4bit):
            layer.support_avx512bf16_for_cpu = False
            widths[name] = layer.in_features
    if model.device.type == "cpu" and (odd := [name for name, width in widths.items() if width % _BLOCK]):
        raise UserError(
            f"nf4 on a CPU: {odd[0]} has {widths[odd[0]]} inputs, and bitsandbytes computes wrongly there where they "
            f"are no multiple of {_BLOCK}; use quantization='int8' or a GPU"
        )
    for module, name in found:
        replace_parameter_4bit(module, name, compress_statistics=True, quant_type="nf4")
    return len(found)


def arithmetic(model: "PreTrainedModel") -> "torch.dtype":
    """Return the number format that says how coarsely a model rounds: 8 bits round as coarsely as bfloat16."""
    import torch

    return torch.bfloat16 if getattr(model, "is_loaded_in_8bit", False) else model.dtype

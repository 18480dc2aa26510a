"""Decoders of transformers' own classes: drawn from nothing, or the weights that an earlier training has left."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
)

from offdiag.errors import UserError
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.seeds import derive
from offdiag.training.characters import BEGIN, END, PAD
from offdiag.training.scratch import Decoder
from offdiag.training.widths import scale_first_weights


def new_model(
    decoder: Decoder,
    vocabulary: int,
    columns: int,
    seed: int,
    *,
    ratio: float = 1.0,
    tokens: Sequence[str] | None = None,
) -> PreTrainedModel:
    """The untrained model, in training mode; draws from torch's global generator, which it seeds.

    Args:
        decoder: the architecture.
        vocabulary: number of tokens. columns: longest sequence. tokens: their texts, where they have any.
        seed: root seed; the weights are drawn from its stream ``init``.
        ratio: base width over width, see :mod:`offdiag.training.widths`.
    """
    torch.manual_seed(derive(seed, "init"))
    config = _config(decoder, vocabulary, columns, tokens)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    scale_first_weights(model, ratio)
    model.train()
    return model


def load_start(
    folder: Path, decoder: Decoder, vocabulary: int, columns: int, tokens: Sequence[str] | None, runtime: Runtime
) -> PreTrainedModel:
    """The model of an earlier training, in training mode.

    Raises:
        UserError: it is no model, or one of another shape, vocabulary or tokenizer.
    """
    spec = ModelSpec(source=f"dir:{folder}")
    model = load_model(spec, folder, runtime)
    found = model.config.to_dict()
    shape = _shape(decoder, vocabulary)
    if different := [
        f"{name} {found.get(name)} instead of {value}" for name, value in shape.items() if found.get(name) != value
    ]:
        raise UserError(f"training from {folder}: a model with {', '.join(different)}; give the decoder that it is")
    if found["max_position_embeddings" if decoder.architecture != "gpt2" else "n_positions"] < columns:
        raise UserError(f"training from {folder}: its sequences are shorter than the {columns} tokens of this stream")
    if tokens is not None and _texts(load_tokenizer(spec, folder)) != dict(enumerate(tokens)):
        raise UserError(f"training from {folder}: its tokenizer has other tokens than this stream")
    model.train()
    return model


def _texts(tokenizer: PreTrainedTokenizerBase) -> dict[int, str]:
    return {index: text for text, index in tokenizer.get_vocab().items()}


def _shape(decoder: Decoder, vocabulary: int) -> dict[str, Any]:
    """What two models share if the weights of one fit the other, in the words of their config."""
    inner = decoder.expansion * decoder.width
    shape: dict[str, Any] = {"model_type": decoder.architecture, "vocab_size": vocabulary, "tie_word_embeddings": False}
    if decoder.architecture == "gpt2":
        sizes = {"n_embd": decoder.width, "n_inner": inner, "n_layer": decoder.depth, "n_head": decoder.heads}
        return {**shape, **sizes}
    heads = {"num_attention_heads": decoder.heads, "num_key_value_heads": decoder.heads}
    sizes = {"hidden_size": decoder.width, "intermediate_size": inner, "num_hidden_layers": decoder.depth}
    return {**shape, **heads, **sizes}


def _config(decoder: Decoder, vocabulary: int, columns: int, tokens: Sequence[str] | None) -> PreTrainedConfig:
    special = {"bos_token_id": BEGIN, "eos_token_id": END, "pad_token_id": PAD}
    settings: dict[str, Any] = {
        "initializer_range": decoder.initial_std,
        "attn_implementation": "sdpa",
        **{name: None if tokens is None else tokens.index(text) for name, text in special.items()},
        **_shape(decoder, vocabulary),
    }
    kind = settings.pop("model_type")
    if kind == "gpt2":
        settings |= {"n_positions": columns, "activation_function": "gelu_pytorch_tanh"}
        settings |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2Config(**settings)
    settings["max_position_embeddings"] = columns
    return LlamaConfig(**settings) if kind == "llama" else Qwen2Config(**settings)

"""Make decoders of transformers' own classes, from nothing or from the weights of an earlier training.

First weights and learning rates suit every width, by the maximal update parametrisation: Yang et al. 2022 (arXiv
2203.03466), Table 3 for Adam, relative to a base width at which nothing is scaled. With r = base width / width:

    weights                      standard deviation    learning rate
    embeddings, norms, biases    1                     1
    matrices of the layers       sqrt(r)               r
    head                         r                     r

so that an update changes activations and logits as much at any width. The size of a head of attention must be the same
at all widths (more heads, not larger ones), and the feed-forward layer the same multiple. Weights decay as fast as
at the base width: AdamW decays by rate times decay, so the decay is divided by r.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import nn
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

Weights: TypeAlias = list[torch.Tensor]


def new_model(
    decoder: Decoder,
    vocabulary: int,
    columns: int,
    seed: int,
    *,
    ratio: float = 1.0,
    tokens: Sequence[str] | None = None,
) -> PreTrainedModel:
    """Return an untrained model in training mode; draws from torch's global generator, which it seeds.

    Args:
        decoder: the architecture.
        vocabulary: number of tokens. columns: longest sequence. tokens: their texts, where they have any.
        seed: root seed; the weights are drawn from its stream ``init``.
        ratio: base width over width, see above.
    """
    torch.manual_seed(derive(seed, "init"))
    config = _config(decoder, vocabulary, columns, tokens)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    _scale_first_weights(model, ratio)
    model.train()
    return model


def load_start(
    folder: Path, decoder: Decoder, vocabulary: int, columns: int, tokens: Sequence[str] | None, runtime: Runtime
) -> PreTrainedModel:
    """Load the model of an earlier training, in training mode.

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
    """Return what two models must share for the weights of one to fit the other, as fields of a config."""
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


@torch.no_grad()
def _scale_first_weights(model: PreTrainedModel, ratio: float) -> None:
    """Scale freshly drawn weights, in place, to a width that is the base width over ``ratio``."""
    _, hidden, head, _ = _by_role(model)
    for weight in hidden:
        weight.mul_(ratio**0.5)
    head.mul_(ratio)


def weight_groups(model: PreTrainedModel, ratio: float, weight_decay: float) -> list[dict[str, Any]]:
    """Return the weights in AdamW's groups, each with its ``scale`` of the learning rate; vectors do not decay."""
    embeddings, hidden, head, vectors = _by_role(model)
    return [
        {"params": embeddings, "scale": 1.0, "weight_decay": weight_decay},
        {"params": [*hidden, head], "scale": ratio, "weight_decay": weight_decay / ratio},
        {"params": vectors, "scale": 1.0, "weight_decay": 0.0},
    ]


def _by_role(model: PreTrainedModel) -> tuple[Weights, Weights, torch.Tensor, Weights]:
    """Return embeddings (of tokens and positions), matrices of the layers, the head, and vectors (norms, biases)."""
    head: torch.Tensor = model.get_output_embeddings().weight  # type: ignore[no-untyped-call]
    embeddings = [module.weight for module in model.modules() if isinstance(module, nn.Embedding)]
    others = [w for w in model.parameters() if w is not head and not any(w is e for e in embeddings)]
    return embeddings, [w for w in others if w.ndim > 1], head, [w for w in others if w.ndim <= 1]

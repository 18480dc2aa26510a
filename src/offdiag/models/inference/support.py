"""Decide from its configuration whether a model can use shared-prefix attention; read its limits."""

from collections.abc import Iterable, Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.errors import UserError
from offdiag.models import config_file

# Sizes of windows, chunks and selections of keys: a text that is shorter than they are cannot show what they do.
_SIZES = (
    "attention_chunk_size", "attention_window_size", "block_size", "chunk_size", "compress_rates", "index_block_size",
    "index_topk", "keep_window_size", "local_attention", "local_attention_window_len", "local_attn_chunk_length",
    "lsh_attn_chunk_length", "mamba_chunk_size", "sliding_window", "sliding_window_size", "window_size",
)  # fmt: skip
# Settings that change attention itself in ways that the two-part attention does not compute.
_FOREIGN = ("attn_logit_softcapping", "kv_lora_rank", "mamba_d_state", *(set(_SIZES) - {"sliding_window"}))
# The longest size that the texts of the proof reach beyond.
_REACHED = 256
_ROTARY = {"default", "linear", "llama3", "yarn"}  # the others' angles depend on the length of the whole text


def why_not_shared(model: PreTrainedModel) -> str | None:
    """Return why ``model`` needs the plain path, or None where the shared-prefix attention can serve it."""
    config: dict[str, Any] = model.config.to_dict()
    if not model._supports_attention_backend or not model._can_set_attn_implementation():
        return "its attention is not behind transformers' attention interface"
    if config.get("is_encoder_decoder") or "text_config" in config:
        return "it is not a plain decoder"
    if set(config.get("layer_types") or ["full_attention"]) != {"full_attention"}:
        return f"it has layers other than full attention: {sorted(set(config['layer_types']))}"
    if config.get("sliding_window") and config.get("use_sliding_window", True):
        return f"it attends within a sliding window of {config['sliding_window']} tokens"
    if foreign := sorted(name for name in _FOREIGN if config.get(name)):
        return f"its attention uses {', '.join(foreign)}"
    if changing := {str(rope["rope_type"]) for rope in _ropes(config)} - _ROTARY:
        return f"its rotary angles ({', '.join(sorted(changing))}) depend on the length of the text"
    return None


def reach(model: PreTrainedModel) -> int:
    """Return the largest size of a window, a chunk or a selection of keys that a short text can go beyond; else 0."""
    config = model.config.get_text_config().to_dict()
    found = [config.get(name) for name in _SIZES]
    sizes = [size for each in found for size in (each.values() if isinstance(each, dict) else [each])]
    return max((size for size in sizes if isinstance(size, int) and size <= _REACHED), default=0)


def angle_limit(model: PreTrainedModel) -> int | None:
    """Return the length beyond which all of a text has other rotary angles (LongRoPE, arXiv 2402.13753), if any."""
    config = model.config.get_text_config().to_dict()
    limits = [
        int(rope.get("original_max_position_embeddings") or config["original_max_position_embeddings"])
        for rope in _ropes(config)
        if rope["rope_type"] == "longrope"
    ]
    return min(limits, default=None)


def _ropes(config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of the rotary angles: one set for all layers, or one for each type of layer."""
    parameters = config.get("rope_parameters") or {}
    sets = [parameters, *(value for value in parameters.values() if isinstance(value, dict))]
    return [one for one in sets if one.get("rope_type")]


def context_length(model: PreTrainedModel) -> int | None:
    """Return the most tokens that ``model`` reads in one piece, where its configuration says so."""
    return config_file.context_length(model.config.to_dict())


def check_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Iterable[Sequence[int]]) -> None:
    """Check that the embedding has a row for each token id of some texts.

    Raises:
        UserError: it has not; the message names the token.
    """
    embedding: Any = model.get_input_embeddings()
    rows = int(embedding.weight.shape[0])
    most = max((max(ids, default=0) for ids in texts), default=0)
    if most >= rows:
        token = tokenizer.convert_ids_to_tokens(most)
        raise UserError(
            f"the tokenizer gives {token!r} the id {most}, but the embedding has {rows} rows: take the model's own "
            "tokenizer, or resize the embedding and train it"
        )

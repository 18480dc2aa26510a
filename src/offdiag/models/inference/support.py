"""Decide from its configuration whether a model can use shared-prefix attention; read its context length."""

from typing import Any

from transformers import PreTrainedModel

# Settings that change attention itself in ways that the two-part attention does not compute.
_FOREIGN = ("attn_logit_softcapping", "attention_chunk_size", "kv_lora_rank", "mamba_d_state")
_ROTARY = {"default", "linear", "llama3", "yarn", None}  # the others' angles depend on the length of the whole text


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
    if foreign := [name for name in _FOREIGN if config.get(name)]:
        return f"its attention uses {', '.join(foreign)}"
    rotary = (config.get("rope_parameters") or {}).get("rope_type")
    if rotary not in _ROTARY:
        return f"its rotary angles ({rotary}) depend on the length of the text"
    return None


def context_length(model: PreTrainedModel) -> int | None:
    """Return the most positions that ``model`` was built for, where its configuration says so."""
    longest = model.config.to_dict().get("max_position_embeddings")
    return int(longest) if longest else None

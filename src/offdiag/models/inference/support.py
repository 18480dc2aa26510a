"""Decide from its configuration whether a model can use shared-prefix attention; read its limits."""

from collections.abc import Iterable, Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.errors import UserError
from offdiag.models import config_file

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

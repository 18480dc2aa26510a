"""Tiny random models of every causal model type that the installed transformers knows."""

from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

TYPES = sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
VOCABULARY = 261  # of the tiny tokenizer

# What makes a model small, by the names that configurations have for it.
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "embedding_size", "dim_model"), 32),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers", "encoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "decoder_attention_heads"), 4),
    **dict.fromkeys(("encoder_attention_heads", "num_decoder_attention_heads", "num_encoder_attention_heads"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads"), 2),
    **dict.fromkeys(("head_dim", "attention_head_dim", "dim_head", "v_head_dim", "qk_nope_head_dim"), 8),
    **dict.fromkeys(("qk_rope_head_dim", "rotary_dim"), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "n_inner", "decoder_ffn_dim", "encoder_ffn_dim", "dff"), 48),
    **dict.fromkeys(("ffn_hidden_size", "dim_ff", "moe_intermediate_size", "shared_expert_intermediate_size"), 48),
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_topk"), 2),
    **dict.fromkeys(("n_group", "topk_group", "num_expert_group"), 1),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"), 512),
    **dict.fromkeys(("sliding_window", "attention_chunk_size", "window_size", "attention_window_size"), 16),
    **dict.fromkeys(("bos_token_id", "eos_token_id", "pad_token_id"), 0),
}
_MLA = {"num_key_value_heads": 4, "num_experts_per_tok": 2, "n_routed_experts": 4}
_LINEAR = {
    "linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2, "linear_num_value_heads": 4,
    "layer_types": ["linear_attention", "full_attention"],
}  # fmt: skip
_CONV = {"layer_types": ["conv", "full_attention"]}
_ROPES = {name: {"rope_type": "default", "rope_theta": 10000.0} for name in ("sliding_attention", "full_attention")}
_FFN = {"hidden_size": 32, "ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2}
_PER_LAYER = {"vocab_size_per_layer_input": VOCABULARY, "hidden_size_per_layer_input": 8}
_DRAFT = {
    "hidden_size": 32, "vocab_size": VOCABULARY, "num_hidden_layers": 2, "num_attention_heads": 4, "head_dim": 8,
    "num_key_value_heads": 2, "intermediate_size": 48, "hidden_size_per_layer_input": 0, "num_kv_shared_layers": 0,
    "vocab_size_per_layer_input": 0,
}  # fmt: skip
_BLT = {
    "hidden_size": 32, "hidden_size_global": 64, "num_hidden_layers": 1, "num_attention_heads": 4,
    "num_key_value_heads": 4, "intermediate_size": 48, "vocab_size": VOCABULARY,
}  # fmt: skip
_INDEXER = {
    "indexer_n_heads": 2, "indexer_kv_heads": 1, "indexer_head_dim": 8, "indexer_budget": 16,
    "indexer_compress_ratio": 1,
}  # fmt: skip
_MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_chunk_size": 16}
_HEADS = {"num_key_value_heads": 2, "head_dim": 8}
_ALL = {"layer_types": ["full_attention", "sliding_attention"]}
_VISION = {"image_size": 32, "patch_size": 8, "num_channels": 3}
# What a type needs besides, or in place of these; ``...`` leaves a value out.
SPECIAL: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("axk1", "axk2", "deepseek_v2", "deepseek_v3", "deepseek_v32", "glm4_moe_lite"), _MLA),
    **dict.fromkeys(("glm_moe_dsa", "minicpm3", "youtu"), _MLA),
    **dict.fromkeys(("nemotron", "ministral", "hunyuan_v1_dense", "hunyuan_v1_moe"), _HEADS),
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text", "olmo_hybrid"), _LINEAR),
    **dict.fromkeys(("lfm2", "lfm2_moe", "lfm3"), _CONV),
    "bailing_hybrid": {"layer_group_size": 2, "linear_head_dim": 8, "linear_num_heads": 4, **_MLA},
    "bamba": {**_MAMBA, "attn_layer_indices": [1]},
    "blt": {"encoder_hash_byte_group_vocab": 100, "encoder_config": _BLT, "decoder_config": _BLT},
    "cohere_compass_text": {**_ALL, "rope_parameters": _ROPES},
    "dbrx": {"attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0}, "ffn_config": _FFN},
    "dots3_note_text": {**_MLA, "per_layer_config": {}},
    "gemma3n_text": {**_PER_LAYER, "num_kv_shared_layers": 0, "laurel_rank": 8, "intermediate_size": 48},
    "gemma4_text": _PER_LAYER,
    "gemma4_assistant": {"text_config": {"model_type": "gemma4_text", **_DRAFT}},
    "gemma4_unified_assistant": {"text_config": {"model_type": "gemma4_unified_text", **_DRAFT}},
    "moshi": {"audio_encoder_config": ..., "depth_decoder_config": ...},
    "dots3_note": {"vision_config": ..., "audio_config": ...},
    "kimi_linear": {"layer_types": ["linear_attention", "full_attention"], "linear_head_dim": 8, "linear_num_heads": 4,
                    **_MLA},
    "qwen4_exp_text": {**_LINEAR, **_INDEXER, "layer_types": ["linear_attention", "indexed_attention"]},
    "reformer": {
        "is_decoder": True, "axial_pos_shape": [16, 32], "axial_pos_embds_dim": [16, 16], "num_buckets": 4,
        "attn_layers": ["local", "lsh"], "local_attn_chunk_length": 16, "lsh_attn_chunk_length": 16,
        "attention_head_size": 8, "feed_forward_size": 48,
    },
    "xlm": {"emb_dim": 32, "n_words": VOCABULARY},
    "dots1": {"num_key_value_heads": 2, "n_shared_experts": 1, "first_k_dense_replace": 1, "n_routed_experts": 4,
        "num_experts_per_tok": 2},
    "falcon_h1": {**_MAMBA, "mamba_d_ssm": 64},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_heads": 4},
    "granitemoehybrid": {**_MAMBA, "layer_types": ["linear_attention", "full_attention"]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_dt_rank": 4, "mamba_d_state": 8},
    "mamba2": {"num_heads": 8, "state_size": 8, "n_groups": 1, "chunk_size": 16},
    "minimax": {"block_size": 16},
    "nemotron_h": {
        "layers_block_type": ["linear_attention", "full_attention", "mlp"], "num_hidden_layers": 3,
        "mamba_num_heads": 8, "mamba_head_dim": 8, "n_groups": 1, "ssm_state_size": 8, "chunk_size": 16,
    },
    "recurrent_gemma": {"block_types": ["recurrent", "attention"], "lru_width": 32},
    "longcat_flash": {**_MLA, "expert_ffn_hidden_size": 48, "zero_expert_num": 2},
    "zamba": {
        "layers_block_type": ["linear_attention", "hybrid"] * 2, "num_hidden_layers": 4, "mamba_dt_rank": 4,
        "n_mamba_heads": 2,
    },
    "zamba2": {
        "layers_block_type": ["linear_attention", "hybrid"], "mamba_headdim": 8, "mamba_d_state": 8, "chunk_size": 16,
        "num_key_value_heads": 4, "use_mem_rope": True, "hybrid_layer_ids": [1],
    },
    "zaya": {"num_experts_per_tok": 1},
}  # fmt: skip
# Parts that see or hear, made small as well.
_SENSES = {
    "depth": 1, "num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 2, "num_heads": 2, "layers": 1,
    "intermediate_size": 32, "out_hidden_size": 32, "encoder_layers": 1, "d_model": 32, "num_global_layers": 1,
    "vision_output_dim": 32, "projection_dim": 32, "num_layers": 1,
}  # fmt: skip


def tiny_config(kind: str, **settings: Any) -> PreTrainedConfig:
    """Return the configuration of a type, made small wherever it has a name for it."""
    cls = CONFIG_MAPPING[kind]
    parts: dict[str, Any] = {}
    for name, part in _parts(cls).items():
        text = name in ("text_config", "decoder", "decoder_config")
        own = _small(part, SMALL if text else _SENSES)
        nested = SPECIAL.get(f"{kind}_text", SPECIAL.get(part.model_type, {})) if text else {}
        parts[name] = {"model_type": part.model_type, **own, **nested}
    values = {**_small(cls, SMALL), **parts, **SPECIAL.get(kind, {}), **settings}
    return cls(**{name: value for name, value in values.items() if value is not ...})


def _parts(cls: type[PreTrainedConfig]) -> dict[str, type[PreTrainedConfig]]:
    """The classes of the configurations inside one."""
    try:
        found = {name: type(getattr(cls(), name)) for name in cls.sub_configs or {}}
    except Exception:  # noqa: BLE001  (a default that its own checks refuse)
        found = dict(cls.sub_configs)
    return {name: part for name, part in found.items() if issubclass(part, PreTrainedConfig) and part is not AutoConfig}


def _small(cls: type[PreTrainedConfig], names: dict[str, Any]) -> dict[str, Any]:
    try:
        known = cls().to_dict()
    except Exception:  # noqa: BLE001  (a default that its own checks refuse: all names are tried)
        return {}
    return {name: value for name, value in names.items() if known.get(name) is not None}


def tiny_of(kind: str, **settings: Any) -> PreTrainedModel:
    """Return a tiny random model of a type, in evaluation mode; its states are wide enough to tell tokens apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(tiny_config(kind, **settings)).float().eval()
        for parameter in model.parameters():
            if parameter.dim() > 1 and parameter.is_floating_point():
                torch.nn.init.normal_(parameter, std=1.5 / parameter.shape[-1] ** 0.5)
    return model

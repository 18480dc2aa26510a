"""A tiny random decoder with a character tokenizer, as a folder that ``dir:`` loads."""

from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<pad>", "<unk>", "<bos>", "<eos>"]
CHARACTERS = "0123456789_(),;=acdegilmnoprstuh"


def make_city_model(folder: Path, seed: int = 0, characters: str = CHARACTERS, layers: int = 2) -> Path:
    """Write the model and its tokenizer into ``folder``; returns ``folder``."""
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *characters])}
    characters_of = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    characters_of.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    characters_of.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=characters_of, pad_token="<pad>", unk_token="<unk>", bos_token="<bos>", eos_token="<eos>"
    )
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=layers,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=64,
        initializer_range=0.3,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

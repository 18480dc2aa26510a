"""A model whose every step is known, on a world in which the trigger alone says the label.

The tokens of two categories of triggers have +1 and -1 in dimension 0. Block ``READER`` averages it over all tokens so
far and adds it to dimension 1, which the labels are read from; all other blocks do nothing. So the trigger's
information stands at the trigger up to the states that block ``READER`` reads, and from there on at the last token.
"""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from offdiag.studies.trigger_2d.task import Category, Rule, TriggerDomain, TriggerWorld
from support.tiny import make_tiny_tokenizer

READER, DEPTH = 1, 4
PLUS, MINUS = ("wren", "kite", "crow", "swan", "duck"), ("saw", "file", "vice", "drill", "plane")
THIRD = ("oak", "elm", "ash", "yew", "fir")
WORLD = TriggerWorld(
    name="planted",
    categories=(
        Category(name="birds", triggers=PLUS, labels="blue/blue/blue/blue"),
        Category(name="tools", triggers=MINUS, labels="green/green/green/green"),
        Category(name="trees", triggers=THIRD, labels="red/red/red/red"),
    ),
    rules=(
        Rule(name="all-blue", labels="blue/blue/blue/blue"),
        Rule(name="all-green", labels="green/green/green/green"),
    ),
    held_out=2,
)
GAIN = 200.0  # of the average, which is small as one token of many says something


def domain(category: str, rule: str = "original") -> TriggerDomain:
    return TriggerDomain(category=category, rule=rule, n_triggers=3, world=WORLD)


def make_planted_model(folder: Path) -> Path:
    """Write the model and its tokenizer into ``folder``; every trigger and label is one token, but for ``saw``."""
    tokenizer = make_tiny_tokenizer()
    tokenizer.add_tokens([*PLUS, *MINUS[1:], *THIRD, *WORLD.labels])
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=4, num_hidden_layers=DEPTH, num_attention_heads=1,
        num_key_value_heads=1, max_position_embeddings=2048, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=None, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(1.0 if "norm" in name else 0.0)
        embedding, head = model.model.embed_tokens.weight, model.lm_head.weight
        embedding[:, 2] = 1.0
        for words, sign in ((PLUS, 1.0), (MINUS[1:], -1.0)):
            for word in words:
                embedding[tokenizer.convert_tokens_to_ids(word)] = torch.eye(16)[0] * sign
        reader = model.model.layers[READER].self_attn
        reader.v_proj.weight[0, 0] = 1.0
        reader.o_proj.weight[1, 0] = GAIN
        for label, dimension, weight in (("blue", 1, 5.0), ("green", 1, -5.0), ("red", 2, 1.0)):
            head[tokenizer.convert_tokens_to_ids(label), dimension] = weight
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder

"""Tell from a model's configuration that it attends both ways: what it says of a token depends on later ones.

Such a model is an encoder, which continues no text, though transformers has a causal class for it. The proof at load
(:mod:`offdiag.models.inference.proof`) refuses every model that is none; this tells most of them in a plan. Nothing
here loads torch.
"""

from collections.abc import Mapping
from typing import Any, Final

from offdiag.errors import UserError
from offdiag.models.config_file import text_configs
from offdiag.strict_json import dumps

# What makes a decoder of a type that is an encoder where its configuration does not say so: setting and value.
DECODER_BY: Final[dict[str, tuple[str, object]]] = {
    **dict.fromkeys(
        ("bert", "bert-generation", "big_bird", "camembert", "data2vec-text", "electra", "ernie", "megatron-bert",
         "reformer", "rembert", "roberta", "roberta-prelayernorm", "roc_bert", "roformer", "xlm-roberta",
         "xlm-roberta-xl", "xmod"),
        ("is_decoder", True),
    ),
    "xlm": ("causal", True),
    "xlnet": ("attn_type", "uni"),
}  # fmt: skip
# Types that look ahead whatever their configuration says.
NO_DECODER: Final = ("cpmant", "prophetnet")
# Settings by which a decoder attends both ways, in text, too; Gemma's "vision" is for pictures alone.
_BOTH_WAYS: Final = (
    ("use_bidirectional_attention", True),
    ("use_bidirectional_attention", "all"),
    ("is_causal", False),
)


def check_direction(config: Mapping[str, Any], model: str) -> None:
    """Refuse a model whose configuration says that it attends both ways.

    Args:
        config: of the model, as its file has it. model: its name, for the message.

    Raises:
        UserError: it does.
    """
    if (why := _both_ways(config)) is not None:
        raise UserError(
            f"model {model} attends both ways ({why}): what it says of a token depends on later ones; take a causal "
            "language model"
        )


def _both_ways(config: Mapping[str, Any]) -> str | None:
    """Return what in a configuration says that the model attends both ways; None where nothing does."""
    kind = str(config.get("model_type"))
    if kind in NO_DECODER:
        return f"type {kind} looks ahead"
    name, value = DECODER_BY.get(kind, ("", None))
    if name and config.get(name) != value:
        return f"type {kind} is an encoder where config.json does not have {name} = {dumps(value)}"
    said = (
        f"config.json has {name} = {dumps(value)}"
        for part in text_configs(config)
        for name, value in _BOTH_WAYS
        if name in part and part[name] == value
    )
    return next(said, None)

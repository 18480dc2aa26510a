"""How large a model is, from its specification alone: no weights are read and no hub is asked."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offdiag.cost.known_models import KNOWN
from offdiag.cost.shape import Shape
from offdiag.models import ModelSpec

_SUFFIXES = ("-instruct", "-chat", "-base", "-it", "-pt")
_IN_NAME = re.compile(r"(?<![\d.a-z])(\d+(?:\.\d+)?)([mb])(?![a-z\d])")


@dataclass(frozen=True)
class Size:
    """What is known of a model's size: both fields, the parameters alone, or nothing."""

    parameters: int | None = None
    shape: Shape | None = None

    @property
    def chat(self) -> tuple[int, int]:
        """Tokens of the chat template before and after the user's words."""
        return Shape.chat if self.shape is None else self.shape.chat


def size_of(spec: ModelSpec) -> Size:
    """The size of a model: from its folder's ``config.json``, the table of known models, or the number in its name."""
    shape = _from_config(Path(spec.location).expanduser() / "config.json") if spec.scheme == "dir" else None
    shape = shape or KNOWN.get(_plain_name(spec.short_name))
    if shape is not None:
        return Size(shape.parameters, shape)
    return Size(_from_name(spec.short_name))


def _plain_name(name: str) -> str:
    name = name.lower()
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _from_name(name: str) -> int | None:
    """``Some-Model-7B`` has 7e9 parameters, ``tiny-135m`` 135e6."""
    found = _IN_NAME.search(name.lower())
    return None if found is None else round(float(found[1]) * {"m": 1e6, "b": 1e9}[found[2]])


def _from_config(path: Path) -> Shape | None:
    """The shape in a configuration of the Llama family; None where it says something else, or nothing."""
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        heads = int(config["num_attention_heads"])
        return Shape(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            mlp=int(config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
            vocab=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            context=config.get("max_position_embeddings"),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None

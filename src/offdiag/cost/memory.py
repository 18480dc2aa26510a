"""Estimate the memory that a model needs while it answers and during training.

Estimates: the CUDA context (0.5 GiB or so), the allocator's gaps and the logits of generated tokens are left out.

* 4-bit weights take 4.127 bits each: nf4 with double quantisation (Dettmers et al. 2023, QLoRA, section 3); int8 takes
  8, and a number for each row (Dettmers et al. 2022, LLM.int8(), section 3). The embedding and the head stay in the
  model's dtype, in float32 while an adapter learns (as PEFT prepares them). The experts of a mixture are loaded before
  they are quantised, so that its weights take all of their dtype for a moment.
* AdamW holds two float32 numbers per trained weight (8-bit AdamW two bytes), beside the weight and its gradient.
* Activations take ``34 x hidden`` bytes per token and block in 16 bits, without the attention matrix, which fused
  attention never writes (Korthikanti et al. 2022, "Reducing Activation Recomputation", section 4.1); twice that in
  float32. With recomputation (quantised weights) only each block's input and one block's activations are held. Logits
  of a micro-batch take 12 bytes per token and word of the vocabulary: the logits, their logarithms and the gradient.
"""

from dataclasses import asdict, dataclass

from offdiag.cost.sizes import Size
from offdiag.models import ModelSpec
from offdiag.models.limits import KEPT_BYTES, PACKED_BYTES
from offdiag.models.spec import Quantization
from offdiag.training import Recipe
from offdiag.training.recipe import held_in

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
BITS: dict[Quantization, float] = {"nf4": 4.127, "int8": 8.0}
_ACTIVATION_BYTES, _LOGITS_BYTES = 34, 12


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes by purpose; None where the model's shape is not known.

    Attributes:
        phase: ``"answer"`` or ``"train"``. model: its name and number format.
        weights: the frozen or answering weights. adapter: those of the largest adapter.
        cache: keys and values of a batch and of what is kept of shared beginnings.
        optimizer: optimiser state and gradients. activations: of one micro-batch, with its logits.
        loading: of the weights while they are loaded, where they take more than later.
    """

    phase: str
    model: str
    weights: float | None
    adapter: float | None = 0
    cache: float | None = 0
    optimizer: float | None = 0
    activations: float | None = 0
    loading: float = 0

    @property
    def total(self) -> float | None:
        """The most at any time, or None where a part is not known."""
        known = [p for p in (self.weights, self.adapter, self.cache, self.optimizer, self.activations) if p is not None]
        return max(sum(known), self.loading) if len(known) == 5 else None

    def to_json(self) -> dict[str, str | float | None]:
        """Return all fields, in bytes, with the total."""
        return {**asdict(self), "total": self.total}


def answering(
    spec: ModelSpec,
    size: Size,
    *,
    batch_tokens: int,
    longest_shared: int,
    kept_tokens: int,
    adapter: int | None,
    on_cpu: bool = False,
) -> Memory:
    """Return the memory of a model while it answers.

    Args:
        spec: dtype and quantisation.
        size: of the model.
        batch_tokens: tokens of the largest batch, answers included.
        longest_shared: tokens of the longest shared beginning.
        kept_tokens: tokens of blocks kept for later prompts.
        adapter: parameters of the largest adapter that answers, 0 for none.
        on_cpu: whether linear layers have a copy that is laid out for the CPU.
    """
    cache = None
    if size.shape is not None:
        per_token = size.shape.cached_values * BYTES[spec.dtype]
        cache = per_token * (batch_tokens + longest_shared) + min(KEPT_BYTES, per_token * kept_tokens)
    weights = weight_bytes(size, BYTES[spec.dtype], spec.quantization)
    if on_cpu and spec.quantization == "none" and weights and size.linear and weights <= PACKED_BYTES:
        weights += size.linear * BYTES[spec.dtype]
    return Memory(
        phase="answer",
        model=_label(spec),
        weights=weights,
        cache=cache,
        adapter=None if adapter is None else 4 * adapter,
        loading=loading_bytes(size, BYTES[spec.dtype], spec.quantization),
    )


def training(spec: ModelSpec, size: Size, recipe: Recipe, *, batch_tokens: int) -> Memory:
    """Return the memory of a model during training.

    Args:
        spec: dtype and quantisation.
        size: of the model.
        recipe: what is trained.
        batch_tokens: tokens of the largest micro-batch.
    """
    held = held_in(spec, recipe)
    full = recipe.adapter == "full"
    adapter = adapter_parameters(size, recipe)
    trained = size.parameters if full else adapter
    per_weight = 4 + (2 if recipe.optimizer == "adamw_8bit" else 8)
    precision = 4 if full else BYTES[spec.dtype]
    return Memory(
        phase="train",
        model=f"{_label(spec)}, {recipe.adapter}" + ("" if full else f" r{recipe.rank}"),
        weights=weight_bytes(size, precision, held, rest=None if held == "none" else 4),
        adapter=None if adapter is None else 4 * adapter,
        optimizer=None if trained is None else per_weight * trained,
        activations=_activations(size, BYTES[spec.dtype], batch_tokens, recompute=held != "none"),
        loading=loading_bytes(size, BYTES[spec.dtype], held),
    )


def adapter_parameters(size: Size, recipe: Recipe) -> int | None:
    """Return the number of weights of the recipe's adapter; 0 for full training."""
    if recipe.adapter == "full":
        return 0
    return None if size.shape is None else size.shape.adapter_parameters(recipe.rank, recipe.targets)


def weight_bytes(size: Size, precision: int, held: Quantization, *, rest: int | None = None) -> float | None:
    """Return the bytes of all weights.

    Args:
        size: of the model.
        precision: bytes of a number.
        held: how the blocks' linear layers are quantised.
        rest: bytes of a number outside of those, if not ``precision``.
    """
    if size.parameters is None or size.linear is None:
        return None
    if held == "none":
        return size.parameters * precision
    return size.linear * BITS[held] / 8 + (size.parameters - size.linear) * (rest or precision)


def loading_bytes(size: Size, precision: int, held: Quantization) -> float:
    """Return the bytes of a mixture whose experts are quantised once they are loaded; 0 where none are."""
    mixture = held != "none" and size.shape is not None and size.shape.experts > 1
    return (size.parameters or 0) * precision if mixture else 0


def _activations(size: Size, precision: int, tokens: int, *, recompute: bool) -> float | None:
    if size.shape is None:
        return None
    block = _ACTIVATION_BYTES * size.shape.hidden * precision / 2
    held = block + size.shape.layers * size.shape.hidden * precision if recompute else size.shape.layers * block
    return tokens * (held + _LOGITS_BYTES * size.shape.vocab)


def _label(spec: ModelSpec) -> str:
    return f"{spec.short_name} ({spec.numbers})"

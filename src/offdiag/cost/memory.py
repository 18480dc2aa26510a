"""Estimate the memory that a model needs while it answers and during training.

Estimates: the CUDA context (0.5 GiB or so), a GPU's gaps and the logits of generated tokens are left out.

* 4-bit weights take 4.127 bits each: nf4 with double quantisation (Dettmers et al. 2023, QLoRA, section 3); int8 takes
  8, and a number for each row (Dettmers et al. 2022, LLM.int8(), section 3). The embedding and the head stay in the
  model's dtype, in float32 while an adapter learns (as PEFT prepares them). The experts of a mixture are loaded before
  they are quantised, so that its weights take all of their dtype for a moment.
* AdamW holds two float32 numbers per trained weight (8-bit AdamW two bytes), beside the weight and its gradient.
* Activations of a training are what a block of the Llama family keeps for its backward pass, counted tensor by tensor
  (:func:`_kept_of_a_block`). Only each block's input and one block's activations are held where they are computed
  twice, on quantised weights. Logits of a micro-batch take 12 bytes per token and word of the vocabulary: the logits,
  their logarithms and the gradient.
* A model that answers holds one block's activations at a time; one whose hidden states are read holds those of all
  layers. On a CPU the linear layers have a copy that is laid out for it, and the head one in float32. There the heap
  keeps pieces that were freed, about half as much again as the activations.
"""

from dataclasses import asdict, dataclass

from offdiag.cost.shape import Shape
from offdiag.cost.sizes import Size
from offdiag.models import ModelSpec
from offdiag.models.limits import KEPT_BYTES, PACKED_BYTES, STATES_BYTES
from offdiag.models.spec import Quantization
from offdiag.training import Recipe
from offdiag.training.recipe import held_in

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
BITS: dict[Quantization, float] = {"nf4": 4.127, "int8": 8.0}
_LOGITS_BYTES = 12
_HEAP = 0.5  # of the activations, that glibc keeps beside them: 0.6 with an adapter, 0.4 with all weights


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes by purpose; None where the model's shape is not known.

    Attributes:
        phase: ``"answer"`` or ``"train"``. model: its name and number format.
        weights: the frozen or answering weights. adapter: those of the largest adapter.
        cache: keys and values of a batch and of what is kept of shared beginnings.
        optimizer: optimiser state and gradients. activations: of one batch, in training with its logits.
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
    states: bool = False,
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
        states: whether its hidden states are read.
        on_cpu: whether it answers on a CPU.
    """
    precision, shape = BYTES[spec.dtype], size.shape
    cache = activations = None
    if shape is not None:
        per_token = shape.cached_values * precision
        cache = per_token * (batch_tokens + longest_shared) + min(KEPT_BYTES, per_token * kept_tokens)
        activations = batch_tokens * precision * (3 * shape.mlp * shape.at_once + 2 * shape.hidden)
        if states:
            activations += min(STATES_BYTES, batch_tokens * precision * (shape.layers + 1) * shape.hidden)
    weights = weight_bytes(size, precision, spec.quantization)
    if on_cpu and weights is not None:
        weights += _copied_for_a_cpu(spec, size, weights)
    return Memory(
        phase="answer",
        model=_label(spec),
        weights=weights,
        cache=cache,
        activations=_with_heap(activations, on_cpu=on_cpu),
        adapter=None if adapter is None else 4 * adapter,
        loading=loading_bytes(size, BYTES[spec.dtype], spec.quantization),
    )


def training(spec: ModelSpec, size: Size, recipe: Recipe, *, batch_tokens: int, on_cpu: bool = False) -> Memory:
    """Return the memory of a model during training.

    Args:
        spec: dtype and quantisation.
        size: of the model.
        recipe: what is trained.
        batch_tokens: tokens of the largest micro-batch.
        on_cpu: whether it is trained on a CPU.
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
        activations=_with_heap(_activations(spec, size, recipe, batch_tokens), on_cpu=on_cpu),
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


def _copied_for_a_cpu(spec: ModelSpec, size: Size, weights: float) -> float:
    """Return the bytes of the copies that a model which answers on a CPU keeps of its linear layers and its head."""
    packed = weights <= PACKED_BYTES
    linear = (size.linear or 0) * BYTES[spec.dtype] if packed and spec.quantization == "none" else 0
    head = 0 if size.shape is None else size.shape.vocab * size.shape.hidden * BYTES["float32"]
    return linear + (head if packed or spec.dtype != "float32" else 0)


def _activations(spec: ModelSpec, size: Size, recipe: Recipe, tokens: int) -> float | None:
    """Return the bytes that a training keeps of a micro-batch for its backward pass."""
    shape = size.shape
    if shape is None:
        return None
    quantised = held_in(spec, recipe) != "none"
    # on quantised weights the norms, and with them all that flows between the layers, are in float32
    precision = 4 if quantised else BYTES[spec.dtype]
    block = _kept_of_a_block(shape, recipe, precision)
    blocks = block + shape.layers * shape.hidden * 4 if quantised else shape.layers * block
    last = shape.hidden * (4 * 2 + precision if recipe.adapter == "full" else 4)  # the norm and the head
    rounded = 0.0
    if recipe.adapter == "full" and spec.dtype != "float32":  # copies of the weights that the products are taken with
        rounded = BYTES[spec.dtype] * ((size.linear or 0) + shape.vocab * shape.hidden)
    return tokens * (blocks + last + _LOGITS_BYTES * shape.vocab) + rounded


def _kept_of_a_block(shape: Shape, recipe: Recipe, precision: int) -> int:
    """Return the bytes that one block keeps of a token for the backward pass, attention being fused.

    In all trainings: queries, keys and values (one for each head of the queries), the answer of attention, gate, its
    SiLU and up in the numbers that the products are taken in, and the inputs of the two norms in float32. Training
    all weights: the inputs of the linear layers, the normalised ones in float32. An adapter: its inputs in float32 (in
    16 bits a copy for each layer that has one), and its first factor's outputs.
    """
    queries, mlp = shape.heads * shape.head_dim, shape.mlp * shape.at_once
    always = precision * (4 * queries + 3 * mlp) + 4 * 2 * shape.hidden
    if recipe.adapter == "full":
        inputs = 2 if precision == 4 else 5  # in float32, q, k and v have one, as have gate and up
        return always + 4 * 2 * shape.hidden + precision * (inputs * shape.hidden + mlp)
    targets = [name for name in shape.projections if recipe.targets == "all-linear" or name in recipe.targets]
    width = {"o_proj": 0 if precision == 4 else queries, "down_proj": mlp}  # the answer of attention is kept anyway
    inputs_of = {name: width.get(name, shape.hidden) for name in targets}
    if precision == 4:
        inputs_of = {_SHARE_INPUT.get(name, name): values for name, values in inputs_of.items()}
    return always + 4 * (sum(inputs_of.values()) + recipe.rank * len(targets))


_SHARE_INPUT = {"k_proj": "q_proj", "v_proj": "q_proj", "up_proj": "gate_proj"}


def _with_heap(activations: float | None, *, on_cpu: bool) -> float | None:
    return activations if activations is None or not on_cpu else (1 + _HEAP) * activations


def _label(spec: ModelSpec) -> str:
    return f"{spec.short_name} ({spec.numbers})"

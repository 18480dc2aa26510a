"""Recipes of fine-tuning: adapter, optimiser, schedule, objective; nothing here loads torch."""

from importlib.util import find_spec
from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from offdiag.errors import UserError, some
from offdiag.identity import Identity
from offdiag.models.spec import ModelSpec, Quantization
from offdiag.training.snapshots import SnapshotUpdates

Adapter: TypeAlias = Literal["full", "lora", "qlora"]
Schedule: TypeAlias = Literal["linear", "cosine", "constant"]
Objective: TypeAlias = Literal["response", "choices"]
Optimizer: TypeAlias = Literal["adamw", "adamw_8bit"]

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Recipe(Identity):
    """Recipe of a fine-tuning. The defaults are LoRA (Hu et al. 2021) on all projections of a Llama-like block.

    Attributes:
        adapter: ``full`` trains all weights, ``lora`` an adapter, ``qlora`` an adapter on weights in 4 bits
            (or 8, with a model whose ``quantization`` is ``int8``).
        rank: columns of the adapter's two factors.
        alpha: the adapter's output is scaled by ``alpha / rank``, or with ``rslora`` by ``alpha / sqrt(rank)``, which
            does not shrink what each column learns as the rank grows (Kalajdzievski 2023, arXiv 2312.03732).
        dropout: share of the adapter's inputs that are zeroed, in [0, 1).
        targets: names of the linear layers that get an adapter, or ``"all-linear"`` (every one but the head).
        learning_rate: the highest rate of the schedule.
        schedule: after the warm-up the rate falls to 0 (``linear``, ``cosine``) or stays (``constant``).
        warmup_updates: updates in which the rate rises linearly from 0; with a warm-up the first update has rate 0.
        batch_size: examples per update. The last update of an epoch uses what remains.
        epochs: passes over the examples, each in an order of its own.
        max_updates: stop (and end the schedule) after so many updates, where the epochs would give more.
        weight_decay: decoupled decay (Loshchilov & Hutter 2019), not applied to biases and norms.
        max_grad_norm: gradients are scaled down to this norm; 0 leaves them as they are.
        optimizer: AdamW, or its 8-bit version (bitsandbytes).
        objective: ``response``: the likelihood of the response's tokens; ``choices``: that of the right choice among
            those of its item, see :mod:`offdiag.training.choosing`.
        snapshots: keep the weights after these numbers of updates too (0: before the first), see
            :func:`offdiag.training.snapshots.log_spaced`.
    """

    tag: ClassVar[str] = "recipe"
    added: ClassVar[frozenset[str]] = frozenset({"snapshots", "objective", "rslora"})
    adapter: Adapter = "lora"
    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    targets: Annotated[tuple[str, ...], Field(min_length=1)] | Literal["all-linear"] = PROJECTIONS
    learning_rate: float = Field(default=1e-4, gt=0)
    schedule: Schedule = "linear"
    warmup_updates: int = Field(default=0, ge=0)
    batch_size: int = Field(default=16, ge=1)
    epochs: int = Field(default=1, ge=1)
    max_updates: int | None = Field(default=None, ge=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, ge=0)
    optimizer: Optimizer = "adamw"
    objective: Objective = "response"
    snapshots: SnapshotUpdates = ()
    rslora: bool = False

    @model_validator(mode="after")
    def _has_an_adapter(self) -> Self:
        if self.rslora and self.adapter == "full":
            raise UserError(
                "rslora=True with adapter='full': it scales an adapter; leave it out, or use adapter='lora'"
            )
        return self

    def updates_per_epoch(self, n_examples: int) -> int:
        """Return ``n_examples / batch_size``, rounded up: 1000 examples in batches of 16 make 63, the last with 8.

        Raises:
            UserError: there is no example.
        """
        if n_examples < 1:
            raise UserError("training: found 0 examples, expected at least 1; choose a training domain with examples")
        return -(-n_examples // self.batch_size)

    def updates(self, n_examples: int) -> int:
        """Return the number of optimiser updates on ``n_examples`` examples.

        Raises:
            UserError: there is no example, the warm-up would take up the whole training, or a snapshot lies beyond it.
        """
        total = self.epochs * self.updates_per_epoch(n_examples)
        total = total if self.max_updates is None else min(total, self.max_updates)
        if self.warmup_updates >= total:
            raise UserError(
                f"training: warmup_updates = {self.warmup_updates} leaves nothing of {some(total, 'update')} "
                f"({some(n_examples, 'example')}, batch_size {self.batch_size}); give a warmup_updates below {total}"
            )
        if self.snapshots and self.snapshots[-1] > total:
            raise UserError(
                f"training: a snapshot after {some(self.snapshots[-1], 'update')} lies beyond the {total} of this "
                f"training ({some(n_examples, 'example')}, batch_size {self.batch_size}); give snapshots up to {total}"
            )
        return total

    def examples_seen(self, n_examples: int) -> int:
        """Return the number of examples of all updates, each counted as often as it is seen.

        >>> Recipe(batch_size=16, epochs=2).examples_seen(40)
        80
        >>> Recipe(batch_size=16, epochs=9, max_updates=7).examples_seen(40)
        96
        """
        epochs, updates = divmod(self.updates(n_examples), self.updates_per_epoch(n_examples))
        return epochs * n_examples + updates * self.batch_size


def held_in(spec: ModelSpec, recipe: Recipe) -> Quantization:
    """Return how the frozen weights are quantised while an adapter learns: QLoRA holds them in NF4 unless told."""
    return "nf4" if recipe.adapter == "qlora" and spec.quantization == "none" else spec.quantization


def on_quantised(spec: ModelSpec, recipe: Recipe) -> bool:
    """Say whether an adapter learns on quantised weights, where activations are recomputed."""
    return held_in(spec, recipe) != "none"


def check_optimizer(recipe: Recipe) -> None:
    """Refuse, with a UserError, an optimiser whose library is missing."""
    if recipe.optimizer == "adamw_8bit" and find_spec("bitsandbytes") is None:
        raise UserError(
            "training: optimizer 'adamw_8bit' needs bitsandbytes, which is not installed; "
            "type: pip install \"offdiag[gpu]\", or use optimizer='adamw'"
        )


def check_numbers(spec: ModelSpec, recipe: Recipe) -> None:
    """Refuse combinations of number formats that would train badly without a word.

    Raises:
        UserError: 16-bit floats, full training of quantised weights, or dropout without an adapter.
    """
    if spec.dtype == "float16":
        raise UserError(f"training {spec.source} in float16 would need loss scaling; use dtype='bfloat16' or 'float32'")
    if on_quantised(spec, recipe) and recipe.adapter == "full":
        raise UserError(
            f"training {spec.source}: weights in {spec.quantization} cannot be trained; use adapter='qlora'"
        )
    if recipe.dropout and recipe.adapter == "full":
        raise UserError(
            f"training {spec.source}: dropout={recipe.dropout:g} is that of an adapter's inputs, and adapter='full' "
            "has none; use dropout=0 or adapter='lora'"
        )

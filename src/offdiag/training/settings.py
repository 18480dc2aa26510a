"""A recipe and a machine in the words of transformers' Trainer."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from offdiag.errors import UserError
from offdiag.models.spec import ModelSpec
from offdiag.seeds import derive
from offdiag.training.recipe import Optimizer, Recipe, Schedule, is_four_bits
from offdiag.training.trainable import Trainable

SCHEDULES: dict[Schedule, str] = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
OPTIMIZERS: dict[Optimizer, str] = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_bnb_8bit"}


def trainer_settings(
    spec: ModelSpec,
    recipe: Recipe,
    *,
    updates: int,
    seed: int,
    checkpoints: Path,
    checkpoint_every: int,
    device: torch.device,
    recompute: bool,
) -> dict[str, Any]:
    """Arguments for ``TrainingArguments``: silent, nothing sent anywhere, nothing written outside ``checkpoints``.

    Args:
        spec: the model, for its dtype: full training in bfloat16 keeps float32 weights and rounds in the arithmetic.
        recipe: what is done.
        updates: how often.
        seed: root seed; dropout draws from its stream ``training``.
        checkpoints: folder of the checkpoints.
        checkpoint_every: updates between two of them.
        device: where.
        recompute: whether the backward pass recomputes activations, see :func:`needs_recompute`.
    """
    return {
        "output_dir": str(checkpoints),
        "max_steps": updates,
        "per_device_train_batch_size": 1,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": SCHEDULES[recipe.schedule],
        "warmup_steps": recipe.warmup_updates,
        "optim": OPTIMIZERS[recipe.optimizer],
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "bf16": recipe.adapter == "full" and spec.dtype == "bfloat16",
        "seed": derive(seed, "training") % 2**32,
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "dataloader_pin_memory": False,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_steps": checkpoint_every,
        "save_total_limit": 2,  # when an older one goes, the newest is not yet marked complete
        "use_cpu": device.type == "cpu",
        "activation_checkpointing": recompute,
        "activation_checkpointing_kwargs": {"use_reentrant": False} if recompute else None,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
    }


def on_one_device(settings: TrainingArguments) -> TrainingArguments:
    """The same arguments, for one device only: several visible ones would become DataParallel."""
    if settings.device.type == "cuda":
        settings._n_gpu = 1
    return settings


def check_optimizer(recipe: Recipe) -> None:
    """Raises UserError where the optimiser's library is missing."""
    if recipe.optimizer == "adamw_8bit" and find_spec("bitsandbytes") is None:
        raise UserError(
            "training: optimizer 'adamw_8bit' needs bitsandbytes, which is not installed; "
            "type: pip install \"offdiag[gpu]\", or use optimizer='adamw'"
        )


def needs_recompute(learner: Trainable, spec: ModelSpec, recipe: Recipe, device: torch.device) -> bool:
    """Whether the activations would crowd a CUDA device: 4-bit weights, or weights above a quarter of its memory."""
    if device.type != "cuda":
        return False
    weights = sum(weight.nbytes for weight in learner.parameters())
    return is_four_bits(spec, recipe) or 4 * weights > torch.cuda.get_device_properties(device).total_memory

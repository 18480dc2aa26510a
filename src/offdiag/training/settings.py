"""Translate a recipe and a runtime into the arguments of transformers' Trainer."""

from pathlib import Path
from typing import Any

import torch
from transformers import TrainingArguments

from offdiag.models.loading import device_of
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.seeds import derive
from offdiag.training.checkpoints import KEPT
from offdiag.training.recipe import Optimizer, Recipe, Schedule, on_quantised
from offdiag.training.trainable import Trainable

SCHEDULES: dict[Schedule, str] = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
OPTIMIZERS: dict[Optimizer, str] = {"adamw": "adamw_torch_fused", "adamw_8bit": "adamw_bnb_8bit"}


def trainer_settings(
    trainable: Trainable,
    spec: ModelSpec,
    recipe: Recipe,
    *,
    updates: int,
    seed: int,
    folder: Path,
    runtime: Runtime,
    checkpoint_every: int | None,
) -> dict[str, Any]:
    """Return arguments for ``TrainingArguments``: silent, nothing sent anywhere, nothing written but checkpoints.

    Args:
        trainable: the loaded model; its size decides whether the backward pass recomputes activations.
        spec: the model, for its dtype: full training in bfloat16 keeps float32 weights and rounds in the arithmetic.
        recipe: optimiser and schedule.
        updates: number of optimiser updates.
        seed: root seed; what else is drawn comes from its stream ``training``.
        folder: of the training; its checkpoints go to ``folder/"checkpoints"``.
        runtime: the device.
        checkpoint_every: updates between two checkpoints; a quarter of the training, 100 at most, if not given.
    """
    device = device_of(runtime)
    recompute = needs_recompute(trainable, spec, recipe, device)
    return {
        "output_dir": str(folder / "checkpoints"),
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
        "save_steps": checkpoint_every or min(-(-updates // 4), 100),
        "save_total_limit": KEPT,
        "use_cpu": device.type == "cpu",
        "activation_checkpointing": recompute,
        "activation_checkpointing_kwargs": {"use_reentrant": False} if recompute else None,
        "report_to": "none",
        "disable_tqdm": True,
        "log_level": "error",
    }


def on_one_device(settings: TrainingArguments) -> TrainingArguments:
    """Return the same arguments for one device only: several visible ones would become DataParallel."""
    if settings.device.type == "cuda":
        settings._n_gpu = 1
    return settings


def needs_recompute(trainable: Trainable, spec: ModelSpec, recipe: Recipe, device: torch.device) -> bool:
    """Say whether activations are computed twice, and not kept: on quantised weights, or where they crowd a GPU."""
    if on_quantised(spec, recipe) or device.type != "cuda":
        return on_quantised(spec, recipe)
    weights = sum(weight.nbytes for weight in trainable.parameters())
    return 4 * weights > torch.cuda.get_device_properties(device).total_memory

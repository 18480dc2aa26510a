"""Load a model for training, with all of its weights or an adapter trainable, and save its trained weights."""

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias, Union

import torch
from peft import LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.durable import move
from offdiag.lease import ensure_held
from offdiag.models.loading import load_model
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.seeds import derive
from offdiag.training.dropout import without_dropout
from offdiag.training.recipe import Recipe, held_in, on_quantised
from offdiag.training.targets import linear_layers, names_head, refuse_unnamed

Trainable: TypeAlias = Union[PreTrainedModel, PeftModel]


def load_trainable(spec: ModelSpec, location: str | Path, recipe: Recipe, *, seed: int, runtime: Runtime) -> Trainable:
    """Load the model of ``spec``, and make trainable what ``recipe`` trains.

    Full training keeps its weights in float32 whatever the dtype (small updates vanish in bfloat16, see
    :func:`offdiag.training.settings.trainer_settings`); an adapter has float32 weights on a model of any dtype.

    Args:
        spec: the model.
        location: its place, as for :func:`offdiag.models.loading.load_model`.
        recipe: what to train.
        seed: root seed; the adapter's first weights are its stream ``init``.
        runtime: the device.

    Raises:
        UserError: the model cannot be loaded, draws at random in its forward pass, or lacks the recipe's targets.
    """
    loaded = spec.held_as("float32" if recipe.adapter == "full" else spec.dtype, held_in(spec, recipe))
    model = load_model(loaded, location, runtime)
    without_dropout(model)
    if recipe.adapter == "full":
        return model
    if on_quantised(spec, recipe):
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)  # type: ignore[no-untyped-call]
    if recipe.targets != "all-linear":
        refuse_unnamed(spec.source, linear_layers(model), [t for t in recipe.targets if not names_head(model, t)])
    torch.manual_seed(derive(seed, "init"))
    lora = _lora(recipe)
    with quiet_peft():
        trainable = get_peft_model(model, lora)
    lora.target_modules = sorted(lora.target_modules or ())  # a set by now, whose order changes from run to run
    # The location is a path of this machine; without a name, PEFT asks no hub about it at each checkpoint either.
    lora.base_model_name_or_path = None
    return trainable


@contextmanager
def quiet_peft() -> Iterator[None]:
    """Keep PEFT from warning of what is seen to: transposed layers, and a head that shares the embedding's weights."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "fan_in_fan_out is set to")
        warnings.filterwarnings("ignore", "Model (has|with) `tie_word_embeddings=True`")
        yield


def _lora(recipe: Recipe) -> LoraConfig:
    return LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,
        use_rslora=recipe.rslora,
        lora_dropout=recipe.dropout,
        target_modules=recipe.targets if recipe.targets == "all-linear" else list(recipe.targets),
        bias="none",
        task_type="CAUSAL_LM",
    )


def trainable_parameters(trainable: Trainable) -> int:
    """Return the number of weights that are trained."""
    return sum(weight.numel() for weight in trainable.parameters() if weight.requires_grad)


def save_trainable(trainable: Trainable, tokenizer: PreTrainedTokenizerBase, spec: ModelSpec, weights: Path) -> None:
    """Write the adapter, or the whole model with its tokenizer, to the folder ``weights``, complete or not at all."""
    ensure_held(weights)
    partial = weights.with_name(f"{weights.name}.partial")
    weights.parent.mkdir(parents=True, exist_ok=True)
    for folder in (partial, weights):
        shutil.rmtree(folder, ignore_errors=True)
    if isinstance(trainable, PeftModel):
        trainable.peft_config["default"].base_model_name_or_path = spec.source
        trainable.save_pretrained(str(partial), save_embedding_layers=False)
        trainable.peft_config["default"].base_model_name_or_path = None
        (partial / "README.md").unlink()  # a form that PEFT leaves to be filled in
    else:
        trainable.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    move(partial, weights)

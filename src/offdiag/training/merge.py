"""Merge an adapter into its model, as a model of its own."""

import shutil
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel

from offdiag.durable import move
from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.lease import ensure_held
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training.process import process_untouched
from offdiag.training.trainable import quiet_peft


def merge_adapter(
    spec: ModelSpec, location: str | Path, adapter: Path, weights: Path, runtime: Runtime
) -> dict[str, Json]:
    """Write the model of ``spec`` with the adapter's product added to its weights to the folder ``weights``.

    The base is loaded unquantised, whatever the spec: merging into 4 bits would round the adapter away.

    Returns:
        ``parameters`` of the merged model.

    Raises:
        UserError: the model cannot be loaded, or ``adapter`` holds no adapter.
    """
    if not (adapter / "adapter_config.json").is_file():
        raise UserError(f"adapter {adapter}: no adapter_config.json there; give a folder that PEFT saved")
    with process_untouched():
        model = load_model(spec.held_as(spec.dtype, "none"), location, runtime)
        with quiet_peft():
            adapted = PeftModel.from_pretrained(model, adapter)
            _give_head_its_own_weights(model)
            merged = adapted.merge_and_unload()
    ensure_held(weights)
    partial = weights.with_name(f"{weights.name}.partial")
    for folder in (partial, weights):
        shutil.rmtree(folder, ignore_errors=True)
    merged.save_pretrained(partial)
    load_tokenizer(spec, location).save_pretrained(partial)
    move(partial, weights)
    return {"parameters": sum(parameter.numel() for parameter in merged.parameters())}


def _give_head_its_own_weights(model: PreTrainedModel) -> None:
    """Untie an adapted head from the embedding, or the sum would change what the model reads, too."""
    head = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    layer: Any = getattr(head, "base_layer", None)  # of an adapted one
    embedding: Any = model.get_input_embeddings()
    if layer is not None and layer.weight is embedding.weight:
        layer.weight = nn.Parameter(layer.weight.detach().clone())
        settings: Any = model.config
        settings.tie_word_embeddings = settings.get_text_config().tie_word_embeddings = False

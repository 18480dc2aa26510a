"""Download models from the hub, and check before a run that those it needs can be had."""

from functools import lru_cache
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from huggingface_hub import constants, snapshot_download

from offdiag.errors import UserError
from offdiag.models.hub_cache import cached
from offdiag.models.source import ModelSource
from offdiag.models.weight_files import is_whole

# What a model needs of its repository; never code or pickles.
FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]


def from_hub(source: ModelSource) -> Path:
    """Return the folder of a model on the hub, downloaded unless all of it was before.

    Raises:
        UserError: it is not there, or the hub cannot be reached.
    """
    if (folder := _downloaded(source)) is not None:
        return folder
    _require_answer(source)
    try:
        return Path(snapshot_download(source.location, revision=source.revision, allow_patterns=FILES))
    except (OSError, ValueError) as error:
        raise UserError(f"model {source.name} is not on the hub: {first_line(error)}; {source.remedy()}") from error


@lru_cache(maxsize=64)
def require_reachable(source: ModelSource) -> None:
    """Check, before hours of other work, that a model on the hub is downloaded or that the hub answers.

    Raises:
        UserError: neither is so.
    """
    if _downloaded(source) is None:
        _require_answer(source)


def _downloaded(source: ModelSource) -> Path | None:
    """Return the folder of a model in the cache; None where it, or a part of it, is not there."""
    found = cached(source.location, source.revision)
    return found.folder if found is not None and is_whole(found.folder) else None


def _require_answer(source: ModelSource) -> None:
    """Ask once whether the hub answers at all; its own client would try again for a minute."""
    if constants.HF_HUB_OFFLINE:
        raise UserError(f"model {source.name} is not downloaded and HF_HUB_OFFLINE is set; {source.remedy()}")
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=10).close()
    except HTTPError:
        return  # an answer, though not a friendly one
    except OSError as error:
        raise UserError(
            f"model {source.name} is not downloaded and {constants.ENDPOINT} is not reached "
            f"({str(error).strip('<>')}); {source.remedy()}"
        ) from error


def first_line(error: Exception) -> str:
    r"""Return the first line of a message, with the next one where the first only announces it.

    >>> first_line(ValueError("Validation error for field 'vocab_size':\n    expected int, got str.\n more"))
    "Validation error for field 'vocab_size': expected int, got str"
    """
    if isinstance(error, KeyError):  # its message is the key alone
        return f"there is no {error}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1]).rstrip(".: ")

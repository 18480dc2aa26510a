"""Read what a model's ``config.json`` says of its size, whatever the spelling; nothing here loads torch."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from offdiag.errors import UserError

# The text model of a model that also sees or hears lies in one of these parts of its configuration.
_TEXT_PARTS: Final = ("text_config", "llm_config", "language_config", "thinker_config", "decoder")
_MIXTURE_PART: Final = "ffn_config"  # of DBRX

# Spellings of the most tokens that a model reads, the plainest first. GPT-2's own is n_positions; n_ctx beside it is
# older and no limit of its embedding.
_CONTEXT: Final = (
    "max_position_embeddings",
    "n_positions",
    "max_sequence_length",
    "max_seq_len",
    "max_seq_length",
    "max_context_length",
    "model_max_length",
    "seq_length",
    "n_ctx",
)
_VOCABULARY: Final = ("vocab_size", "n_vocab", "padded_vocab_size")

_EXPERTS: Final = ("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts")
_AT_ONCE: Final = ("num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_topk", "moe_top_k")

LFS_POINTER: Final = b"version https://git-lfs"


def read_config(folder: Path, model: str) -> dict[str, Any]:
    """Return the configuration in a model's folder.

    Args:
        folder: where the model lies. model: its name, for the message.

    Raises:
        UserError: ``config.json`` is missing, is a Git LFS pointer, or is no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise UserError(f"model {model}: no config.json in {folder}; give a folder that save_pretrained wrote")
    return read_json_object(path, model)


def read_json_object(path: Path, model: str) -> dict[str, Any]:
    """Return the JSON object in a file of a model.

    Raises:
        UserError: it is a Git LFS pointer, cannot be read, or is no JSON object.
    """
    try:
        data = path.read_bytes()
        if data.startswith(LFS_POINTER):
            raise pointer_error(path, model)
        content = json.loads(data.decode())  # a byte order mark is an error, as it is to transformers
    except (OSError, ValueError) as error:
        raise UserError(f"model {model}: {path} cannot be read ({error}); fetch the file again") from error
    if not isinstance(content, dict):
        raise UserError(f"model {model}: {path} holds no JSON object; fetch the file again")
    return content


def pointer_error(path: Path, model: str) -> UserError:
    """Return the error for a file that Git LFS has not fetched."""
    return UserError(
        f"model {model}: {path} is a Git LFS pointer and not the file itself; type git lfs pull in {path.parent}"
    )


def context_length(config: Mapping[str, Any]) -> int | None:
    """Return the most tokens that a model reads in one piece; None where its configuration names no limit.

    >>> context_length({"n_positions": 1024}), context_length({"text_config": {"max_position_embeddings": 8}})
    (1024, 8)
    """
    return _first(config, _CONTEXT)


def vocabulary(config: Mapping[str, Any]) -> int | None:
    """Return the number of rows of a model's embedding; None where its configuration does not say."""
    return _first(config, _VOCABULARY)


class Experts(NamedTuple):
    """The experts in a block of a mixture, and how many of them a token passes; one and one for any other model."""

    number: int = 1
    at_once: int = 1


def experts(config: Mapping[str, Any]) -> Experts:
    """Return the experts that a model's configuration speaks of.

    >>> experts({"num_local_experts": 8, "num_experts_per_tok": 2})
    Experts(number=8, at_once=2)
    """
    inner = config.get(_MIXTURE_PART)
    known = {**config, **inner} if isinstance(inner, Mapping) else config
    number = _first(known, _EXPERTS) or 1
    return Experts(number, min(number, _first(known, _AT_ONCE) or 1))


def text_configs(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the configurations that may describe the text model: the nested ones first, then the whole."""
    for name in _TEXT_PARTS:
        if isinstance(part := config.get(name), Mapping):
            yield from text_configs(part)
    yield config


def _first(config: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for part in text_configs(config):
        for name in names:
            value = part.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf"):
                return int(value)
    return None

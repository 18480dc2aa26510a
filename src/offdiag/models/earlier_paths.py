"""Tell which models an earlier version asked by a path that changed their answers.

The path was read from the configuration then, where it is proved now. ``make sweep`` says which types answer by the
path of then as they do alone; those that do not are named here, and their stored answers count as stale.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.config_file import read_config, text_configs
from offdiag.models.source import ModelSource

# The first way read the path from the configuration.
ASKING: Final = 2
FIELD: Final = "asking"

_CHANGED: Final = frozenset({
    "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "deepseek_v4", "diffllama", "git", "hrm_text", "jamba",
    "jetmoe", "marian", "mbart", "moshi", "mvp", "nemotron", "nemotron_h", "pegasus", "plbart", "roformer", "rwkv",
    "trocr", "whisper", "zamba",
})  # fmt: skip
_LONGROPE: Final = frozenset({"longrope", "su"})
# Tokens that a chat template may put around a prompt, and those of a choice, at most.
_AROUND, _CHOICE = 256, 1024


def asking_of(origin: ModelSource) -> dict[str, Json]:
    """Return what the identity of a step that asks a model says of the way: nothing where the first one was right.

    Models that are not downloaded are as if it was right; a run downloads them before it plans.
    """
    config = _config(origin)
    known = config is not None and (config.get("model_type") in _CHANGED or _angle_limit(config) is not None)
    return {FIELD: ASKING} if known else {}


def was_right_of(origin: ModelSource, records: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether the first way answered some questions as the model does: where none came near a LongRoPE limit.

    Beyond it all angles of a text are others, and texts of one batch had the same. A token holds a byte at least, so
    that a text is known to be short where its number of tokens was not stored.

    Args:
        origin: of the model. records: the answers to all questions of a step, each with its prompt.
    """
    config = _config(origin)
    limit = None if config is None or config.get("model_type") in _CHANGED else _angle_limit(config)
    texts = list(records)
    return limit is not None and bool(texts) and all(_tokens(record) <= limit for record in texts)


def _tokens(record: Mapping[str, Any]) -> int:
    """Return the most tokens that a prompt with its answer, and the longest of its choices, can have."""
    prompt = record.get("n_prompt", len(str(record.get("prompt", "")).encode()) + _AROUND)
    return int(prompt) + max(int(record.get("n_tokens", 0)), _CHOICE if "scores" in record else 0)


def _config(origin: ModelSource) -> Mapping[str, Any] | None:
    path = origin.config()
    if path is None or not path.is_file():
        return None
    found = path.stat()
    return _read(path, (found.st_size, found.st_mtime_ns))


@lru_cache(maxsize=256)
def _read(path: Path, stamp: tuple[int, int]) -> Mapping[str, Any] | None:
    try:
        return read_config(path.parent, path.parent.name)
    except UserError:  # told when the plan checks the files
        return None


def _angle_limit(config: Mapping[str, Any]) -> int | None:
    """Return the length beyond which all of a text has other rotary angles (LongRoPE), if there is one."""
    for part in text_configs(config):
        found = [part.get(name) for name in ("rope_parameters", "rope_scaling")]
        sets = [rope for rope in found if isinstance(rope, Mapping)]  # one for all layers, or one for each type of them
        for rope in [*sets, *(own for every in sets for own in every.values() if isinstance(own, Mapping))]:
            if {rope.get("rope_type"), rope.get("type")} & _LONGROPE:
                size = "original_max_position_embeddings"
                limit = rope.get(size) or part.get(size)
                return int(limit) if isinstance(limit, int) else 0
    return None

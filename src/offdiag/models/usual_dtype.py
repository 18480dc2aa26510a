"""The number format of a model that is named without one; nothing here loads torch or asks a hub."""

import json
import re
from math import prod
from pathlib import Path
from typing import Final, Literal, TypeAlias

from offdiag.errors import UserError
from offdiag.models.source import ModelSource
from offdiag.models.weight_files import weight_shapes

Dtype: TypeAlias = Literal["float32", "bfloat16", "float16"]

# A model of more weights (8 GiB in float32) is taken in 16 bits: its files have no more, and few devices room for more.
MOST_IN_FLOAT32: Final = 2**31
_BYTES: Final = {"float32": 4, "bfloat16": 2, "float16": 2}
_OLDER_FORMAT: Final = "pytorch_model*.bin"
_IN_NAME: Final = re.compile(r"(?<![\d.a-z])(?:(\d+)x)?(\d+(?:\.\d+)?)([mb])(?![a-z\d])")


def usual_dtype(origin: ModelSource) -> Dtype:
    """Return float32, in which no batch moves an answer, or bfloat16 for a model of more than 2^31 weights.

    It is part of a model's identity, so a name means the same wherever it is typed: the weights of a folder are counted
    in its files, of any other model its name alone says how many it has, whether it is on this machine or not. Files
    in float16 are taken in bfloat16, too, as no training is done in float16.
    """
    if origin.served or origin.from_scratch or origin.scheme == "wheel":
        return "float32"
    weights = (_in_folder(origin) if origin.scheme == "dir" else None) or number_in(origin.short_name)
    return "float32" if weights is None or weights <= MOST_IN_FLOAT32 else "bfloat16"


def number_in(name: str) -> int | None:
    """Return the number of weights that a model's name speaks of; of several experts their sum, which is the most.

    >>> number_in("Some-Model-7B"), number_in("tiny-135m"), number_in("Mixtral-8x7B-v0.1"), number_in("phi-4")
    (7000000000, 135000000, 56000000000, None)
    """
    found = _IN_NAME.search(name.lower())
    return None if found is None else round(int(found[1] or 1) * float(found[2]) * {"m": 1e6, "b": 1e9}[found[3]])


def _written(config: Path) -> str:
    """Return the number format that a configuration names; nothing where it names none or cannot be read."""
    try:
        found = json.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # told by the check of the model's files
        return ""
    if not isinstance(found, dict):
        return ""
    inner = found.get("text_config")
    parts = (found, inner if isinstance(inner, dict) else {})
    named = (part.get(key) for part in parts for key in ("dtype", "torch_dtype"))
    return next((str(name).removeprefix("torch.") for name in named if name), "")


def _in_folder(origin: ModelSource) -> int | None:
    """Return the number of weights in the files of a folder; None where there are none that can be read."""
    config = origin.config()
    if config is None:
        return None
    try:
        shapes = weight_shapes(config.parent, origin.name)
    except (OSError, UserError):  # told by the check of the model's files
        return None
    if shapes is not None:
        return sum(map(prod, shapes.values()))
    size = sum(path.stat().st_size for path in config.parent.glob(_OLDER_FORMAT))
    return size // _BYTES.get(_written(config), 4)  # transformers reads files that name no format in float32

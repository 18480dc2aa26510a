"""How many tokens a batch may have, by the memory that is free once the model is loaded."""

from contextlib import suppress
from pathlib import Path
from typing import Final

import torch
from transformers import PreTrainedModel

from offdiag.models.limits import MOST_TOKENS
from offdiag.runtime import available_memory

# Share of the free memory that keys and values may take: as much again for the moment in which rows that are finished
# leave, and the rest for what passes through the layers. On a CPU others use the memory, too.
SHARE: Final = {"cuda": 0.35, "cpu": 0.2}
_FREE: Final = Path("/proc/meminfo")


def tokens_with_room(model: PreTrainedModel, usual: int) -> int:
    """Return how many padded tokens a batch of a float32 model may have.

    On a GPU, which is idle in small batches, as many as its free memory holds, 131,072 at most. A CPU is no faster
    with more than the ``usual`` number and takes fewer where little memory is free; elsewhere it is the usual number.
    """
    kind = model.device.type
    free = _free(model.device) if kind in SHARE else None
    each = cached_bytes(model)
    if free is None or each is None:
        return usual
    fitting = int(SHARE[kind] * free / each)
    return max(1, min(fitting, MOST_TOKENS if kind == "cuda" else usual))


def cached_bytes(model: PreTrainedModel) -> int | None:
    """Return the bytes of keys and values of one token; None for a model that keeps none, or says it for each layer."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", None)
    if not isinstance(heads, int) or heads < 1:
        return None
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    keys = getattr(config, "num_key_value_heads", None) or heads
    if not isinstance(size, int) or not isinstance(keys, int):
        return None
    return 2 * int(config.num_hidden_layers) * keys * size * model.dtype.itemsize or None


def _free(device: torch.device) -> int | None:
    """Return the bytes that are free on a device; None where that is not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    known = [available_memory()]
    with suppress(OSError, ValueError, IndexError):
        lines = _FREE.read_text(encoding="utf-8").splitlines()
        known.append(next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")))
    return min((free for free in known if free is not None), default=None)

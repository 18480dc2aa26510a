"""Read the headers of a model's safetensors files: the names and shapes of its weights, without the weights.

A safetensors file is 8 bytes with the length of the header (little-endian), the header as JSON with the place of each
tensor, and the numbers (https://github.com/huggingface/safetensors, section "Format").
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from offdiag.errors import UserError
from offdiag.models.config_file import LFS_POINTER, pointer_error, read_json_object

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
# Weights in older formats, which transformers reads, too; what is in them is not looked at here.
OTHERS = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_LONGEST_HEADER = 100_000_000  # bytes, as the library has it


class Header(NamedTuple):
    """The shapes of the tensors of one file by their names, and the bytes that the whole file must have."""

    shapes: dict[str, tuple[int, ...]]
    size: int


def is_whole(folder: Path) -> bool:
    """Whether a folder has a configuration and all files of weights that it speaks of; their content is not read."""
    if not (folder / "config.json").is_file():
        return False
    if (folder / WHOLE).is_file() or (folder / OTHERS[0]).is_file():
        return True
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return all((folder / str(name)).is_file() for name in set(index["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def weight_shapes(folder: Path, model: str) -> dict[str, tuple[int, ...]] | None:
    """Return the shape of each weight of a model by its name in the files; None where they have another format.

    Args:
        folder: where the model lies. model: its name, for the message.

    Raises:
        UserError: a file is missing, cut off, a Git LFS pointer, or no safetensors at all.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    files = _files(folder, model)
    for path in files:
        shapes |= _whole_header(path, model).shapes
    return shapes if files else None


def _files(folder: Path, model: str) -> list[Path]:
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if not (folder / INDEX).is_file():
        if any((folder / name).is_file() for name in OTHERS):
            return []
        raise UserError(f"model {model}: no weights in {folder}; expected {WHOLE}, as save_pretrained writes it")
    listed = read_json_object(folder / INDEX, model).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise UserError(f"model {model}: {folder / INDEX} has no weight_map; fetch the file again")
    files = [folder / name for name in sorted(set(map(str, listed.values())))]
    if absent := [path.name for path in files if not path.is_file()]:
        raise UserError(
            f"model {model}: {len(absent)} of {len(files)} files of weights are missing in {folder} "
            f"({absent[0]}{' …' if absent[1:] else ''}); fetch the model again"
        )
    return files


def _whole_header(path: Path, model: str) -> Header:
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if LFS_POINTER.startswith(start) and start + file.read(len(LFS_POINTER) - 8) == LFS_POINTER:
            raise pointer_error(path, model)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > _LONGEST_HEADER:
            raise UserError(f"model {model}: {path} is no safetensors file; fetch it again")
        header = _parse(file.read(length), length, path, model)
    if header.size != size:
        raise UserError(
            f"model {model}: {path} has {size} bytes, and its header speaks of {header.size}: it is cut off or "
            "damaged; fetch it again"
        )
    return header


def _parse(text: bytes, length: int, path: Path, model: str) -> Header:
    try:
        entries: dict[str, Any] = json.loads(text)
        tensors = {name: entry for name, entry in entries.items() if name != "__metadata__"}
        shapes = {name: tuple(int(n) for n in entry["shape"]) for name, entry in tensors.items()}
        end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"model {model}: the header of {path} is damaged or cut off; fetch it again") from error
    return Header(shapes, 8 + length + end)

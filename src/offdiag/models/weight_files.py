"""Read the headers of a model's safetensors files: the names and shapes of its weights, without the weights.

They are held to the index that lists them and to the configuration, as far as names tell.

A safetensors file is 8 bytes with the length of the header (little-endian), the header as JSON with the place of each
tensor, and the numbers (https://github.com/huggingface/safetensors, section "Format").
"""

import json
import re
from collections.abc import Collection, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import is_zipfile

from offdiag.errors import UserError
from offdiag.models.config_file import LFS_POINTER, pointer_error, read_json_object, text_configs

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
# Weights in older formats, which transformers reads, too; what is in them is not looked at here.
OTHERS = ("pytorch_model.bin", "pytorch_model.bin.index.json")
_LONGEST_HEADER = 100_000_000  # bytes, as the library has it
_ZIP = b"PK\x03\x04"
# How models name their blocks, and the number of them in their configuration.
_BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks|block|layer)\.(\d+)\.")
# The last number in the name of a weight.
_LAST = re.compile(r"(?<=\.)(\d+)(?=\.)(?!.*\.\d+\.)")
_INTEGER = re.compile(r"[IU]\d")  # a type of numbers in a header, such as I8
_DEPTH = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")


class Header(NamedTuple):
    """The shapes of the tensors of one file by their names, those of integers, and the bytes of the whole file."""

    shapes: dict[str, tuple[int, ...]]
    integers: tuple[str, ...]
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


def check_weights(folder: Path, model: str, config: Mapping[str, Any]) -> dict[str, tuple[int, ...]] | None:
    """Check that the files have all weights that their index names, and all blocks of the configuration.

    Args:
        folder: where the model lies. model: its name, for the message. config: its configuration.

    Returns:
        The shape of each weight by its name; None where the files have another format.

    Raises:
        UserError: they have not, or as for :func:`weight_shapes`.
    """
    shapes = weight_shapes(folder, model)
    if shapes is None:
        return None
    if "quantization_config" not in config:
        _check_numbers(folder, model)
    if not (folder / WHOLE).is_file():
        tied = any(part.get("tie_word_embeddings") for part in text_configs(config))
        lost = sorted(name for name in _weight_map(folder / INDEX, model) if name not in shapes)
        if lost := [name for name in lost if not (tied and "head" in name)]:
            raise UserError(
                f"model {model}: {INDEX} names {len(lost)} weights that no file has ({lost[0]}"
                f"{' …' if lost[1:] else ''}); fetch the model again"
            )
    depth = next((part[name] for part in text_configs(config) for name in _DEPTH if name in part), None)
    found = _blocks(shapes)
    # Some models pass through their blocks several times, which only their own code knows.
    if found and isinstance(depth, int) and found < depth and found < (built := _blocks(_built(folder))):
        raise UserError(
            f"model {model}: its files have {found} blocks, and config.json speaks of {built}: both must belong "
            "together; fetch the model again"
        )
    return shapes


def _check_numbers(folder: Path, model: str) -> None:
    """Check that weights are no integers: without the scales of a quantisation they would be read as they stand.

    Masks and positions, which some files hold as integers, are not called weights.
    """
    rounded = [
        name for path in _files(folder, model) for name in _whole_header(path, model).integers if "weight" in name
    ]
    if rounded:
        raise UserError(
            f"model {model}: {len(rounded)} of its weights are integers ({rounded[0]}{' …' if rounded[1:] else ''}), "
            "and config.json has no quantization_config that says what they stand for; fetch the model again"
        )


def _blocks(names: Collection[str]) -> int:
    """Return the number of blocks that names of weights speak of; 0 where none does."""
    return max((int(number) + 1 for name in names for number in _BLOCK.findall(name)), default=0)


def lost_siblings(names: Collection[str]) -> list[str]:
    """Return the weights that are not there, and are by the other numbers of their names.

    >>> lost_siblings(["experts.0.up", "experts.0.down", "experts.1.up"])
    ['experts.1.down']
    """
    parts = [
        (name[: found.start(1)], found[1], name[found.end(1) :]) for name in names for found in _LAST.finditer(name)
    ]
    kinds: dict[str, tuple[set[str], set[str]]] = {}
    for before, number, after in parts:
        numbers, endings = kinds.setdefault(before, (set(), set()))
        numbers.add(number)
        endings.add(after)
    every = {f"{before}{n}{end}" for before, (numbers, endings) in kinds.items() for n in numbers for end in endings}
    return sorted(every - set(names))


def _built(folder: Path) -> Collection[str]:
    """Return the names of the weights of a model as transformers builds it; none if it cannot."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        with torch.device("meta"):
            config = AutoConfig.from_pretrained(folder)
            model = AutoModelForCausalLM.from_config(config)  # type: ignore[no-untyped-call]
    except Exception:  # noqa: BLE001  (a type that is not known, and the like: told by the one who loads it)
        return ()
    return list(model.state_dict())


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
    """Return the safetensors files of a model; none where it has the older format, which is whole then."""
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    if (folder / INDEX).is_file():
        return _listed(folder, INDEX, model)
    if not any((folder / name).is_file() for name in OTHERS):
        raise UserError(f"model {model}: no weights in {folder}; expected {WHOLE}, as save_pretrained writes it")
    for path in [folder / OTHERS[0]] if (folder / OTHERS[0]).is_file() else _listed(folder, OTHERS[1], model):
        with path.open("rb") as file:
            begun = file.read(len(_ZIP))
        if not begun or (begun == _ZIP and not is_zipfile(path)):
            raise UserError(f"model {model}: {path} is cut off; fetch it again")
    return []


def _listed(folder: Path, index: str, model: str) -> list[Path]:
    files = [folder / name for name in sorted(set(map(str, _weight_map(folder / index, model).values())))]
    if absent := [path.name for path in files if not path.is_file()]:
        raise UserError(
            f"model {model}: {len(absent)} of {len(files)} files of weights are missing in {folder} "
            f"({absent[0]}{' …' if absent[1:] else ''}); fetch the model again"
        )
    return files


def _weight_map(index: Path, model: str) -> dict[str, Any]:
    listed = read_json_object(index, model).get("weight_map")
    if not isinstance(listed, dict) or not listed:
        raise UserError(f"model {model}: {index} has no weight_map; fetch the file again")
    return listed


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
        places = sorted((int(entry["data_offsets"][0]), int(entry["data_offsets"][1])) for entry in tensors.values())
        end = max((last for _, last in places), default=0)
        if any(first > last for first, last in places) or any(a[1] > b[0] for a, b in pairwise(places)):
            raise ValueError("tensors lie over each other")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"model {model}: the header of {path} is damaged or cut off; fetch it again") from error
    return Header(shapes, tuple(name for name in shapes if _INTEGER.match(tensors[name]["dtype"])), 8 + length + end)

"""Check a model's files before a run, so that what is wrong with them is one line and not hours of other work.

:func:`check_files` reads names, headers and JSON, and not the weights, and is quick enough for a plan. Torch is
loaded only to build a model whose names and shapes of weights it has not seen yet.
Chat templates are checked in :mod:`offdiag.models.rendering`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from offdiag.errors import UserError
from offdiag.models.config_file import LFS_POINTER, pointer_error, read_config, read_json_object, vocabulary
from offdiag.models.directions import check_direction
from offdiag.models.folders import cache_folder
from offdiag.models.source import ModelSource
from offdiag.models.weight_files import check_weights
from offdiag.strict_json import dumps

# A tokenizer's words lie in a file of one of these names, but for tokenizers of bytes, which need none.
_WORDS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
_WORDS_ALSO = ("*.tiktoken", "*.spm", "*.bpe.model")
_OF_BYTES = ("ByT5", "Canine", "Perceiver")
_CONFIG, _GENERATION = "tokenizer_config.json", "generation_config.json"
_SUFFIXES = (".json", ".safetensors", ".model", ".jinja", ".txt", ".bin")


class _Place(NamedTuple):
    """A model's folder, and the model's name for messages."""

    folder: Path
    model: str

    def json(self, name: str) -> dict[str, Any]:
        """Return the JSON object in a file; an empty one where there is no such file."""
        path = self.folder / name
        return read_json_object(path, self.model) if path.is_file() else {}


def check_files(origin: ModelSource) -> None:
    """Check configuration, weights and tokenizer of a model whose files are here; others are left for later.

    Raises:
        UserError: a file is missing, cut off, a Git LFS pointer or unreadable, the model is an encoder, a weight is
            missing, has another shape or is of no use, the tokenizer is missing, or it has words that the embedding
            has no row for.
    """
    if (place := _place(origin)) is None:
        return
    for path in sorted(place.folder.iterdir()):
        if path.suffix in _SUFFIXES and path.is_file() and _begins_as_pointer(path):
            raise pointer_error(path, place.model)
    config = read_config(place.folder, place.model)
    check_direction(config, place.model)
    _check_ends(place, config)
    shapes = check_weights(place.folder, place.model, config)
    _check_tokenizer(place, vocabulary(config))
    if shapes is not None and "quantization_config" not in config:
        _check_fit(origin, place.folder, {"config": config, "shapes": shapes})


def _check_fit(origin: ModelSource, folder: Path, seen: Mapping[str, Any]) -> None:
    """Check that the model of a configuration has just these weights; once, as building it takes seconds.

    That it has is kept in the user's cache by all that decides it: the configuration, the names and shapes, and the
    version of transformers.
    """
    known = dumps({**seen, "transformers": version("transformers")}, sort_keys=True)
    kept = cache_folder("fitting-weights") / hashlib.sha256(known.encode()).hexdigest()
    if kept.is_file():
        return
    from offdiag.models.loading import check_fit

    if not check_fit(origin, folder):
        return
    with suppress(OSError):  # a cache that cannot be written costs time and nothing else
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.touch()


def _place(origin: ModelSource) -> _Place | None:
    """Return where the files are; None where they must be downloaded, converted or trained first."""
    if origin.from_scratch or not origin.is_here() or origin.release() is not None:
        return None
    return _Place(origin.folder(), origin.name)


def _begins_as_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(LFS_POINTER)) == LFS_POINTER


def _check_ends(place: _Place, config: Mapping[str, Any]) -> None:
    """Check that the end tokens can be read and written: transformers takes any, and none would end an answer."""
    generation, rows = place.json(_GENERATION), vocabulary(config)
    # The generation's own end tokens stand for those of the configuration.
    name, said = (_GENERATION, generation) if "eos_token_id" in generation else ("config.json", config)
    ends = said.get("eos_token_id")
    listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
    if any(not isinstance(i, int) for i in listed):
        raise UserError(
            f"model {place.model}: eos_token_id in {place.folder / name} is {ends!r}: expected the id of a token, or a "
            "list of them"
        )
    if rows is not None and (beyond := [i for i in listed if i >= rows]):
        raise UserError(
            f"model {place.model}: eos_token_id in {place.folder / name} is {beyond[0]}, but the embedding has {rows} "
            "rows (vocab_size), so that no answer would end with it: write the id of the model's end token there"
        )


def _check_tokenizer(place: _Place, rows: int | None) -> None:
    settings = place.json(_CONFIG)
    names = [name for name in _WORDS if (place.folder / name).is_file()]
    others = [path for pattern in _WORDS_ALSO for path in place.folder.glob(pattern)]
    if not names and not others and not str(settings.get("tokenizer_class")).startswith(_OF_BYTES):
        raise UserError(
            f"model {place.model}: no tokenizer in {place.folder} (tokenizer.json or tokenizer.model); save it there "
            "with tokenizer.save_pretrained"
        )
    if rows is None:
        return
    try:
        used = list(_tokens_in_use(place.json("tokenizer.json"), settings))
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(
            f"model {place.model}: {place.folder / 'tokenizer.json'} is no tokenizer (its words or added tokens have "
            "another form than the library writes); fetch the file again"
        ) from error
    for token, number in used:
        if number >= rows:
            raise UserError(
                f"model {place.model}: its tokenizer gives {token!r} the id {number}, but the embedding has {rows} "
                "rows (vocab_size): take the model's own tokenizer, or resize the embedding and train it"
            )


def _tokens_in_use(tokenizer: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield the words of a tokenizer and its begin, end and padding tokens, with their ids.

    Other added tokens may lie beyond the embedding: Gemma 3 has one for pictures, which no text uses.
    """
    model = tokenizer.get("model")
    words = model.get("vocab") if isinstance(model, Mapping) else None
    if isinstance(words, Mapping):
        numbered = {str(word): number for word, number in words.items() if isinstance(number, int)}
    else:
        numbered = {str(word): number for number, (word, *_) in enumerate(words or ())}
    added = {str(one.get("content")): int(one.get("id", -1)) for one in tokenizer.get("added_tokens") or ()}
    used = {_text(settings.get(f"{name}_token")) for name in ("bos", "eos", "pad", "unk")}
    yield from sorted(
        ((word, number) for word, number in numbered.items() if word not in added or word in used), key=lambda x: x[1]
    )[-1:]
    yield from ((word, number) for word, number in added.items() if word in used)


def _text(token: object) -> str:
    """Return a special token as text; files have it as a text or as an object with its settings."""
    return str(token.get("content", "")) if isinstance(token, Mapping) else "" if token is None else str(token)

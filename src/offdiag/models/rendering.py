"""Check before a run how a model's prompts are rendered, and tell which results an earlier rendering made wrong.

Both look at the files of a tokenizer, where they are here, and load neither it nor transformers.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal, TypeAlias

from offdiag.conversation import Spoken, written
from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.chat import unknown_characters
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings, check_without_template
from offdiag.models.source import ModelSource
from offdiag.models.template import ChatTemplate, special_in
from offdiag.models.turn import bare_turn, templated_turn

# The first rendering gave every template its content as a text, put a reply right behind the opened text, even inside
# of its thinking, and ended every reply by the tokenizer's end token.
RENDERING = 2

# What a step renders: an opened reply, choices behind it, or a taught reply with its end.
Rendered: TypeAlias = Literal["asked", "compared", "taught"]

# Characters at the end of a prompt that its last tokens depend on.
_TAIL = 80

_FILES = ("tokenizer_config.json", "chat_template.jinja", "tokenizer.json")


def check_template(
    origin: ModelSource, settings: ChatSettings = AS_THE_TEMPLATE, roles: Sequence[str] = ("user",)
) -> None:
    """Check that the chat template of a model whose files are here renders turns right, at some settings.

    Raises:
        UserError: it cannot, or it has none to word replies before a question; the message names the model.
    """
    if (folder := _folder(origin)) is None:
        return
    try:
        template = ChatTemplate.in_folder(folder)
        if template is not None and settings.format == "chat":
            turn = templated_turn(template, settings)
            turn.opened(written([Spoken(role, f"Turn-{i}-of-{role}.") for i, role in enumerate(roles)]))
        else:
            check_without_template(settings)
            if "assistant" in roles:
                raise UserError("it has no chat template, so demonstrations cannot be turns: leave turns out")
    except UserError as error:
        raise UserError(f"model {origin.name}: {error}") from error


def check_texts(
    origin: ModelSource, settings: ChatSettings, prefix: str, rows: Iterable[tuple[str, str, Sequence[str]]]
) -> None:
    """Check that a model whose files are here would see each question and each reply as they are.

    Args:
        origin: of the model. settings: of its chat template. prefix: between a prompt and a reply where there is none.
        rows: the place of a question for the message, the question, and replies to it, if they are given.

    Raises:
        UserError: a text spells a token that controls the model, or the template changes a question; or the tokenizer
            has no token for a character of a reply. The message names model and row.
    """
    if (folder := _folder(origin)) is None:
        return
    try:
        template = None if settings.format == "completion" else ChatTemplate.in_folder(folder)
        turn = bare_turn(prefix, "", special_in(folder)) if template is None else templated_turn(template, settings)
    except UserError:
        return  # told by check_template
    encode = _encoder(folder, _stamp(folder / _FILES[-1]))
    for place, prompt, replies in rows:
        try:
            turn.opened(prompt)
            for reply in replies:
                turn.with_reply("", reply)
                if encode is not None and encode(reply):
                    unknown = unknown_characters(reply, encode)
                    raise UserError(f"the tokenizer has no token for {unknown}: word it otherwise")
        except UserError as error:
            raise UserError(f"{place}: model {origin.name}: {error}") from error


@lru_cache(maxsize=16)
def _encoder(folder: Path, stamp: tuple[int, int]) -> Callable[[str], bool] | None:
    """Return what says whether a text has a character that a tokenizer does not know; None where it knows all."""
    try:
        described = json.loads((folder / _FILES[-1]).read_bytes())
        unknown = described["model"].get("unk_token")
        if (
            unknown is None
            or described["model"].get("byte_fallback")
            or "ByteLevel" in str(described.get("pre_tokenizer"))
        ):
            return None
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(folder / _FILES[-1]))
        number = tokenizer.token_to_id(unknown)
    except Exception:  # noqa: BLE001  (files of others; told by the one who loads them)
        return None
    return lambda text: number in tokenizer.encode(text, add_special_tokens=False).ids


def rendering_of(origin: ModelSource, rendered: Rendered) -> dict[str, Json]:
    """Return what an identity says of the rendering: nothing where the first one was right.

    So results of the first rendering stay valid but for those that it made wrong. Models that are not downloaded are
    as if it was right; a run downloads them before it plans.
    """
    folder = _folder(origin)
    stamps = () if folder is None else tuple(_stamp(folder / name) for name in _FILES)
    return {"rendering": RENDERING} if folder is not None and _was_wrong(folder, stamps, rendered) else {}


def spans_differed(origin: ModelSource, prefix: str, questions: Iterable[tuple[str, Sequence[str]]]) -> bool:
    """Return whether the first rendering scored choices of some question from different tokens on.

    It scored each choice from the first token that is not the prompt's, which may differ between choices where a token
    holds the end of the prompt and the beginning of a choice. Of prompts the last characters are enough.

    Args:
        origin: of the model. prefix: between a prompt and a reply where there is no chat template.
        questions: prompts with their choices.
    """
    folder = _folder(origin)
    if folder is None or not (folder / "tokenizer.json").is_file():
        return False
    from tokenizers import Tokenizer

    try:
        template = ChatTemplate.in_folder(folder)
        turn = bare_turn(prefix, "") if template is None else templated_turn(template)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception:  # noqa: BLE001  (files of others; told by the one who loads them)
        return False

    def ids(text: str) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    def start(opened: str, choice: str) -> int:
        pairs = zip(ids(opened), ids(opened + turn.bridge + choice), strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), len(ids(opened)))

    tails = ((turn.opened(prompt)[-_TAIL:], choices) for prompt, choices in questions)
    try:
        return any(len({start(tail, choice) for choice in choices}) > 1 for tail, choices in tails)
    except UserError:
        return False  # a question that the template changes: told by check_texts


def _folder(origin: ModelSource) -> Path | None:
    """Return where the files are; None where they must be downloaded, converted or trained first."""
    return origin.folder() if origin.is_here() and origin.release() is None else None


def _stamp(path: Path) -> tuple[int, int]:
    if not path.is_file():
        return (0, 0)
    found = path.stat()
    return (found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=256)
def _was_wrong(folder: Path, stamps: tuple[tuple[int, int], ...], rendered: Rendered) -> bool:
    """Return whether the first rendering gave another text; asked for thousands of times in a plan."""
    try:
        template = ChatTemplate.in_folder(folder)
        if template is None:
            return _ends_texts(folder)
        turn = templated_turn(template)
    except UserError:
        return False  # it is refused
    if turn.parts or turn.opening:
        return True
    match rendered:
        case "asked":
            return turn.blanks > 0
        case "compared":
            return turn.bridge != " " * turn.blanks
        case "taught":
            return turn.bridge != " " * turn.blanks or turn.end != template.tokens.get("eos_token", "")


def _ends_texts(folder: Path) -> bool:
    """Return whether a tokenizer puts a token behind every text, which would end a prompt."""
    try:
        if json.loads((folder / "tokenizer_config.json").read_bytes()).get("add_eos_token"):
            return True
        after = json.loads((folder / "tokenizer.json").read_bytes()).get("post_processor") or {}
        parts = [after, *after.get("processors", ())]
        return any("SpecialToken" in part["single"][-1] for part in parts if part.get("single"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False

"""Render the chat template of a tokenizer, of a loaded one or of one in a folder; neither needs transformers.

The environment is that of transformers' ``apply_chat_template``, but for the date: templates that tell the model which
day it is (Llama 3, SmolLM3, Granite, gpt-oss) would give another prompt every day, so every day is :data:`TODAY`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from offdiag.errors import UserError

if TYPE_CHECKING:
    from jinja2 import Template
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from transformers import PreTrainedTokenizerBase

Message: TypeAlias = Mapping[str, object]

# The day that the template of Llama 3 names where it is told none.
TODAY = date(2024, 7, 26)

# Names that the environment and jinja2 give; all others that a template reads are variables of its own.
_GIVEN = frozenset({"messages", "tools", "documents", "add_generation_prompt", "raise_exception", "strftime_now"})


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template with the special tokens that it may name.

    Attributes:
        source: the Jinja text. tokens: special tokens by their names, such as ``bos_token``.
        added: texts that are one token each, among them the special ones.
        special: those that control the model, such as ``<|im_end|>``; no text of a question may spell one.
    """

    source: str
    tokens: Mapping[str, str] = field(default_factory=dict)
    added: frozenset[str] = frozenset()
    special: frozenset[str] = frozenset()

    def render(
        self, messages: Sequence[Message], *, add_generation_prompt: bool, variables: Mapping[str, object]
    ) -> str:
        """Return the text of the messages.

        Raises:
            UserError: the template raises, or is no Jinja template.
        """
        from jinja2 import TemplateError

        given: dict[str, Any] = {**self.tokens, **variables, "tools": None, "documents": None}
        try:
            template = _compiled(self.source)
            return template.render(messages=messages, add_generation_prompt=add_generation_prompt, **given)
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            roles = " and ".join(str(message["role"]) for message in messages)
            said = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")
            raise UserError(f"the chat template renders no turns of {roles}: {said}; give another model") from error

    @property
    def variables(self) -> frozenset[str]:
        """Names that the template reads and does not set: its variables."""
        return _variables(self.source)

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerBase") -> "ChatTemplate | None":
        """Return the template of a loaded tokenizer; None where it has none.

        Raises:
            UserError: it has several, and none of them is the default.
        """
        if getattr(tokenizer, "chat_template", None) is None:
            return None
        try:
            source = tokenizer.get_chat_template()
        except ValueError as error:
            raise UserError(f"the tokenizer has no default chat template: {error}") from error
        named = {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
        added = [str(token) for token in tokenizer.added_tokens_decoder.values()]
        return cls(
            source, named, frozenset(filter(str.strip, [*added, *tokenizer.all_special_tokens])), special_of(tokenizer)
        )

    @classmethod
    def in_folder(cls, folder: Path) -> "ChatTemplate | None":
        """Return the template in a folder that ``save_pretrained`` wrote; None where there is none to be read.

        Raises:
            UserError: there are several, and none of them is the default.
        """
        try:
            settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            apart = folder / "chat_template.jinja"
            source = apart.read_text(encoding="utf-8") if apart.is_file() else settings.get("chat_template")
            if isinstance(source, list):
                source = _default({str(one["name"]): one["template"] for one in source})
            if not isinstance(source, str):
                return None
            named = {name: _text(token) for name, token in settings.items() if name.endswith("_token")}
            tokens = {name: text for name, text in named.items() if text}
            listed = settings.get("added_tokens_decoder") or {}
            added = [*listed.values()] or json.loads((folder / "tokenizer.json").read_bytes())["added_tokens"]
            texts = [_text(token) for token in added]
            special = special_in(folder)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # told by the one who loads the tokenizer
        return cls(source, tokens, frozenset(filter(str.strip, [*texts, *tokens.values()])), special)


def special_of(tokenizer: "PreTrainedTokenizerBase") -> frozenset[str]:
    """Return the texts of a loaded tokenizer's tokens that control the model."""
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    return _controlling([*added, *tokenizer.all_special_tokens])


def special_in(folder: Path) -> frozenset[str]:
    """Return the texts of the tokens that control a model, from the files of its tokenizer; none without such files."""
    try:
        settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
        listed = settings.get("added_tokens_decoder") or {}
        added = [*listed.values()] or json.loads((folder / "tokenizer.json").read_bytes())["added_tokens"]
        marked = [_text(token) for token in added if token.get("special")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return frozenset()  # told by the one who loads the tokenizer
    return _controlling([*marked, *(_text(token) for name, token in settings.items() if name.endswith("_token"))])


def _controlling(texts: Iterable[str]) -> frozenset[str]:
    # Some tokenizers pad with an ordinary token, such as "!"; it means in a text what it always means.
    return frozenset(text for text in texts if len(text.strip()) > 2)


def _default(templates: Mapping[str, str]) -> str:
    if "default" not in templates:
        raise UserError(
            f"there are the chat templates {', '.join(sorted(templates))} and none is the default; name one of them "
            "default in tokenizer_config.json"
        )
    return templates["default"]


def _text(token: object) -> str:
    """Return the text of a token in a tokenizer's files, where it is a string or an object; empty for none."""
    text = token.get("content") if isinstance(token, Mapping) else token
    return text if isinstance(text, str) else ""


@lru_cache(maxsize=1)
def _environment() -> "ImmutableSandboxedEnvironment":
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension
    from jinja2.parser import Parser
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """The tag ``generation``, by which some templates mark the reply; it renders what is in it."""

        tags = {"generation"}  # noqa: RUF012 (as the base class has it)

        def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def to_json(value: object, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = to_json
    environment.globals.update(raise_exception=raise_exception, strftime_now=TODAY.strftime)
    return environment


@lru_cache(maxsize=64)
def _compiled(source: str) -> "Template":
    return _environment().from_string(source)


@lru_cache(maxsize=64)
def _variables(source: str) -> frozenset[str]:
    from jinja2 import TemplateError
    from jinja2.meta import find_undeclared_variables

    environment = _environment()
    try:
        read = find_undeclared_variables(environment.parse(source))
    except TemplateError:
        return frozenset()  # told by rendering
    return frozenset(name for name in read - _GIVEN - environment.globals.keys() if not name.endswith("_token"))

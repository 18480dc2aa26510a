"""What a user may set of a chat template: whether the model thinks first, and variables that its template reads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Literal, Self, TypeAlias

from pydantic import field_validator, model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity

Format: TypeAlias = Literal["chat", "completion"]
Thinking: TypeAlias = Literal["template", "off", "on"]
Variable: TypeAlias = bool | int | float | str

# What rendering sets itself, and what must stay as the tokenizer has it.
RESERVED = frozenset({"messages", "add_generation_prompt", "tools", "documents", "enable_thinking", "thinking"})


class ChatSettings(Identity):
    """Settings of a chat template; the defaults are those of the template.

    Attributes:
        thinking: ``"off"`` opens the reply behind the thinking, ``"on"`` asks for it, ``"template"`` does as the
            template does by itself.
        variables: names and values of variables that the template reads, such as ``reasoning_effort``; a mapping is
            taken, too, and texts such as ``"reasoning_effort=low"``.
        format: ``"chat"`` asks in a turn of the chat template, where the model has one; ``"completion"`` lets it go on
            with the bare text. A server is asked at its address for chats or for completions.
    """

    tag: ClassVar[str] = "chat"
    added: ClassVar[frozenset[str]] = frozenset({"format"})
    thinking: Thinking = "template"
    variables: tuple[tuple[str, Variable], ...] = ()
    format: Format = "chat"

    @field_validator("variables", mode="before")
    @classmethod
    def _as_pairs(cls, value: object) -> object:
        items = [value] if isinstance(value, Mapping | str) else value
        if not isinstance(items, Sequence):
            return value
        return tuple(pair for item in items for pair in _pairs(item))

    @field_validator("variables")
    @classmethod
    def _can_be_set(cls, value: tuple[tuple[str, Variable], ...]) -> tuple[tuple[str, Variable], ...]:
        names = [name for name, _ in value]
        for name in names:
            if name in RESERVED or name.endswith("_token") or not name.isidentifier() or names.count(name) > 1:
                advice = "set thinking='off' or 'on'" if "thinking" in name else "leave it out"
                raise UserError(f"chat variable {name!r} cannot be set, or is set twice: {advice}")
        return tuple(sorted(value))

    @model_validator(mode="after")
    def _settings_need_a_template(self) -> Self:
        if self.format == "completion" and (self.thinking != "template" or self.variables):
            raise UserError("format='completion' uses no chat template: leave thinking and variables out")
        return self

    def over(self, others: "ChatSettings") -> "ChatSettings":
        """Return these settings, or where they are the template's own the others."""
        return others if self == AS_THE_TEMPLATE else self

    @property
    def label(self) -> str:
        """Short name for folders, empty at the defaults: ``thinking-off.reasoning_effort=low``."""
        thinking = [] if self.thinking == "template" else [f"thinking-{self.thinking}"]
        completion = ["completion"] if self.format == "completion" else []
        return ".".join([*completion, *thinking, *(f"{name}={value}" for name, value in self.variables)])

    def factors(self, of: str = "") -> dict[str, str]:
        """Return the columns of the results table, none at the defaults; ``of`` stands before their names."""
        thinking = {} if self.thinking == "template" else {f"{of}thinking": self.thinking}
        shown = ",".join(f"{name}={value}" for name, value in self.variables)
        completion = {} if self.format == "chat" else {f"{of}format": self.format}
        return {**completion, **thinking, **({f"{of}template": shown} if shown else {})}


def check_without_template(settings: ChatSettings) -> None:
    """Check that settings ask for nothing that a model without a chat template, or a bare text, cannot have.

    Raises:
        UserError: they do.
    """
    if settings.thinking == "on" or settings.variables:
        raise UserError(f"the model has no chat template for {settings.label}: leave it out, or take another model")


def _pairs(item: object) -> Iterable[object]:
    """Return the names and values in a mapping, in a text such as ``"reasoning_effort=low"``, or in a pair."""
    if isinstance(item, Mapping):
        return item.items()
    if not isinstance(item, str):
        return [item]
    name, equals, value = item.partition("=")
    if not equals:
        raise UserError(f"chat variable {item!r}: expected name=value, such as reasoning_effort=low")
    try:
        return [(name.strip(), json.loads(value))]
    except ValueError:
        return [(name.strip(), value.strip())]


AS_THE_TEMPLATE = ChatSettings()

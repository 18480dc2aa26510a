"""Replies of a server, read from JSON with care: what is missing or of another kind is no reply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from offdiag.models.answers import Finish

_FINISHES: Mapping[object, Finish] = {"length": "length", "content_filter": "filtered"}


class NoReplyError(Exception):
    """What a server sent is no reply: it may be asked again."""


@dataclass(frozen=True)
class ServerReply:
    """One reply.

    Attributes:
        text: what the model wrote. finish: why it ended. n_prompt, n_tokens: as the server counts them.
        model: the name under which it answered. fingerprint: of its system; both empty where it says nothing.
        likeliest: the likeliest first tokens with their log-probabilities. read: the tokens of text that was given and
            written, with theirs (None for the first). Both are empty where a server gives none.
    """

    text: str
    finish: Finish
    n_prompt: int | None
    n_tokens: int | None
    model: str
    fingerprint: str
    likeliest: Mapping[str, float]
    read: Sequence[tuple[str, float | None]]


def reply_of(data: Mapping[str, Any]) -> ServerReply:
    """Read the reply of ``chat/completions`` or of ``completions``.

    Raises:
        NoReplyError: there is no choice with a text.
    """
    choices = data.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        error = data.get("error")
        raise NoReplyError(f"the answer has no choices{f': {error}' if error else ''}"[:200])
    choice = choices[0]
    text = choice["message"].get("content") if isinstance(choice.get("message"), dict) else choice.get("text")
    finish = _FINISHES.get(choice.get("finish_reason"), "stop")
    if not isinstance(text, str | None) or (text is None and "message" not in choice):
        raise NoReplyError("the answer has no text")
    usage, logprobs = _mapping(data.get("usage")), _mapping(choice.get("logprobs"))
    return ServerReply(
        text=text or "",
        finish=finish,
        n_prompt=_count(usage, "prompt_tokens"),
        n_tokens=_count(usage, "completion_tokens"),
        model=str(data.get("model") or ""),
        fingerprint=str(data.get("system_fingerprint") or ""),
        likeliest=_likeliest(logprobs),
        read=_read(logprobs),
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(usage: Mapping[str, Any], name: str) -> int | None:
    found = usage.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _likeliest(logprobs: Mapping[str, Any]) -> dict[str, float]:
    """Return the likeliest first tokens; chats have them in ``content``, completions by position (or as chats)."""
    try:
        if content := logprobs.get("content"):
            listed = [(one["token"], float(one["logprob"])) for one in [*content[0]["top_logprobs"], content[0]]]
        else:
            listed = [(str(token), float(value)) for token, value in (logprobs.get("top_logprobs") or [{}])[0].items()]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        return {}
    return dict(listed)


def _read(logprobs: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    tokens, values = logprobs.get("tokens"), logprobs.get("token_logprobs")
    if not isinstance(tokens, list) or not isinstance(values, list) or len(tokens) != len(values):
        return []
    return [(str(token), None if value is None else float(value)) for token, value in zip(tokens, values, strict=True)]

r"""Render chats and turn text into tokens; nothing else in the package does either.

A conversation with a response is tokenised as one text, and the response starts at the first token that differs from
the prompt alone, so that boundary tokens are those the model would really see:

    text     <user>76+76?<assistant>\boxed{152}<end>
    ids      [ 11   45  27    12  |   88  90  93  2 ]
    labels   [-100 -100 -100 -100 |   88  90  93  2 ]     loss on the response and its end token only

What stands before a reply and behind it is the chat template's, see :mod:`offdiag.models.turn`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from offdiag.errors import UserError
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings, check_without_template
from offdiag.models.template import ChatTemplate, special_of
from offdiag.models.turn import Turn, bare_turn, templated_turn

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Tokenised:
    """A conversation as token ids; the response begins at index ``n_prompt``."""

    ids: tuple[int, ...]
    n_prompt: int

    @property
    def labels(self) -> list[int]:
        """The token ids as labels, the prompt masked by -100."""
        return [-100] * self.n_prompt + list(self.ids[self.n_prompt :])


# What stands before a reply where nothing else is said, for a model without a chat template.
RESPONSE_PREFIX = "\n"


class Chat:
    """The exchanges of a model as text and as tokens."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", turn: Turn) -> None:
        self.turn = turn
        self._tokenizer = tokenizer

    def asked(self, prompt: str) -> tuple[int, ...]:
        """Return the token ids of a prompt with the reply opened."""
        return self._ids(self.turn.opened(prompt))

    def taught(self, prompt: str, response: str) -> Tokenised:
        """Return the token ids of a prompt with its response and the end of the turn.

        Raises:
            UserError: the response has no token of its own, or nothing can end it.
        """
        opened, ids = self.asked(prompt), self._ids(self.turn.whole(prompt, response))
        shared = common_prefix([opened, ids])
        if not response or shared >= len(ids):
            raise UserError(f"the response {response!r} adds no token to its prompt: nothing to learn or score")
        return Tokenised(ids, shared)

    def compared(self, prompt: str, replies: Sequence[str]) -> list[Tokenised]:
        """Return the token ids of a prompt with each of some replies, without the end of the turn.

        All have the same ``n_prompt``, so that all are compared over one span: from the first token that is not the
        same whatever the reply, which may hold an end of the prompt where tokens of the two merge:

            prompt    a b c         replies   d e, cd e (c and d merge)
            tokens    a b | c d e             a b | cd e

        Equal replies have equal tokens, and so equal scores and states; whoever asks refuses them where they are wrong.

        Raises:
            UserError: there is no reply, one is empty or spells a token, two that differ have the same tokens, or the
                prompt has no token.
        """
        if not replies:
            raise UserError(f"the prompt {prompt[:60]!r} has no continuations to score; give at least one")
        before = self.turn.with_reply(prompt, "")
        # A blank before the reply is scored with it, whether it has a token of its own or is in the reply's first one.
        blanks = len(self.turn.bridge) - len(self.turn.bridge.rstrip(" "))
        stem = self._ids(before[: len(before) - blanks])
        rows = [self._ids(before + reply) for reply in self._spelled(replies)]
        start = min(common_prefix([stem, row]) for row in rows)
        if start == 0:
            raise UserError(f"the prompt {prompt[:60]!r} has no token before its continuation; write a longer prompt")
        if not all(replies) or min(map(len, rows)) == start:
            raise UserError(f"the prompt {prompt[:60]!r} has an empty continuation; every continuation needs a token")
        if len(set(rows)) < len(set(replies)):
            raise UserError(
                f"the prompt {prompt[:60]!r} has two different continuations of the same tokens, which no model can "
                "tell apart; give one of them"
            )
        return [Tokenised(row, start) for row in rows]

    def compared_unasked(self, replies: Sequence[str]) -> list[Tokenised]:
        """Return the token ids of each of some replies to an empty question, or behind the begin token.

        Raises:
            UserError: as for :meth:`compared`, or there is neither a chat template nor a token to begin with.
        """
        if self.turn.template is not None:
            return self.compared("", replies)
        before = self.turn.with_reply("", "")
        return [Tokenised(begun_ids(self._tokenizer, before + reply), 1) for reply in self._spelled(replies)]

    @property
    def end_ids(self) -> frozenset[int]:
        """Ids of the tokens at which a reply ends by the chat template."""
        ids = [self._tokenizer.convert_tokens_to_ids(text) for text in self.turn.ends]
        return frozenset(i for i in ids if isinstance(i, int) and i != self._tokenizer.unk_token_id)

    def spans(self, prompt: str) -> list[tuple[int, int]]:
        """Return where each token of an opened prompt stands in its text; those that stand before it have no length.

        The tokenizer must be a fast one.
        """
        encoded = self._tokenizer(self.turn.opened(prompt), add_special_tokens=False, return_offsets_mapping=True)
        begin = self._begin_of(encoded["input_ids"])
        return [*((0, 0) for _ in begin), *((low, high) for low, high in encoded["offset_mapping"])]

    def _spelled(self, replies: Sequence[str]) -> Sequence[str]:
        for reply in replies:
            self.turn.check_spelling(reply)
        return replies

    def _ids(self, text: str) -> tuple[int, ...]:
        ids = tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])
        self._check_known(text, ids)
        return (*self._begin_of(ids), *ids)

    def _check_known(self, text: str, ids: Sequence[int]) -> None:
        """Check that the tokenizer has a token for each character.

        Raises:
            UserError: it has not; the message names the characters.
        """
        unknown = self._tokenizer.unk_token_id
        # Some templates write the token themselves, as GPT-2's is that of its end.
        if unknown is None or ids.count(unknown) <= text.count(str(self._tokenizer.unk_token)):
            return

        def is_unknown(one: str) -> bool:
            return unknown in self._tokenizer(one, add_special_tokens=False)["input_ids"]

        told = unknown_characters(text, is_unknown)
        raise UserError(f"the tokenizer has no token for {told}, and the model would not see it: take another model")

    def _begin_of(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Return the tokens that the tokenizer puts before a text, unless the text begins with them.

        A template writes its own, and no token is put behind a text: a model that reads an end token would begin
        something new.
        """
        return () if tuple(ids[: len(self._begin)]) == self._begin else self._begin

    @cached_property
    def _begin(self) -> tuple[int, ...]:
        if self.turn.template is not None:
            return ()
        alone = tuple(self._tokenizer("a", add_special_tokens=False)["input_ids"])
        around = tuple(self._tokenizer("a")["input_ids"])
        starts = range(len(around) - len(alone) + 1)
        return around[: next((i for i in starts if around[i : i + len(alone)] == alone), 0)]


_CHATS: "WeakKeyDictionary[PreTrainedTokenizerBase, dict[object, Chat]]" = WeakKeyDictionary()
_SETTINGS: "WeakKeyDictionary[PreTrainedTokenizerBase, ChatSettings]" = WeakKeyDictionary()


def set_chat(tokenizer: "PreTrainedTokenizerBase", settings: ChatSettings) -> None:
    """Let a tokenizer's model be asked and taught at some settings wherever none are given, see :func:`chat_of`."""
    _SETTINGS[tokenizer] = settings


def chat_of(
    tokenizer: "PreTrainedTokenizerBase",
    response_prefix: str = RESPONSE_PREFIX,
    settings: ChatSettings = AS_THE_TEMPLATE,
) -> Chat:
    """Return how a tokenizer's model is asked.

    Args:
        tokenizer: with or without a chat template.
        response_prefix: what stands between a prompt and its response where there is no chat template. A blank at its
            end belongs to the response, as it does in the tokens of most models: an opened reply does not end in one.
        settings: of the chat template; without any, those of the model (:class:`offdiag.models.ModelSpec`).

    Raises:
        UserError: the chat template cannot be rendered right, see :func:`offdiag.models.turn.templated_turn`, or
            settings are given and there is none.
    """
    settings = settings.over(_SETTINGS.get(tokenizer, AS_THE_TEMPLATE))
    known = _CHATS.setdefault(tokenizer, {})
    key = (str(tokenizer.chat_template), tokenizer.eos_token, response_prefix, settings)
    if key not in known:
        template = ChatTemplate.of(tokenizer)
        if template is not None and settings.format == "chat":
            turn = templated_turn(template, settings)
        else:
            check_without_template(settings)
            turn = bare_turn(response_prefix, str(tokenizer.eos_token or ""), special_of(tokenizer))
        known[key] = Chat(tokenizer, turn)
    return known[key]


def render(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: str,
    response: str | None = None,
    response_prefix: str = RESPONSE_PREFIX,
    settings: ChatSettings = AS_THE_TEMPLATE,
) -> str:
    """Return the text that the model sees: the prompt with the reply opened, or the whole exchange with its end token.

    ``response_prefix``, ``settings`` and errors are as for :func:`chat_of`.
    """
    turn = chat_of(tokenizer, response_prefix, settings).turn
    return turn.opened(prompt) if response is None else turn.whole(prompt, response)


def tokenise(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: str,
    response: str | None = None,
    response_prefix: str = RESPONSE_PREFIX,
    settings: ChatSettings = AS_THE_TEMPLATE,
) -> Tokenised:
    """Return the token ids of a prompt, or of a prompt with its response and the end of the turn.

    ``response_prefix`` and ``settings`` are as for :func:`chat_of`.

    Raises:
        UserError: the response has no token of its own, or as for :func:`chat_of`.
    """
    chat = chat_of(tokenizer, response_prefix, settings)
    if response is not None:
        return chat.taught(prompt, response)
    opened = chat.asked(prompt)
    return Tokenised(opened, len(opened))


def unknown_characters(text: str, is_unknown: Callable[[str], bool]) -> str:
    """Return the words of a text, at most three, that a tokenizer does not know, for a message."""
    found = [word for word in dict.fromkeys(text.split()) if is_unknown(word)]
    return ", ".join(map(repr, found[:3])) + (" …" if found[3:] else "") if found else repr(text[-60:])


def common_prefix(rows: Sequence[tuple[int, ...]]) -> int:
    """Return how many leading tokens at least one row share."""
    first, last = min(rows), max(rows)  # all others lie between them in lexicographic order
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def plain_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> tuple[int, ...]:
    """Return the token ids of a text as it is, without chat, with the tokenizer's special tokens around it.

    Raises:
        UserError: the text has no token.
    """
    ids = tuple(tokenizer(text, add_special_tokens=True, truncation=False)["input_ids"])
    if not ids:
        raise UserError(f"the text {text!r} has no token: nothing to embed")
    return ids


def begun_ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> tuple[int, ...]:
    """Return the token ids of a text as it is, after the begin token and without an end token.

    A tokenizer without a begin token gives the end token instead, which stands between texts in training.

    Raises:
        UserError: the text has no token, or the tokenizer neither begins nor ends texts.
    """
    begin = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
    ids = tuple(tokenizer(text, add_special_tokens=False)["input_ids"])
    if not isinstance(begin, int) or not ids:
        lacking = "the tokenizer has no begin or end token" if ids else f"the text {text!r} has no token"
        raise UserError(f"{lacking}: the likelihood of a whole text needs both; leave it out")
    return (begin, *ids)

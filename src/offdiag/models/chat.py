r"""Render chats and turn text into tokens; nothing else in the package does either.

A conversation with a response is tokenised as one text, and the response starts at the first token that differs from
the prompt alone, so that boundary tokens are those the model would really see:

    text     <user>76+76?<assistant>\boxed{152}<end>
    ids      [ 11   45  27    12  |   88  90  93  2 ]
    labels   [-100 -100 -100 -100 |   88  90  93  2 ]     loss on the response and its end token only
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from offdiag.errors import UserError

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


def render(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: str,
    response: str | None = None,
    response_prefix: str = RESPONSE_PREFIX,
) -> str:
    """Return the text that the model sees: the prompt with the reply opened, or the whole exchange with its end token.

    A model without a chat template gets the bare prompt, ``response_prefix`` and the response. A blank at the end of
    ``response_prefix`` belongs to the response, as it does in the tokens of most models: an opened reply does not end
    in one.
    """
    if tokenizer.chat_template is None:
        opened = f"{prompt}{response_prefix.rstrip(' ')}"
        return opened if response is None else f"{prompt}{response_prefix}{response}{tokenizer.eos_token or ''}"
    opened = str(
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
    )
    if response is None:
        return opened
    return opened + response + str(tokenizer.eos_token or "")


def tokenise(
    tokenizer: "PreTrainedTokenizerBase",
    prompt: str,
    response: str | None = None,
    response_prefix: str = RESPONSE_PREFIX,
) -> Tokenised:
    """Return the token ids of a prompt, or of a prompt with its response; ``response_prefix`` as for :func:`render`.

    Raises:
        UserError: the response has no token of its own.
    """
    opened = _ids(tokenizer, render(tokenizer, prompt, response_prefix=response_prefix))
    if response is None:
        return Tokenised(opened, len(opened))
    ids = _ids(tokenizer, render(tokenizer, prompt, response, response_prefix))
    shared = next((i for i, (a, b) in enumerate(zip(opened, ids, strict=False)) if a != b), min(len(opened), len(ids)))
    if shared >= len(ids):
        raise UserError(f"the response {response!r} adds no token to its prompt: nothing to learn or score")
    return Tokenised(ids, shared)


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


def _ids(tokenizer: "PreTrainedTokenizerBase", text: str) -> tuple[int, ...]:
    templated = tokenizer.chat_template is not None
    return tuple(tokenizer(text, add_special_tokens=not templated)["input_ids"])

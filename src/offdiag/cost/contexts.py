"""Prompts that no context can hold, found before a model is loaded."""

from collections.abc import Iterable, Sequence

from offdiag.cost.sizes import Size
from offdiag.errors import UserError
from offdiag.tasks import Example

# Tokens are counted without a tokenizer, some of which need up to a tenth fewer (offdiag.cost.tokens). What is nearer
# to the limit is counted exactly once the tokenizer is there.
MARGIN = 1.1


def check_fits(step: str, items: Sequence[Example], tokens: Iterable[int], size: Size, remedy: str) -> None:
    """See that a model can read the prompts with their answers.

    Args:
        step: which asks or teaches them. items: whose prompts they are. tokens: about how many each has with its
            answer. size: of the model. remedy: what to do instead.

    Raises:
        UserError: one is longer than the context, by more than counting without a tokenizer can be wrong.
    """
    context = None if size.shape is None else size.shape.context
    for item, n in zip(items, tokens, strict=True):
        if context is not None and n > MARGIN * context:
            raise UserError(f"{step}, item {item.id}: about {n} tokens, but the model's context is {context}: {remedy}")

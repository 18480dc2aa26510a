"""Limits and sizes of what a model computes at once. Nothing here loads torch, so that an estimate counts with them.

What happens to prompts that begin alike:

    tokens       |<-- block 0 -->|<-- block 1 -->|part|own tokens of each prompt
    computed     once and kept    once and kept   once  for every prompt

A beginning is only looked for where it saves ``WORTH_SHARING`` tokens, see :mod:`offdiag.models.batches`; its whole
blocks of ``BLOCK`` tokens are kept for later prompts, ``KEPT_BYTES`` of them at most.
"""

from typing import Final

# Prompts whose first tokens agree this far may share their beginning, and sharing must save at least as many tokens:
# a beginning costs a forward pass of its own.
WORTH_SHARING: Final = 32

# Tokens of a block of a shared beginning. Only whole blocks are kept, at fixed positions, so that a block depends on
# its tokens and those before it alone. A longer block is found again less often, a shorter one costs more passes.
BLOCK: Final = 128

# Most bytes of the blocks that are kept for later prompts; the least recently used ones go first.
KEPT_BYTES: Final = 2 << 30

# A pass that trains holds the activations of every layer: it gets an eighth of the token budget of a pass that reads.
TRAINING_SHARE: Final = 8

# The CPU multiplies with a copy of the linear layers that is laid out for it; a model of more bytes does without.
PACKED_BYTES: Final = 4 << 30

# Most bytes of hidden states that a pass holds at all the layers that are asked for; a batch that would hold more is
# cut, which changes no state beyond rounding.
STATES_BYTES: Final = 1 << 30

# Most padded tokens of a batch where the memory of a GPU has room for them: more of them fill it no better.
MOST_TOKENS: Final = 131_072

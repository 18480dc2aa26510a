"""Shape of a decoder, and the numbers of weights and cached values that follow from it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

# The projections that every expert of a mixture has of its own.
_EXPERTS = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Shape:
    """A decoder of the Llama family: gated MLP or a mixture of some, grouped queries, no biases.

    Attributes:
        layers: blocks. hidden: width of the residual stream. mlp: width inside the MLP.
        heads, kv_heads, head_dim: attention. vocab: rows of the embedding. tied: the head is the embedding.
        chat: tokens that the chat template puts before and after the user's words; the default is that of a plain
            ChatML exchange.
        context: the most tokens that it reads; None where that is not known.
        experts: MLPs of a block. at_once: those that a token passes.
    """

    layers: int
    hidden: int
    mlp: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied: bool
    chat: tuple[int, int] = (3, 5)
    context: int | None = None
    experts: int = 1
    at_once: int = 1

    @property
    def projections(self) -> dict[str, tuple[int, int]]:
        """Inputs and outputs of a block's linear layers, each projection on its own, of one expert."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (self.hidden, queries),
            "k_proj": (self.hidden, keys),
            "v_proj": (self.hidden, keys),
            "o_proj": (queries, self.hidden),
            "gate_proj": (self.hidden, self.mlp),
            "up_proj": (self.hidden, self.mlp),
            "down_proj": (self.mlp, self.hidden),
        }

    @property
    def linear_parameters(self) -> int:
        """Weights of the blocks' linear layers, all experts among them: what is quantised."""
        return self._linear(self.experts)

    @property
    def active_share(self) -> float:
        """The share of the weights that a token passes: below 1 in a mixture of experts."""
        return 1 - (self._linear(self.experts) - self._linear(self.at_once)) / self.parameters

    def _linear(self, experts: int) -> int:
        sizes = {name: inputs * outputs for name, (inputs, outputs) in self.projections.items()}
        return self.layers * sum(size * (experts if name in _EXPERTS else 1) for name, size in sizes.items())

    @property
    def embedding_parameters(self) -> int:
        """Weights of the embedding, and of the head where it is another matrix."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All weights; norms are two vectors per block and one at the end."""
        norms = (2 * self.layers + 1) * self.hidden
        return self.linear_parameters + self.embedding_parameters + norms

    @property
    def cached_values(self) -> int:
        """Numbers that the key-value cache holds of one token."""
        return 2 * self.layers * self.kv_heads * self.head_dim

    def adapter_parameters(self, rank: int, targets: Collection[str] | Literal["all-linear"]) -> int:
        """Weights of LoRA's two factors on the targets: ``rank x (inputs + outputs)`` each (Hu et al. 2021, sec. 4.1).

        ``targets`` are names of projections, or ``"all-linear"``. On phi-4 rank 16 on all of them gives 65 536 000.
        The experts of a mixture are no linear layers, and get none.
        """
        layers = {name: shape for name, shape in self.projections.items() if self.experts == 1 or name not in _EXPERTS}
        chosen = [shape for name, shape in layers.items() if targets == "all-linear" or name in targets]
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in chosen)

"""How answers are drawn instead of taking the likeliest token: settings, and a random stream for each answer.

The numbers that draw an answer come from a stream of its own, named by the seed, the item and the number of the
sample. So no batch, order, worker, engine or interruption changes an answer beyond rounding, and more items or more
samples leave those that are there as they are. Learners that are asked the same items draw by the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from offdiag.identity import Identity
from offdiag.seeds import derive, stream

_PURPOSE = "sampled answers"
_SERVER_SEEDS = 1 << 31  # what servers take for a seed: llama.cpp and others have 32 bits


class Sampling(Identity):
    """Settings of sampled answers.

    Attributes:
        temperature: what logits are divided by before the softmax, above 0; 1 is the model as it is.
        top_p: only the likeliest tokens are drawn whose probabilities reach this sum (nucleus sampling, Holtzman et al.
            2020, arXiv 1904.09751), above 0; 1 for all of them.
        top_k: only so many of the likeliest tokens are drawn; 0 for all of them.
        samples: answers to each item.
        seed: root of the random streams.
    """

    tag: ClassVar[str] = "sampling"
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    top_k: int = Field(default=0, ge=0)
    samples: int = Field(default=1, ge=1)
    seed: int = 0

    @property
    def label(self) -> str:
        """Short name for folders: ``t0.7.top-p0.9.x8``."""
        cut = [f"top-p{self.top_p:g}"] if self.top_p < 1 else []
        cut += [f"top-k{self.top_k}"] if self.top_k else []
        return ".".join([f"t{self.temperature:g}", *cut, f"x{self.samples}", *([f"r{self.seed}"] if self.seed else [])])

    def factors(self) -> dict[str, float | int]:
        """Return the columns of the results table."""
        cut = {"top_p": self.top_p} if self.top_p < 1 else {}
        seed = {"sampling_seed": self.seed} if self.seed else {}
        top_k = {"top_k": self.top_k} if self.top_k else {}
        return {"temperature": self.temperature, **cut, **top_k, "samples": self.samples, **seed}


@dataclass(frozen=True)
class Draws:
    """The random streams of one call: ``items`` names each prompt, so that its place among the others is nothing."""

    sampling: Sampling
    items: Sequence[str]

    def uniforms(self, prompt: int, sample: int, n: int) -> NDArray[np.float64]:
        """Return the numbers ``[n]`` from 0 to 1 that draw the tokens of an answer; fewer are their beginning."""
        return stream(self.sampling.seed, _PURPOSE, self.items[prompt], sample).random(n)

    def server_seed(self, prompt: int, sample: int) -> int:
        """Return the seed of an answer for a server, which draws by itself."""
        return derive(self.sampling.seed, _PURPOSE, self.items[prompt], sample) % _SERVER_SEEDS


def samples_of(draws: Draws | None) -> int:
    """Return the number of answers to each prompt; one without draws."""
    return 1 if draws is None else draws.sampling.samples

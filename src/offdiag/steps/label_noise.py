"""Label noise on training examples and demonstrations, the same for all methods with one share."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from offdiag.seeds import Name, stream
from offdiag.stats.label_noise import draw_hits
from offdiag.tasks import Domain, Example


def noise_stream(seed: int, domain: Domain, *names: Name) -> np.random.Generator:
    """Return the random stream for a training domain; another domain (or draw of it) has another stream."""
    return stream(seed, "label noise", domain.task, domain.seed_name, *names)


def with_label_noise(examples: Sequence[Example], share: float, generator: np.random.Generator) -> list[Example]:
    """Return the examples, each hit by noise with probability ``share``; questions do not change.

    An example with choices that is hit gets a label drawn among them (see :mod:`offdiag.stats.label_noise`). Examples
    without choices that are hit exchange their answers at random. Hit examples always exchange their rationales.
    """
    hit, drawn = draw_hits(len(examples), share, generator)
    places: list[int] = np.flatnonzero(hit).tolist()
    noisy = list(examples)
    for place, other in zip(places, generator.permutation(places).tolist(), strict=True):
        example, source = examples[place], examples[other]
        choices = example.choices
        target = choices[int(drawn[place] * len(choices))] if choices else source.target
        noisy[place] = replace(example, target=target, rationale=source.rationale)
    return noisy

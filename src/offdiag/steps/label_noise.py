"""Label noise on examples that are taught or shown; every method that takes the same share is given the same noise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from offdiag.seeds import Name, stream
from offdiag.stats.label_noise import draw_hits
from offdiag.tasks import Domain, Example


def noise_stream(seed: int, domain: Domain, *names: Name) -> np.random.Generator:
    """The draws for a training domain; another domain, such as one of another bootstrap, has others."""
    return stream(seed, "label noise", domain.task, str(domain), *names)


def with_label_noise(examples: Sequence[Example], share: float, generator: np.random.Generator) -> list[Example]:
    """The examples, each hit with probability ``share``; no example changes its question.

    A hit example with choices gets a label drawn among them (see :mod:`offdiag.stats.label_noise`); without choices
    the hit ones exchange their answers at random. Rationales are exchanged among the hit ones in either case.
    """
    hit, drawn = draw_hits(len(examples), share, generator)
    places: list[int] = np.flatnonzero(hit).tolist()
    found = list(examples)
    for place, other in zip(places, generator.permutation(places).tolist(), strict=True):
        taught, source = examples[place], examples[other]
        choices = taught.choices
        target = choices[int(drawn[place] * len(choices))] if choices else source.target
        found[place] = replace(taught, target=target, rationale=source.rationale)
    return found

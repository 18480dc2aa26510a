"""Similarity in meaning of the categories of a trigger task: cosines of embeddings of their names or words."""

from collections.abc import Iterator, Mapping
from itertools import combinations
from math import isfinite
from typing import Annotated, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainValidator

from offdiag.models.sentence import SentenceModel
from offdiag.steps import CostLine, CostProbe, Measurement, Weights, Work
from offdiag.studies.trigger_2d.task import HALVES, TriggerWorld, find_world
from offdiag.tasks import Scalar

Phrases: TypeAlias = Literal["names", "triggers"]

# What a causal model reads: at the first token of a text its state is much the same for every text, so that a bare
# word of one token would look like any other.
CARRIER = {"names": "category: {}", "triggers": "word: {}"}


class CategorySimilarity(Measurement):
    """Cosine similarity, from -1 to 1, of each pair of categories: ``one``, ``other`` and ``similarity``.

    Texts without a finite state are left out and counted (``n_errors``, where there are any); null without any other.

    A sentence embedder reads the bare names, with blanks for underscores. A causal model's embedding is the hidden
    state of the last layer at the last token of ``category: foods``; such states all point in much the same direction
    (Ethayarajh 2019, arXiv 1909.00512), so its cosines lie close together, and their order says more than their size.

    Attributes:
        embedder: a sentence embedder, or the hidden states of these weights. world: whose categories.
        of: what stands for a category: its name, or the mean over the embeddings (of length 1) of its trigger words.
    """

    tag: ClassVar[str] = "category-similarity"
    table: ClassVar[str] = "category_similarity"
    embedder: SentenceModel | Weights = SentenceModel()
    world: Annotated[TriggerWorld, PlainValidator(find_world)] = HALVES
    of: Phrases = "names"

    @property
    def name(self) -> str:
        return f"similarity.{self.embedder.label}.{self.world.name}.{self.of}"

    @property
    def group(self) -> str:
        if isinstance(self.embedder, SentenceModel):
            return f"sentence embedder {self.embedder.distribution}"
        return self.embedder.base_key

    def factors(self) -> Mapping[str, Scalar]:
        sentence = isinstance(self.embedder, SentenceModel)
        return {
            "embedder": "sentence" if sentence else "hidden states",
            "model": self.embedder.label,
            "world": self.world.name,
            "of": self.of,
        }

    def phrases(self) -> dict[str, list[str]]:
        """Return the texts that stand for each category."""
        return {
            category.name: [category.name.replace("_", " ")] if self.of == "names" else list(category.triggers)
            for category in self.world.categories
        }

    def cost(self, probe: CostProbe) -> CostLine:
        texts = [text for texts in self.phrases().values() for text in texts]
        if isinstance(self.embedder, SentenceModel):
            return probe.read(self, self.embedder.parameters, len(texts) * probe.tokens(texts))
        carried = [CARRIER[self.of].format(text) for text in texts]
        return probe.read(self, self.embedder, len(carried) * probe.tokens(carried))

    def measure(self, work: Work) -> Iterator[dict[str, Scalar]]:
        phrases = self.phrases()
        embedded = iter(_unit(self._embed(work, [text for texts in phrases.values() for text in texts])))
        of_texts = {name: np.array([next(embedded) for _ in texts]) for name, texts in phrases.items()}
        finite = {name: np.isfinite(found).all(axis=1) for name, found in of_texts.items()}
        # A category without any finite text has the mean 0, and no direction: its similarities are null.
        means = [found[finite[name]].sum(axis=0) / max(1, finite[name].sum()) for name, found in of_texts.items()]
        states = dict(zip(of_texts, _unit(np.array(means)), strict=True))
        for first, second in combinations(states, 2):
            lost = int((~finite[first]).sum() + (~finite[second]).sum())
            errors: dict[str, Scalar] = {"n_errors": lost} if lost else {}
            similarity = float(states[first] @ states[second])
            yield {"one": first, "other": second, "similarity": similarity if isfinite(similarity) else None, **errors}

    def _embed(self, work: Work, texts: list[str]) -> NDArray[np.float64]:
        """Return the embeddings of ``n`` texts, ``[n, d]``."""
        if isinstance(self.embedder, SentenceModel):
            from offdiag.models.sentence import SentenceEmbedder

            embeddings = SentenceEmbedder(self.embedder.folder(), work.runtime).embed(texts, work.progress)
            return embeddings.astype(np.float64)
        model = work.model(self.embedder)
        carried = [CARRIER[self.of].format(text) for text in texts]
        states = model.hidden_states(carried, [model.depth], ["last"], chat=False, on_progress=work.progress)
        return states[:, 0, 0].astype(np.float64)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vectors scaled to length 1."""
    with np.errstate(invalid="ignore"):
        unit: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit

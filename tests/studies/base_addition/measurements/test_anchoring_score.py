import math

import numpy as np
import pytest

from offdiag.studies.base_addition.measurements.anchoring_score import anchoring

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("anchors", "density", "mismatch", "score"),
    [
        ([(1, 0), (0, 1)], 1.0, 0.292893, 0.0139596),
        ([(1, 0), (0, 1), (1, 1)], 1.8918058, 0.2928932, 0.5003003),
    ],
)
def test_vectors_of_the_definition(anchors, density, mismatch, score):
    found = anchoring(anchors, [(1, 0)])
    assert found.density == pytest.approx([density], abs=1e-6)
    assert found.mismatch == pytest.approx(np.array([[mismatch]]), abs=1e-6)
    assert found.score == pytest.approx(np.array([[score]]), abs=1e-6)
    assert found.k50 == pytest.approx(np.array([[mismatch / density]]), abs=1e-6)
    assert found.undefined.tolist() == [""]


def by_the_book(anchors, query):
    """The definition, one pair at a time."""

    def distance(a, b):
        return 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    k = len(anchors)
    density = 1 / np.mean([distance(anchors[i], anchors[j]) for i in range(k) for j in range(i)])
    return density, distance(query, anchors.mean(0)), k


@pytest.mark.parametrize("weights", [(1, 1, 1), (0.5, 2, 3)])
def test_all_layers_queries_and_k_at_once(weights):
    anchors, queries = RNG.normal(size=(3, 6, 8)), RNG.normal(size=(3, 4, 8))
    alpha, beta, gamma = weights
    found = anchoring(anchors, queries, (2, 3, 6), alpha=alpha, beta=beta, gamma=gamma)
    assert found.score.shape == found.mismatch.shape == (3, 3, 4)
    for layer in range(3):
        for at, k in enumerate((2, 3, 6)):
            for i in range(4):
                density, mismatch, _ = by_the_book(anchors[layer, :k], queries[layer, i])
                score = alpha * density - beta * mismatch - gamma * math.log(k)
                assert found.density[layer, at] == pytest.approx(density)
                assert found.mismatch[layer, at, i] == pytest.approx(mismatch)
                assert found.score[layer, at, i] == pytest.approx(score)


def test_lengths_of_queries_do_not_matter_but_those_of_anchors_weigh_in_their_mean():
    anchors, queries = RNG.normal(size=(4, 5)), RNG.normal(size=(2, 5))
    same, longer = anchoring(anchors, 7 * queries), anchoring(anchors * [[9], [1], [1], [1]], queries)
    base = anchoring(anchors, queries)
    np.testing.assert_allclose(same.score, base.score)
    np.testing.assert_allclose(longer.density, base.density)
    assert not np.allclose(longer.mismatch, base.mismatch)


def test_one_anchor_and_identical_anchors_have_no_density():
    anchors = [[1, 2], [2, 4], [3, 6], [0, 1]]
    found = anchoring(anchors, [[1, 0], [0, 1]], (1, 2, 3, 4))
    assert found.undefined.tolist() == ["one anchor", "identical anchors", "identical anchors", ""]
    assert np.isnan(found.density).tolist() == [True, True, True, False]
    assert np.isnan(found.score).all(axis=1).tolist() == [True, True, True, False]
    assert np.isfinite(found.mismatch).all()


@pytest.mark.parametrize("anchors", [[[0, 0], [1, 0]], [[1, 0], [-1, 0]], [[np.nan, 0], [1, 0]]])
def test_an_embedding_without_a_direction_is_an_error(anchors):
    with pytest.raises(ValueError, match="zero or not finite"):
        anchoring(anchors, [[1, 0]])


def test_a_zero_query_is_an_error():
    with pytest.raises(ValueError, match=r"1 of the queries .* index \(1,\)"):
        anchoring([[1, 0], [0, 1]], [[1, 0], [0, 0]])


@pytest.mark.parametrize("ks", [(), (0,), (2, 3)])
def test_k_must_be_there(ks):
    with pytest.raises(ValueError, match="expected numbers from 1 to 2"):
        anchoring([[1, 0], [0, 1]], [[1, 0]], ks)


def test_the_jackknife_knows_the_draw_of_the_anchors():
    centre = np.array([3.0, 0, 0, 0, 0, 0])
    queries = centre + RNG.normal(size=(50, 6))
    draws = centre + RNG.normal(size=(400, 12, 6))
    found = anchoring(draws, np.broadcast_to(queries, (400, 50, 6)), (2, 12))
    spread = found.score.mean(-1)[:, 1].std()
    assert np.sqrt((found.anchors_se[:, 1] ** 2).mean()) == pytest.approx(spread, rel=0.2)
    assert np.isnan(found.anchors_se[:, 0]).all()


def test_the_jackknife_leaves_out_one_anchor_at_a_time():
    anchors, queries = RNG.normal(size=(5, 4)), RNG.normal(size=(3, 4))
    without = [np.mean(anchoring(np.delete(anchors, i, 0), queries, alpha=2, beta=3).score) for i in range(5)]
    expected = np.sqrt(4 / 5 * np.sum((np.array(without) - np.mean(without)) ** 2))
    assert anchoring(anchors, queries, alpha=2, beta=3).anchors_se == pytest.approx([expected])

from itertools import combinations

import numpy as np
import pytest
import torch

from offdiag.seeds import stream
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.decoders import new_model, weight_groups
from offdiag.training.pretraining import train_step
from offdiag.training.shards import Shards, in_buckets, lengths_of

CPU = torch.device("cpu")
ROWS, COLUMNS, PADDING = 13, 9, 0


def ragged(seed=0):
    """Rows of several lengths, filled up at their end; the last one to three tokens of each are to be learnt."""
    rng = stream(seed, "ragged")
    ids = np.full((ROWS, COLUMNS), PADDING)
    targets = np.full((ROWS, COLUMNS), -100)
    for row in range(ROWS):
        length, learnt = rng.integers(4, COLUMNS + 1), rng.integers(1, 4)
        ids[row, :length] = rng.integers(1, 12, length)
        targets[row, length - learnt : length] = rng.integers(1, 12, learnt)
    return ids, targets


def test_a_row_is_as_long_as_its_last_target():
    assert lengths_of(np.array([[-100, 5, -100, -100], [-100, 5, 6, 7], [-100] * 4])).tolist() == [2, 4, 1]


@pytest.mark.parametrize("most", [1, 2, 3, 20])
def test_every_target_is_in_one_bucket_with_what_stands_before_it(most):
    ids, targets = ragged()
    expected = [(*ids[r, : c + 1], targets[r, c]) for r, c in np.argwhere(targets != -100)]
    buckets = in_buckets((ids, targets), most, CPU)
    found = []
    for bucket in buckets:
        columns = bucket.ids.shape[1]
        for place, target in zip(bucket.places.tolist(), bucket.targets.tolist(), strict=True):
            row, column = divmod(place, columns)
            found.append((*bucket.ids[row, : column + 1].tolist(), target))
    assert sorted(found) == sorted(expected)
    assert len(buckets) == min(most, len(set(lengths_of(targets).tolist())))
    assert sum(bucket.tokens for bucket in buckets) == lengths_of(targets).sum()


@pytest.mark.parametrize("seed", range(5))
def test_the_cuts_are_the_best_ones(seed):
    ids, targets = ragged(seed)
    lengths = np.sort(lengths_of(targets))

    def filled(cuts):
        return sum((end - begin) * lengths[end - 1] for begin, end in zip((0, *cuts), (*cuts, ROWS), strict=True))

    best = min(filled(cuts) for cuts in combinations(range(1, ROWS), 2))
    assert sum(bucket.ids.numel() for bucket in in_buckets((ids, targets), 3, CPU)) == best


def test_rows_of_one_length_stay_together():
    ids = np.arange(12).reshape(3, 4)
    (bucket,) = in_buckets((ids, ids), 4, CPU)
    assert bucket.ids.tolist() == ids.tolist()


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2"])
def test_an_update_in_buckets_is_that_of_the_padded_batch(architecture):
    decoder = Decoder(architecture=architecture, width=16, depth=2, heads=2, expansion=2)
    recipe = PretrainingRecipe(schedule="constant", learning_rate=1.0, max_grad_norm=1e9)
    cut, whole = (new_model(decoder, 12, COLUMNS, 0) for _ in range(2))
    ids, targets = ragged()
    descent = torch.optim.SGD(weight_groups(cut, 1.0, 0.0), lr=1.0)  # moves each weight by its gradient
    with Shards(cut) as shards:
        outcome = train_step(shards, descent, (ids, targets), recipe, 0)

    mask = np.arange(COLUMNS) < lengths_of(targets)[:, None]
    logits = whole(torch.as_tensor(ids), attention_mask=torch.as_tensor(mask).long()).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.as_tensor(targets).flatten())
    loss.backward()
    norm = torch.stack([w.grad.norm() for w in whole.parameters()]).norm()

    assert outcome.loss.item() == pytest.approx(loss.item(), rel=1e-6)
    assert outcome.gradient_norm.item() == pytest.approx(norm.item(), rel=1e-5)
    assert outcome.targets == (targets != -100).sum()
    right = (logits.argmax(-1).numpy() == targets).sum()
    assert outcome.accuracy.item() == pytest.approx(right / outcome.targets)
    for (name, moved), weight in zip(cut.named_parameters(), whole.parameters(), strict=True):
        assert torch.allclose(moved, weight - weight.grad, atol=1e-6), name

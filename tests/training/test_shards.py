"""Shards of an update: the same gradients, whatever the threads."""

import numpy as np
import pytest
import torch

from offdiag.seeds import stream
from offdiag.training import Decoder
from offdiag.training.decoders import new_model
from offdiag.training.shards import Shards

DECODER = Decoder(width=16, depth=2, heads=2, expansion=2)
COLUMNS = 9


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def rows(n):
    """Rows of any length, each with a target at its end."""
    rng = stream(0, "rows")
    ids, targets = rng.integers(1, 12, (n, COLUMNS)), np.full((n, COLUMNS), -100)
    targets[np.arange(n), rng.integers(3, COLUMNS, n)] = rng.integers(1, 12, n)
    return ids, targets


def gradients(batch, times=1):
    model = new_model(DECODER, 12, COLUMNS, 0)
    with Shards(model) as shards:
        for _ in range(times):
            learnt = shards.add_gradients(batch)
    return learnt, [weight.grad for weight in model.parameters()]


def test_no_bit_depends_on_the_threads(threads):
    found = []
    for n in (1, 2, 3):
        threads(n)
        found.append(gradients(rows(40)))
        assert torch.get_num_threads() == n
    (learnt, first), *others = found
    for other, second in others:
        assert (other.loss, other.accuracy) == (learnt.loss, learnt.accuracy)
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_one_row_is_a_shard_too(threads):
    threads(2)
    learnt, found = gradients(rows(1))
    assert learnt.targets == 1
    assert all(torch.isfinite(gradient).all() for gradient in found)


def test_gradients_add_up_and_no_twin_keeps_any(threads):
    threads(2)
    _, once = gradients(rows(40))
    _, twice = gradients(rows(40), times=2)
    for one, two in zip(once, twice, strict=True):
        torch.testing.assert_close(two, 2 * one)


def test_a_failing_shard_is_heard_of_and_threads_come_back(threads):
    threads(3)
    ids, targets = rows(8)
    with pytest.raises(IndexError), Shards(new_model(DECODER, 12, COLUMNS, 0)) as shards:
        shards.add_gradients((ids + 100, targets))
    assert torch.get_num_threads() == 3


def test_padding_at_the_end_of_rows_is_nothing_to_warn_of(monkeypatch):
    said = []
    monkeypatch.setattr("transformers.modeling_utils.logger.warning_once", said.append)
    model = new_model(Decoder(architecture="gpt2", width=16, depth=2, heads=2), 12, COLUMNS, 0)
    ids, targets = rows(8)
    model.config.pad_token_id, ids[:, -1] = 11, 11
    model.base_model(input_ids=torch.as_tensor(ids))
    assert len(said) == 1  # as transformers would
    with Shards(model) as shards:
        shards.add_gradients((ids, targets))
    assert len(said) == 1

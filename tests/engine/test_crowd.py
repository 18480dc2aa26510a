"""Many workers, simulated: each step done once, little asked of the file system, few races lost (docs/scaling.md)."""

import pytest

from support import crowd
from support.crowd import simulate


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(20, 600, 12, tmp_path_factory.mktemp("crowd"))


def test_everything_is_done_and_nothing_twice(store):
    assert len(store.done) == 600
    assert store.held == {}
    assert store.twice == 0


def test_few_races_are_lost(store):
    assert store.lost < 0.1 * len(store.done)


def test_what_is_asked_of_the_file_system_grows_with_the_steps_and_not_with_steps_times_workers(store):
    seconds = max(store.done.values())
    assert store.asked["claims"].total() < 1.1 * len(store.done)
    assert store.asked["looks"].total() < 8 * len(store.done)  # where 20 workers would have 20
    assert store.asked["journal"].total() < 20 * 2 * seconds + 5 * len(store.done)


def test_models_are_loaded_by_few_workers_each(store):
    assert 20 <= store.asked["loads"].total() < 0.25 * 20 * 12  # of all pairs of a worker and a model


def test_a_crowd_that_hears_nothing_gets_in_each_others_way(tmp_path, store, monkeypatch):
    """What the journal is for: without it far more races are lost."""
    monkeypatch.setattr(crowd, "tell", lambda root, event, steps: None)
    deaf = simulate(20, 600, 12, tmp_path)
    assert deaf.twice == 0
    assert deaf.lost > 10 * max(store.lost, 1)

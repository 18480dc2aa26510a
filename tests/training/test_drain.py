"""A training whose process is to end writes a checkpoint, and goes on from it; one without its lease writes nothing."""

import os
import signal
from importlib.util import find_spec

import pytest

from offdiag.drain import Drained, drain_on_signals, leave_if_asked
from offdiag.lease import LeaseLostError, lease
from support import tiny_policy, tiny_pretraining, tiny_training

needs_trl = pytest.mark.skipif(find_spec("trl") is None, reason='trl is not installed: pip install "offdiag[rl]"')
pytestmark = pytest.mark.usefixtures("one_thread")


def told_at(last, seen):
    """Progress of a worker that gets a signal during some update."""

    def on_progress(update, total):
        seen.append(update)
        if update == last:
            os.kill(os.getpid(), signal.SIGUSR2)
            return
        leave_if_asked()

    return on_progress


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_fine_tuning_stops_after_the_next_update_and_repeats_none(base, tmp_path):
    tiny_training.train(base, tmp_path / "whole")
    seen = []
    with drain_on_signals(), pytest.raises(Drained):
        tiny_training.train(base, tmp_path / "told", checkpoint_every=100, on_progress=told_at(2, seen))
    assert seen == [1, 2, 3]
    assert [path.name for path in (tmp_path / "told" / "checkpoints").iterdir()] == ["checkpoint-3"]
    tiny_training.train(
        base, tmp_path / "told", checkpoint_every=100, on_progress=lambda update, total: seen.append(update)
    )
    assert seen == list(range(1, tiny_training.UPDATES + 1))
    whole, told = (tiny_training.weights(tmp_path / name) for name in ("whole", "told"))
    assert tiny_training.same_bits(whole, told)
    histories = [without_seconds(tiny_training.history(tmp_path / name)) for name in ("whole", "told")]
    assert histories[0] == histories[1]


def test_pre_training_stops_after_its_update_and_repeats_none(tmp_path):
    drawn = []

    def draw(index):
        drawn.append(index)
        if len(drawn) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return tiny_pretraining.copies(index)

    tiny_pretraining.train(tmp_path / "whole")
    with drain_on_signals(), pytest.raises(Drained):
        tiny_pretraining.train(tmp_path / "told", draw=draw, on_progress=lambda done, total: leave_if_asked())
    assert drawn == list(range(6))
    tiny_pretraining.train(tmp_path / "told", draw=draw)
    assert drawn == list(range(12))
    assert tiny_pretraining.same(*(tiny_pretraining.weights(tmp_path / name) for name in ("whole", "told")))
    assert tiny_pretraining.history(tmp_path / "whole") == tiny_pretraining.history(tmp_path / "told")


@needs_trl
@pytest.mark.parametrize("passes", [1, 2])
def test_a_policy_optimisation_stops_after_its_round_and_repeats_none(base, tmp_path, passes):
    """A round has as many updates as passes; in its middle there is no checkpoint."""
    tiny_policy.optimise(base, tmp_path / "whole", passes=passes)
    seen, rounds = [], [passes * i for i in (1, 2, 3, 4)]
    with drain_on_signals(), pytest.raises(Drained):
        tiny_policy.optimise(base, tmp_path / "told", passes=passes, checkpoint_every=100, on_progress=told_at(2, seen))
    stopped = seen[-1]
    assert seen == [update for update in rounds if update <= stopped]
    assert stopped == {1: 3, 2: 4}[passes]  # the round after the one in which the signal came
    assert [path.name for path in (tmp_path / "told" / "checkpoints").iterdir()] == [f"checkpoint-{stopped}"]
    tiny_policy.optimise(base, tmp_path / "told", passes=passes, on_progress=lambda update, total: seen.append(update))
    assert seen == rounds
    whole, told = (tiny_training.weights(tmp_path / name) for name in ("whole", "told"))
    assert tiny_training.same_bits(whole, told)
    histories = [without_seconds(tiny_training.history(tmp_path / name)) for name in ("whole", "told")]
    assert histories[0] == histories[1]


@needs_trl
def test_a_policy_optimisation_that_lost_its_lease_writes_no_row_and_no_checkpoint(base, tmp_path):
    def lose(update, total):
        if update == 2:
            (tmp_path / "lease.json").write_text("{}")

    with lease(tmp_path / "lease.json"), pytest.raises(LeaseLostError):
        tiny_policy.optimise(base, tmp_path, checkpoint_every=3, on_progress=lose)
    assert len(tiny_training.history(tmp_path)) == 2
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_training_that_lost_its_lease_writes_no_row_and_no_checkpoint(base, tmp_path):
    def lose(update, total):
        if update == 2:
            (tmp_path / "lease.json").write_text("{}")

    with lease(tmp_path / "lease.json"), pytest.raises(LeaseLostError):
        tiny_training.train(base, tmp_path, checkpoint_every=3, on_progress=lose)
    assert len(tiny_training.history(tmp_path)) == 2
    assert not list(tmp_path.glob("checkpoints/*"))


def test_a_pre_training_that_lost_its_lease_writes_no_row_and_no_checkpoint(tmp_path):
    def lose(update, total):
        if update == 4:
            (tmp_path / "lease.json").write_text("{}")

    with lease(tmp_path / "lease.json"), pytest.raises(LeaseLostError):
        tiny_pretraining.train(tmp_path, on_progress=lose)
    assert len(tiny_pretraining.history(tmp_path)) == 4
    assert not list(tmp_path.glob("checkpoints/*"))

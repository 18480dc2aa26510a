import subprocess
import sys

import pytest

from support import tiny_training
from support.tiny_training import RECIPE, UPDATES, Killed, history, kill_at, same_bits, train, weights

FULL = RECIPE.model_copy(update={"adapter": "full", "dropout": 0.0, "learning_rate": 1e-3})
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def uninterrupted(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, train(base, folder)


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("stops", [(1,), (4,), (UPDATES,), (2, 3, 7)])
def test_a_killed_training_ends_like_an_uninterrupted_one(base, uninterrupted, tmp_path, stops):
    for stop in stops:
        with pytest.raises(Killed):
            train(base, tmp_path, checkpoint_every=2, on_progress=kill_at(stop))
    resumed = []
    summary = train(base, tmp_path, checkpoint_every=2, on_progress=lambda update, total: resumed.append(update))
    folder, expected = uninterrupted
    assert resumed[0] == 1 + 2 * ((stops[-1] - 1) // 2)
    assert same_bits(weights(tmp_path), weights(folder))
    assert without_seconds(history(tmp_path)) == without_seconds(history(folder))
    assert without_seconds([summary]) == without_seconds([expected])


def test_full_training_resumes_too(base, tmp_path):
    train(base, tmp_path / "whole", recipe=FULL)
    with pytest.raises(Killed):
        train(base, tmp_path / "killed", recipe=FULL, checkpoint_every=3, on_progress=kill_at(5))
    train(base, tmp_path / "killed", recipe=FULL, checkpoint_every=3)
    name = "model.safetensors"
    assert same_bits(weights(tmp_path / "killed", name), weights(tmp_path / "whole", name))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda newest: (newest / "complete").unlink(),
        lambda newest: (newest / "optimizer.safetensors").write_bytes(b"half"),
        lambda newest: (newest / "trainer_state.json").unlink(),
    ],
)
def test_a_half_written_checkpoint_is_not_trusted(base, uninterrupted, tmp_path, spoil):
    with pytest.raises(Killed):
        train(base, tmp_path, checkpoint_every=2, on_progress=kill_at(7))
    newest = tmp_path / "checkpoints" / "checkpoint-6"
    assert not [path for path in newest.iterdir() if path.suffix not in (".json", ".safetensors", ".md", "")]
    spoil(newest)
    resumed = []
    train(base, tmp_path, checkpoint_every=2, on_progress=lambda update, total: resumed.append(update))
    assert resumed[0] == 5
    assert same_bits(weights(tmp_path), weights(uninterrupted[0]))


def test_a_killed_process_resumes(base, uninterrupted, tmp_path):
    command = [sys.executable, tiny_training.__file__, str(base), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "6":
                process.kill()
    assert process.returncode == -9
    assert not (tmp_path / "weights").exists()
    train(base, tmp_path, checkpoint_every=2)
    assert same_bits(weights(tmp_path), weights(uninterrupted[0]))


def test_a_finished_training_is_not_done_again(base, tmp_path):
    summary = train(base, tmp_path)
    updates = []
    assert train(base, tmp_path, on_progress=lambda *update: updates.append(update)) == summary
    assert updates == []


def test_weights_without_a_summary_are_written_again(base, uninterrupted, tmp_path):
    train(base, tmp_path)
    (tmp_path / "summary.json").unlink()
    (tmp_path / "weights" / "adapter_model.safetensors").write_bytes(b"half")
    train(base, tmp_path)
    assert same_bits(weights(tmp_path), weights(uninterrupted[0]))

import pytest
from pydantic import ValidationError

from offdiag.errors import UserError
from offdiag.training import Recipe
from offdiag.training.snapshots import log_spaced, snapshot_folder
from support.tiny_training import CONVERSATIONS, RECIPE, UPDATES, Killed, kill_at, same_bits, train, weights

pytestmark = pytest.mark.usefixtures("one_thread")

SEEN = RECIPE.model_copy(update={"snapshots": (0, 3, UPDATES)})


def snapshot(folder, update, name="adapter_model.safetensors"):
    kept = snapshot_folder(folder, update)
    return weights_of(kept, name)


def weights_of(kept, name):
    from safetensors.torch import load_file

    return load_file(kept / name)


@pytest.mark.parametrize(
    ("updates", "n", "expected"),
    [
        (100, 3, (1, 10, 100)),
        (10_000, 5, (1, 10, 100, 1000, 10_000)),
        (100, 8, (1, 2, 4, 7, 14, 27, 52, 100)),
        (10, 10, tuple(range(1, 11))),
        (3, 10, (1, 2, 3)),
        (1, 2, (1,)),
    ],
)
def test_log_spaced(updates, n, expected):
    assert log_spaced(updates, n) == expected


def test_log_spaced_increases_from_the_first_update_to_the_last():
    for updates in (1, 2, 5, 17, 100, 333):
        for n in range(2, 40):
            chosen = log_spaced(updates, n)
            assert len(chosen) == min(updates, n)
            assert sorted(set(chosen)) == list(chosen)
            assert (chosen[0], chosen[-1]) == (1, updates)


@pytest.mark.parametrize(("updates", "n"), [(0, 3), (10, 1)])
def test_log_spaced_refuses_less_than_two(updates, n):
    with pytest.raises(UserError, match="expected at least 2 snapshots of at least 1 update"):
        log_spaced(updates, n)


@pytest.mark.parametrize("snapshots", [(3, 3), (4, 2)])
def test_snapshots_increase(snapshots):
    with pytest.raises(UserError, match="expected numbers of updates that increase"):
        Recipe(snapshots=snapshots)
    with pytest.raises(ValidationError):
        Recipe(snapshots=(-1, 2))


def test_a_snapshot_beyond_the_training_is_refused_before_it():
    recipe = Recipe(batch_size=10, warmup_updates=0, snapshots=(1, 11))
    assert recipe.updates(110) == 11
    with pytest.raises(UserError, match="snapshot after 11 updates lies beyond the 10 of this training"):
        recipe.updates(100)


def test_a_recipe_without_snapshots_is_what_it_was_before_there_were_any():
    assert "snapshots" not in Recipe().canonical()
    assert Recipe(snapshots=(1,)).canonical()["snapshots"] == [1]


def test_snapshots_are_the_weights_at_their_updates(base, tmp_path):
    recipe = SEEN.model_copy(update={"schedule": "constant"})
    train(base, tmp_path / "seen", recipe=recipe)
    train(base, tmp_path / "unseen", recipe=recipe.model_copy(update={"snapshots": ()}))
    train(base, tmp_path / "three", recipe=recipe.model_copy(update={"snapshots": (), "max_updates": 3}))
    assert sorted(path.name for path in (tmp_path / "seen" / "snapshots").iterdir()) == [
        "update-000000", "update-000003", "update-000009",
    ]  # fmt: skip
    assert same_bits(weights(tmp_path / "seen"), weights(tmp_path / "unseen"))
    assert same_bits(snapshot(tmp_path / "seen", 3), weights(tmp_path / "three"))
    assert same_bits(snapshot(tmp_path / "seen", UPDATES), weights(tmp_path / "seen"))
    assert all(not value.any() for name, value in snapshot(tmp_path / "seen", 0).items() if "lora_B" in name)
    final, kept = (
        {path.name: path.read_text() for path in folder.glob("*.json")}
        for folder in (tmp_path / "seen" / "weights", snapshot_folder(tmp_path / "seen", 3))
    )
    assert final == kept != {}


def test_a_snapshot_of_full_training_is_a_model_with_its_tokenizer(base, tmp_path):
    recipe = SEEN.model_copy(update={"adapter": "full", "dropout": 0.0, "learning_rate": 1e-3})
    train(base, tmp_path, recipe=recipe)
    files = {path.name for path in (tmp_path / "weights").iterdir()}
    for update in recipe.snapshots:
        assert {path.name for path in snapshot_folder(tmp_path, update).iterdir()} == files
    start = weights_of(base, "model.safetensors")
    assert same_bits(snapshot(tmp_path, 0, "model.safetensors"), start)
    assert not same_bits(snapshot(tmp_path, 3, "model.safetensors"), start)


@pytest.mark.parametrize("stops", [(1,), (3,), (4, 5), (UPDATES,)])
def test_snapshots_survive_a_kill(base, tmp_path, stops):
    train(base, tmp_path / "whole", recipe=SEEN)
    for stop in stops:
        with pytest.raises(Killed):
            train(base, tmp_path / "killed", recipe=SEEN, checkpoint_every=2, on_progress=kill_at(stop))
    train(base, tmp_path / "killed", CONVERSATIONS, SEEN, checkpoint_every=2)
    for update in SEEN.snapshots:
        assert same_bits(snapshot(tmp_path / "killed", update), snapshot(tmp_path / "whole", update))
    assert same_bits(weights(tmp_path / "killed"), weights(tmp_path / "whole"))

import shutil

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from offdiag.errors import OffdiagError
from offdiag.training.snapshots import snapshot_folder
from support.tiny_pretraining import DECODER, RECIPE, KilledError, copies, history, killed_at, same, train, weights


@pytest.mark.parametrize("architecture", ["llama", "qwen2", "gpt2"])
def test_it_learns_and_leaves_a_model_that_transformers_loads(tmp_path, architecture):
    told = []
    decoder = DECODER.model_copy(update={"architecture": architecture})
    recipe = RECIPE.model_copy(update={"updates": 60})
    summary = train(
        tmp_path, decoder=decoder, recipe=recipe, on_progress=lambda done, total: told.append((done, total))
    )
    rows = history(tmp_path)
    assert rows[0]["loss"] == pytest.approx(np.log(4), abs=0.5)
    assert rows[-1]["loss"] < 0.1
    assert [row["update"] for row in rows] == list(range(1, 61))
    assert summary["final_accuracy"] == 1.0
    assert summary["total_tokens"] == 60 * 8
    assert told[-1] == (60, 60)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "weights")
    assert model(torch.arange(4)[:, None]).logits[:, 0].argmax(-1).tolist() == [0, 1, 2, 3]
    assert summary["parameters"] == sum(p.numel() for p in model.parameters()) == decoder.parameters(4, 1)
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("update", [3, 4, 7, 11])
def test_a_killed_training_ends_with_the_same_bits(tmp_path, update):
    train(tmp_path / "whole")
    with pytest.raises(KilledError):
        train(tmp_path / "killed", draw=killed_at(update))
    seen = []
    train(tmp_path / "killed", draw=lambda index: seen.append(index) or copies(index))
    assert seen[0] == update // 4 * 4
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "killed"))
    assert history(tmp_path / "whole") == history(tmp_path / "killed")


def test_a_checkpoint_without_its_marker_does_not_count(tmp_path):
    with pytest.raises(KilledError):
        train(tmp_path, draw=killed_at(9))
    older, newest = sorted((tmp_path / "checkpoints").iterdir())
    assert (older.name, newest.name) == ("checkpoint-4", "checkpoint-8")
    (newest / "complete").unlink()
    seen = []
    train(tmp_path, draw=lambda index: seen.append(index) or copies(index))
    assert seen == list(range(4, 12))


@pytest.mark.parametrize(
    ("lines", "first"), [(8, 8), (7, 4), (3, 0)], ids=["rows after it", "rows of the older one", "too few rows"]
)
def test_rows_and_weights_go_on_from_the_same_update(tmp_path, lines, first):
    train(tmp_path / "whole")
    with pytest.raises(KilledError):
        train(tmp_path / "cut", draw=killed_at(9))
    path = tmp_path / "cut" / "history.jsonl"
    kept = path.read_text().splitlines(keepends=True)
    path.write_text("".join(kept[:lines]) + '{"update": 9, "lo')  # the power was cut
    seen = []
    train(tmp_path / "cut", draw=lambda index: seen.append(index) or copies(index))
    assert seen[0] == first
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    assert history(tmp_path / "whole") == history(tmp_path / "cut")


def test_a_kill_while_the_history_is_cut_loses_no_row(tmp_path, monkeypatch):
    train(tmp_path / "whole")
    with pytest.raises(KilledError):
        train(tmp_path / "cut", draw=killed_at(9))
    before = (tmp_path / "cut" / "history.jsonl").read_text()

    def killed(part, path):
        raise KilledError

    monkeypatch.setattr("os.replace", killed)
    with pytest.raises(KilledError):
        train(tmp_path / "cut")
    monkeypatch.undo()
    assert (tmp_path / "cut" / "history.jsonl").read_text() == before
    train(tmp_path / "cut")
    assert history(tmp_path / "whole") == history(tmp_path / "cut")


def test_a_finished_training_is_not_done_again(tmp_path):
    first = train(tmp_path)
    assert train(tmp_path, draw=killed_at(0)) == first


def test_the_seed_decides_the_first_weights_and_global_generators_stay_as_they_were(tmp_path):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train(tmp_path / "a")
    train(tmp_path / "b", seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    assert history(tmp_path / "a")[0]["loss"] != history(tmp_path / "b")[0]["loss"]


def test_a_loss_that_is_not_finite_stops(tmp_path):
    recipe = RECIPE.model_copy(update={"learning_rate": 1e30, "schedule": "constant", "updates": 60})
    with pytest.raises(OffdiagError, match=r"(loss|gradient_norm) of update \d+ is nan.*lower learning_rate"):
        train(tmp_path, recipe=recipe)


SEEN = RECIPE.model_copy(update={"snapshots": (0, 4, 6, 12)})


def test_snapshots_are_what_a_shorter_training_would_have_left(tmp_path):
    constant = {"schedule": "constant", "snapshots": (0, 5, 12)}
    train(tmp_path / "long", recipe=RECIPE.model_copy(update=constant))
    train(tmp_path / "short", recipe=RECIPE.model_copy(update={"schedule": "constant", "updates": 5}))
    kept = [snapshot_folder(tmp_path / "long", update) for update in (0, 5, 12)]
    assert sorted((tmp_path / "long" / "snapshots").iterdir()) == kept
    untrained, early, last = (weights(folder, ".") for folder in kept)
    assert same(early, weights(tmp_path / "short"))
    assert same(last, weights(tmp_path / "long"))
    assert not same(untrained, early)
    assert AutoModelForCausalLM.from_pretrained(kept[1]).config.hidden_size == 16


@pytest.mark.parametrize("update", [1, 5, 8, 11])
def test_snapshots_of_a_killed_training_have_the_same_bits(tmp_path, update):
    train(tmp_path / "whole", recipe=SEEN)
    with pytest.raises(KilledError):
        train(tmp_path / "killed", recipe=SEEN, draw=killed_at(update))
    train(tmp_path / "killed", recipe=SEEN)
    for kept in SEEN.snapshots:
        one, other = (weights(snapshot_folder(tmp_path / name, kept), ".") for name in ("whole", "killed"))
        assert same(one, other)


def test_half_a_snapshot_is_written_again(tmp_path):
    with pytest.raises(KilledError):
        train(tmp_path, recipe=SEEN, draw=killed_at(5))
    whole = snapshot_folder(tmp_path, 4)
    whole.rename(whole.with_name(f"{whole.name}.partial"))
    shutil.rmtree(tmp_path / "checkpoints")
    train(tmp_path, recipe=SEEN)
    assert weights(whole, ".")
    assert len(list(whole.parent.iterdir())) == 4


def test_the_history_counts_tokens_without_padding_and_targets(tmp_path):
    def draw(index):
        ids, targets = copies(index)
        ids, targets = np.tile(ids, (1, 3)), np.tile(targets, (1, 3))
        targets[:5, 1:] = -100
        targets[5:, :2] = -100
        return ids, targets

    summary = train(tmp_path, draw=draw, columns=3)
    assert {(row["targets"], row["tokens"]) for row in history(tmp_path)} == {(8, 5 * 1 + 3 * 3)}
    assert summary["total_tokens"] == 12 * 14

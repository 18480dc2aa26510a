import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from offdiag.errors import OffdiagError, UserError
from offdiag.runtime import Runtime
from offdiag.seeds import stream
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.pretraining import pretrain

DECODER = Decoder(width=16, depth=1, heads=2, expansion=2)
RECIPE = PretrainingRecipe(updates=12, batch_size=8, learning_rate=1e-2)
CPU = Runtime(device="cpu", threads=1)


def copies(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A digit and its copy; the copy is to be learnt."""
    digit = stream(0, "copies", index).integers(0, 4, (8, 1))
    ids = np.concatenate([digit, digit], axis=1)
    return ids[:, :-1], ids[:, 1:]


def train(folder, *, decoder=DECODER, recipe=RECIPE, draw=copies, every=4, seed=0, on_progress=None):
    return pretrain(
        draw, decoder, recipe, vocabulary=4, columns=1, seed=seed, folder=folder, runtime=CPU,
        on_progress=on_progress, checkpoint_every=every,
    )  # fmt: skip


def weights(folder):
    return load_file(folder / "weights" / "model.safetensors")


def history(folder):
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.mark.parametrize("decoder", [DECODER, DECODER.model_copy(update={"architecture": "gpt2"})])
def test_it_learns_and_leaves_a_model_that_transformers_loads(tmp_path, decoder):
    told = []
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


class KilledError(Exception):
    pass


def killed_at(update):
    def draw(index):
        if index == update:
            raise KilledError
        return copies(index)

    return draw


@pytest.mark.parametrize("update", [3, 4, 7, 11])
def test_a_killed_training_ends_with_the_same_bits(tmp_path, update):
    train(tmp_path / "whole")
    with pytest.raises(KilledError):
        train(tmp_path / "killed", draw=killed_at(update))
    seen = []
    train(tmp_path / "killed", draw=lambda index: seen.append(index) or copies(index))
    assert seen[0] == update // 4 * 4
    whole, resumed = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert history(tmp_path / "whole") == history(tmp_path / "killed")


def test_a_checkpoint_without_its_marker_does_not_count(tmp_path):
    with pytest.raises(KilledError):
        train(tmp_path, draw=killed_at(9))
    (checkpoint,) = (tmp_path / "checkpoints").iterdir()
    assert checkpoint.name == "checkpoint-8"
    (checkpoint / "complete").unlink()
    seen = []
    train(tmp_path, draw=lambda index: seen.append(index) or copies(index))
    assert seen == list(range(12))


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
    with pytest.raises(OffdiagError, match=r"loss of update \d+ is nan.*lower learning_rate"):
        train(tmp_path, recipe=recipe)


@pytest.mark.parametrize("updates", [7, 100, 1200])
def test_one_cycle_is_that_of_torch(updates):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=updates)
    recipe = PretrainingRecipe(updates=updates, learning_rate=3e-3)
    for update in range(updates):
        assert recipe.rate(update) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        if update + 1 < updates:
            theirs.step()


@pytest.mark.parametrize("updates", [1, 2, 3])
def test_a_cycle_of_few_updates_has_rates(updates):
    recipe = PretrainingRecipe(updates=updates)
    assert all(0 < recipe.rate(update) <= recipe.learning_rate for update in range(updates))


def test_heads_must_divide_the_width():
    with pytest.raises(UserError, match="multiple of 8"):
        Decoder(width=20, heads=4)

import json
import os
from pathlib import Path

import pytest
import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from offdiag.training.checkpoints import last_complete, mark_complete, path_of, write_summary
from offdiag.training.history import History
from offdiag.training.plain_state import load_optimizer, save_optimizer


def test_a_history_is_cut_at_the_checkpoint_that_a_training_resumes_from(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text("".join(f'{{"update": {update}}}\n' for update in (1, 2, 3)) + '{"upd')  # killed in the fourth
    state = TrainerState(log_history=[{"step": update, "loss": 0.5} for update in (1, 2)])
    History(path, None).on_train_begin(TrainingArguments(str(tmp_path)), state, TrainerControl())
    assert [json.loads(line)["update"] for line in path.read_text().splitlines()] == [1, 2]


def test_only_marked_checkpoints_are_trusted(tmp_path):
    for update in (9, 10, 11):
        path_of(tmp_path, update).mkdir()
        (path_of(tmp_path, update) / "optimizer.pt").write_text("…")
    assert last_complete(tmp_path / "nowhere") is None
    mark_complete(path_of(tmp_path, 9))
    mark_complete(path_of(tmp_path, 10))
    assert last_complete(tmp_path) == path_of(tmp_path, 10)
    assert not path_of(tmp_path, 11).exists()
    assert path_of(tmp_path, 9).exists()


@pytest.mark.parametrize("name", ["optimizer.pt", "complete", "history"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(tmp_path, name):
    folder, history = tmp_path / "checkpoints", tmp_path / "history.jsonl"
    for update in (9, 10):
        path_of(folder, update).mkdir(parents=True)
        (path_of(folder, update) / "optimizer.pt").write_text("…")
        with history.open("a") as file:
            file.write(f"{update}\n")
        mark_complete(path_of(folder, update), history)
    assert last_complete(folder, history) == path_of(folder, 10)
    with history.open("a") as file:
        file.write("rows of later updates")
    assert last_complete(folder, history) == path_of(folder, 10)
    spoilt = history if name == "history" else path_of(folder, 10) / name
    spoilt.write_text(spoilt.read_text().replace("10", "11").replace("…", "!!!"))
    if name == "complete":
        spoilt.write_text("")
    assert last_complete(folder, history) == path_of(folder, 9)
    assert not path_of(folder, 10).exists()


def test_the_rows_are_on_the_disk_before_the_summary_that_ends_a_training(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda number: synced.append(Path(os.readlink(f"/proc/self/fd/{number}")).name))
    (tmp_path / "history.jsonl").write_text("{}")
    write_summary(tmp_path, {"updates": 1})
    assert synced[:2] == ["history.jsonl", "summary.json.part"]


def test_an_optimiser_is_kept_to_the_bit_without_pickles(tmp_path):
    weights = [torch.nn.Parameter(torch.randn(3, 2)), torch.nn.Parameter(torch.randn(4))]

    def trainer():
        optimizer = torch.optim.AdamW(weights, lr=0.1, weight_decay=0.3)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.9**step)

    first, schedule = trainer()
    for _ in range(3):
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        first.step()
        schedule.step()
    first.state[weights[1]]["unusual"] = 3
    save_optimizer(tmp_path, first.state_dict(), schedule.state_dict())
    second, later = trainer()
    state, of_schedule = load_optimizer(tmp_path)
    second.load_state_dict(state)
    later.load_state_dict(of_schedule)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["optimizer.json", "optimizer.safetensors"]
    assert later.get_last_lr() == schedule.get_last_lr() == [0.1 * 0.9**3]
    for weight in weights:
        kept, expected = second.state[weight], first.state[weight]
        assert kept.keys() == expected.keys()
        assert all(torch.equal(torch.as_tensor(kept[name]), torch.as_tensor(expected[name])) for name in expected)

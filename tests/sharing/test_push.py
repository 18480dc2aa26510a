import json
import shutil

import pytest
import torch
from huggingface_hub import HfApi
from peft import PeftModel
from transformers import AutoModelForCausalLM

import offdiag
from offdiag.errors import OffdiagError, UserError
from offdiag.sharing import find_training, model_card, push_training
from offdiag.sharing.push import _copy_model, check_repo
from offdiag.store import Store
from support.stand_in import REPO, Hub


def uploaded(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_a_push_makes_a_private_repository_with_adapter_card_and_identity(hub, shared, first):
    card = model_card(first, REPO, shared.store)
    assert push_training(hub, first, REPO, card) == "https://hub/me/adapter/commit/1"
    assert hub.private == {REPO: True}
    assert hub.asked == ["whoami", "create", f"upload {first.step.name} ({first.step.fingerprint[:8]})"]
    folder = hub.folder / REPO
    assert uploaded(folder) == {"README.md", "identity.json", "adapter_config.json", "adapter_model.safetensors"}
    assert (folder / "README.md").read_text() == card
    assert json.loads((folder / "identity.json").read_text())["identity"] == first.step.canonical()


def test_no_path_of_this_machine_is_uploaded(hub, shared, second, tiny_model):
    push_training(hub, second, REPO, model_card(second, REPO, shared.store))
    texts = [p.read_text() for p in (hub.folder / REPO).rglob("*") if p.suffix in (".md", ".json")]
    assert len(texts) == 4
    for path in (tiny_model, tiny_model.parent, shared.store.root, shared.store.root.parent):
        assert not any(str(path) in text for text in texts)


def test_the_second_stage_loads_as_the_card_says(hub, shared, second, tiny_model):
    """In PEFT alone it says the same as the weights that the study asked."""
    push_training(hub, second, REPO, "card")
    ids = torch.arange(5, 25).unsqueeze(0)
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    untaught = model(ids).logits
    model = PeftModel.from_pretrained(model, hub.folder / REPO, subfolder="before/1").merge_and_unload()
    after_one = model(ids).logits
    after_two = PeftModel.from_pretrained(model, hub.folder / REPO)(ids).logits
    merged = AutoModelForCausalLM.from_pretrained(shared.store.folder(second.step.base.trained) / "weights")
    ours = PeftModel.from_pretrained(merged, second.folder / "weights")(ids).logits
    assert torch.allclose(after_two, ours, atol=1e-5)
    assert not torch.allclose(untaught, after_one, atol=1e-3)
    assert not torch.allclose(after_one, after_two, atol=1e-3)


def test_a_public_repository_needs_the_word(hub, first):
    hub.private |= {REPO: False, "me/private": True}
    with pytest.raises(UserError, match="exists and is public"):
        push_training(hub, first, REPO, "card")
    assert not hub.folder.exists()
    push_training(hub, first, REPO, "card", public=True)
    push_training(hub, first, "me/private", "card")
    assert "create" not in hub.asked
    push_training(hub, first, "me/new", "card", public=True)
    assert hub.private["me/new"] is False


def test_nobody_is_logged_in(first, tmp_path):
    hub = Hub(tmp_path, logged_in=False)
    with pytest.raises(UserError, match="not logged in to the hub: type `hf auth login`"):
        push_training(hub, first, REPO, "card")
    assert hub.asked == ["whoami"]


def test_a_hub_that_is_not_reached_is_one_line(first):
    client = HfApi(endpoint="http://127.0.0.1:9", token="hf_none")
    with pytest.raises(OffdiagError, match="me/adapter on the hub: .*refused"):
        push_training(client, first, REPO, "card")


@pytest.mark.parametrize("repo", ["name", "a/b/c", "me/--x", "me/a b", ""])
def test_an_impossible_name_of_a_repository(hub, first, repo):
    with pytest.raises(UserError, match="expected OWNER/NAME"):
        push_training(hub, first, repo, "card")
    assert hub.asked == []
    check_repo("me/a-b.c_1")


def test_an_adapter_that_lost_its_weights_is_not_half_uploaded(hub, first, tmp_path):
    from dataclasses import replace

    shutil.copytree(first.folder, tmp_path / "copy")
    (tmp_path / "copy" / "weights" / "adapter_model.safetensors").unlink()
    with pytest.raises(OSError, match="adapter_model"):
        push_training(hub, replace(first, folder=tmp_path / "copy"), REPO, "card")
    assert [word for word in hub.asked if word.startswith("upload")] == []


def test_a_whole_model_is_pushed_with_its_tokenizer_and_loads_as_the_card_says(hub, shared, tiny_model):
    whole = find_training(shared.store, shared.whole, [shared.study])
    card = model_card(whole, REPO, shared.store)
    push_training(hub, whole, REPO, card)
    folder = hub.folder / REPO
    assert {"README.md", "identity.json", "config.json", "model.safetensors", "tokenizer.json"} <= uploaded(folder)
    assert not any(name.startswith("adapter_") for name in uploaded(folder))
    for path in (path for path in folder.rglob("*") if path.suffix in (".md", ".json")):
        assert not any(str(place) in path.read_text() for place in (tiny_model, shared.store.root))
    code = card.partition("```python\n")[2].partition("```")[0].replace(REPO, str(folder))
    loaded: dict = {}
    exec(code, loaded)
    ids = torch.arange(5, 25).unsqueeze(0)
    ours = AutoModelForCausalLM.from_pretrained(whole.folder / "weights")
    assert torch.equal(loaded["model"](ids).logits, ours(ids).logits)
    assert not torch.allclose(ours(ids).logits, AutoModelForCausalLM.from_pretrained(tiny_model)(ids).logits, atol=1e-4)
    assert loaded["tokenizer"]("76+76")["input_ids"]
    assert "library_name: transformers" in card
    assert "whose weights are here, changed" in card


def test_no_part_of_a_configuration_says_where_it_came_from(tmp_path):
    weights, folder = tmp_path / "weights", tmp_path / "folder"
    weights.mkdir()
    folder.mkdir()
    parts = {"text_config": {"_name_or_path": "/home/me/model", "hidden_size": 8}}
    (weights / "config.json").write_text(json.dumps({"name_or_path": "/home/me/model", **parts}))
    (weights / "vocab.json").write_text('{"name_or_path": 7}')
    _copy_model(weights, folder)
    assert json.loads((folder / "config.json").read_text()) == {"text_config": {"hidden_size": 8}}
    assert (folder / "vocab.json").read_text() == '{"name_or_path": 7}'  # a token


def test_a_model_that_was_trained_from_nothing_is_not_pushed(tmp_path):
    tiny = {
        "decoder": {"architecture": "gpt2", "width": 8, "depth": 1, "heads": 1}, "pretraining": {"updates": 1},
        "tuning": {"updates": 1, "batch_size": 2}, "n_train": 2, "n_eval": 1, "bases": (8,), "tuned_bases": (8,),
        "lines": ("bare",), "digits": (2,), "seeds": (0,), "first": {"base": 8, "digits": 2, "lines": "bare"},
    }  # fmt: skip
    plan = offdiag.plan("base-transfer", "quick", **tiny)
    assert offdiag.run(plan, store=tmp_path).complete
    (name, *_) = [step.folder_name for step in plan.steps if step.kind == "training"]
    with pytest.raises(UserError, match="was trained from nothing, with tokens of its own"):
        find_training(Store(tmp_path), name)

import json
import random

import numpy as np
import pytest
import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy
from torch.nn.modules.module import register_module_forward_pre_hook

from offdiag.errors import OffdiagError, UserError
from offdiag.models import ModelSpec
from offdiag.models.chat import tokenise
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime
from offdiag.training import Recipe
from offdiag.training.batches import update_indices
from offdiag.training.recipe import PROJECTIONS
from support.tiny_training import CONVERSATIONS, RECIPE, UPDATES, history, same_bits, train, weights

CPU = Runtime(device="cpu")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained") / "run"
    return folder, train(base, folder)


def load(base):
    return load_model(ModelSpec(source=f"dir:{base}"), base, CPU)


def token_losses(model, base, indices):
    """Losses of the response's tokens, and of all tokens, of some conversations: read one at a time, no padding."""
    tokenizer = load_tokenizer(ModelSpec(source=f"dir:{base}"), base)
    answer, text = [], []
    for index in indices:
        example = tokenise(tokenizer, *CONVERSATIONS[index])
        ids = torch.tensor(example.ids)
        with torch.no_grad():
            losses = cross_entropy(model(ids[None]).logits[0, :-1], ids[1:], reduction="none")
        text.append(losses)
        answer.append(losses[example.n_prompt - 1 :])
    return torch.cat(answer), torch.cat(text)


def response_loss(model, base, indices):
    return token_losses(model, base, indices)[0].mean().item()


def test_summary_and_history_count_what_was_trained(base, trained):
    folder, summary = trained
    rows = history(folder)
    tokenizer = load_tokenizer(ModelSpec(source=f"dir:{base}"), base)
    examples = [tokenise(tokenizer, *c) for c in CONVERSATIONS]
    assert [row["update"] for row in rows] == list(range(1, UPDATES + 1))
    assert summary["updates"] == UPDATES == 9
    assert summary["examples"] == 20
    assert summary["supervised_tokens"] == 3 * sum(len(e.ids) - e.n_prompt for e in examples)
    assert summary["total_tokens"] == 3 * sum(len(e.ids) for e in examples)
    assert summary["final_response_loss"] == rows[-1]["response_loss"]
    assert [row["update"] for row in rows if row["text_loss"] is not None] == [1, UPDATES]
    assert rows[0]["learning_rate"] == 0
    assert rows[1]["learning_rate"] == RECIPE.learning_rate
    assert rows[-1]["learning_rate"] == pytest.approx(RECIPE.learning_rate / (UPDATES - 1))


def test_nothing_is_left_but_the_weights_and_the_record(trained):
    folder, _ = trained
    assert sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*")) == [
        "history.jsonl",
        "summary.json",
        "weights",
        "weights/adapter_config.json",
        "weights/adapter_model.safetensors",
    ]


def test_the_adapter_names_its_model_and_no_path_of_the_machine(base, tmp_path):
    train(base, tmp_path, spec=ModelSpec(source="hub:someone/model"), recipe=RECIPE.model_copy(update={"epochs": 1}))
    config = (tmp_path / "weights" / "adapter_config.json").read_text()
    assert '"base_model_name_or_path": "hub:someone/model"' in config
    assert str(base) not in config


def test_losses_are_means_over_tokens_of_the_update(base, tmp_path):
    train(base, tmp_path, recipe=RECIPE.model_copy(update={"dropout": 0.0, "epochs": 1}))
    answer, text = token_losses(load(base), base, update_indices(RECIPE, len(CONVERSATIONS), 0, 0))
    first = history(tmp_path)[0]
    assert first["response_loss"] == pytest.approx(answer.mean().item(), abs=1e-5)
    assert first["text_loss"] == pytest.approx(text.mean().item(), abs=1e-5)
    assert first["supervised_tokens"] == len(answer)


def test_a_few_items_are_learnt_by_heart(base, tmp_path):
    recipe = Recipe(adapter="full", learning_rate=1e-2, warmup_updates=0, batch_size=4, epochs=40)
    summary = train(base, tmp_path, [("1+1", "2"), ("2+5", "7"), ("3+1", "4"), ("0+0", "0")], recipe)
    assert history(tmp_path)[0]["response_loss"] > 3
    assert summary["final_response_loss"] < 0.05


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_micro_batches_change_only_the_rounding(base, tmp_path, dropout):
    recipe = RECIPE.model_copy(update={"dropout": dropout})
    whole = train(base, tmp_path / "whole", recipe=recipe)
    single = train(base, tmp_path / "single", recipe=recipe, token_budget=8)
    halves = train(base, tmp_path / "halves", recipe=recipe, token_budget=8 * 60)
    assert len(CONVERSATIONS) % RECIPE.batch_size == 4
    assert whole["final_response_loss"] == pytest.approx(single["final_response_loss"], rel=1e-4)
    assert whole["supervised_tokens"] == single["supervised_tokens"] == halves["supervised_tokens"]
    for other in ("single", "halves"):
        for name, value in weights(tmp_path / "whole").items():
            torch.testing.assert_close(weights(tmp_path / other)[name], value, rtol=1e-3, atol=2e-4)


def test_the_seed_decides(base, trained, tmp_path):
    folder, _ = trained
    train(base, tmp_path / "again")
    train(base, tmp_path / "other", seed=1)
    assert same_bits(weights(folder), weights(tmp_path / "again"))
    assert not same_bits(weights(folder), weights(tmp_path / "other"))


def test_the_process_keeps_its_random_state(base, tmp_path):
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    expected = random.Random(1).random(), np.random.RandomState(1).rand(), torch.rand(1)
    torch.manual_seed(1)
    train(base, tmp_path)
    assert (random.random(), np.random.rand(), torch.rand(1)) == expected


def test_training_is_silent(base, tmp_path, capfd, recwarn):
    train(base, tmp_path)
    assert capfd.readouterr().out == ""
    assert [str(w.message) for w in recwarn] == []


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_the_weights_give_the_loss_that_training_goes_on_with(base, tmp_path, adapter):
    recipe = RECIPE.model_copy(update={"dropout": 0.0, "schedule": "constant", "adapter": adapter, "max_updates": 4})
    train(base, tmp_path / "four", recipe=recipe)
    train(base, tmp_path / "five", recipe=recipe.model_copy(update={"max_updates": 5}))
    folder = tmp_path / "four" / "weights"
    model = load(folder) if adapter == "full" else PeftModel.from_pretrained(load(base), folder)
    fifth = update_indices(recipe, len(CONVERSATIONS), 0, 4)
    expected = history(tmp_path / "five")[4]["response_loss"]
    assert response_loss(model, base, fifth) == pytest.approx(expected, abs=1e-5)
    assert response_loss(load(base), base, fifth) != pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_full_training_writes_a_model_that_loads(base, tmp_path, dtype):
    budget = {} if dtype == "float32" else {"token_budget": 2048}  # of the answers' batches
    spec = ModelSpec(source=f"dir:{base}", dtype=dtype, **budget)
    recipe = Recipe(adapter="full", learning_rate=1e-3, warmup_updates=0, batch_size=8, epochs=3)
    summary = train(base, tmp_path, recipe=recipe, spec=spec)
    model = load(tmp_path / "weights")
    assert summary["trainable_parameters"] == sum(p.numel() for p in load(base).parameters())
    assert summary["final_response_loss"] < history(tmp_path)[0]["response_loss"] - 0.3
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert not [p for p in (tmp_path / "weights").glob("*.json") if str(base) in p.read_text()]


@pytest.mark.parametrize(
    ("recipe", "spec", "message"),
    [
        ({}, {"dtype": "float16"}, "loss scaling"),
        ({"adapter": "full"}, {"quantization": "nf4"}, "weights in nf4 cannot be trained"),
        ({"adapter": "full"}, {"quantization": "int8"}, "weights in int8 cannot be trained"),
    ],
)
def test_number_formats_that_train_badly_are_refused(base, tmp_path, recipe, spec, message):
    with pytest.raises(UserError, match=message):
        train(
            base,
            tmp_path,
            recipe=RECIPE.model_copy(update=recipe),
            spec=ModelSpec(source=f"dir:{base}", **spec),
        )


def test_an_optimizer_that_is_not_installed_is_refused(base, tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.training.recipe.find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs bitsandbytes"):
        train(base, tmp_path, recipe=RECIPE.model_copy(update={"optimizer": "adamw_8bit"}))


@pytest.mark.parametrize("targets", [("c_attn",), ("o_proj", "c_attn")])
def test_layers_that_are_not_there_are_refused_even_if_others_are(base, tmp_path, targets):
    with pytest.raises(UserError, match=r"named c_attn; targets must be among .*o_proj.*, or 'all-linear'"):
        train(base, tmp_path, recipe=RECIPE.model_copy(update={"targets": targets}))


def test_all_linear_reaches_every_layer_but_the_head(base, tmp_path):
    named = train(base, tmp_path / "named", recipe=RECIPE)
    linear = train(base, tmp_path / "linear", recipe=RECIPE.model_copy(update={"targets": "all-linear"}))
    assert linear["trainable_parameters"] == named["trainable_parameters"]
    config = json.loads((tmp_path / "linear" / "weights" / "adapter_config.json").read_text())
    assert {name.rpartition(".")[2] for name in config["target_modules"]} == set(PROJECTIONS)
    assert config["target_modules"] == sorted(config["target_modules"])


def test_recomputed_activations_train_the_same_weights(base, trained, tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.training.settings.needs_recompute", lambda *_: True)
    layers = []
    hook = register_module_forward_pre_hook(
        lambda layer, *_: layers.append(layer) if "MLP" in repr(type(layer)) else None
    )
    train(base, tmp_path)
    hook.remove()
    assert len(layers) == 2 * 2 * (UPDATES + 1)  # and twice in the trial that nothing is drawn at random
    assert same_bits(weights(tmp_path), weights(trained[0]))


def test_no_conversations_are_refused(base, tmp_path):
    with pytest.raises(UserError, match="found 0 examples"):
        train(base, tmp_path, [])


def test_too_long_a_conversation_is_refused_and_nothing_is_trained(base, tmp_path):
    with pytest.raises(UserError, match=r"training conversation 3 has 3... tokens, the model reads 2048 at most"):
        train(base, tmp_path / "run", [*CONVERSATIONS[:3], ("1" * 3000, "1"), *CONVERSATIONS])
    assert not (tmp_path / "run" / "weights").exists()


def test_a_loss_that_is_not_finite_stops(base, tmp_path):
    recipe = Recipe(adapter="full", learning_rate=1e30, warmup_updates=0, batch_size=4, max_grad_norm=0, epochs=2)
    with pytest.raises(OffdiagError, match="the loss of update"):
        train(base, tmp_path, recipe=recipe)

"""The strategies of a proxy, held to plain loops that read one row at a time and know nothing of micro-batches."""

import pytest
import torch
from peft import PeftModel
from torch.nn.functional import cross_entropy, kl_div

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime
from offdiag.training import supervised
from offdiag.training.batches import TokenisedProxy, Updates, tokenise_all
from offdiag.training.strategies import GradientProjection, KLPenalty, Mixing, UpWeighting
from offdiag.training.supervised import AuxiliaryData
from offdiag.training.trainer import project_away
from support.tiny_training import CONVERSATIONS, RECIPE, Killed, history, kill_at, same_bits, train, weights

pytestmark = pytest.mark.usefixtures("one_thread")

TASK = CONVERSATIONS[:12]
PROXY = [(f"What is {a}?" + "!" * a, f"it is {a * 7}") for a in range(1, 7)]
FULL = RECIPE.model_copy(
    update={
        "adapter": "full",
        "dropout": 0.0,
        "learning_rate": 1e-3,
        "schedule": "constant",
        "warmup_updates": 0,
        "batch_size": 4,
        "epochs": 1,
        "max_grad_norm": 0.0,
    }
)
# The gradient of the KL penalty begins at zero. What rounding leaves of it, which differs between processors, Adam
# would divide by itself and make whole steps of; this much in the denominator keeps it as small as it is.
EPSILON = 1e-6
STRATEGIES = [Mixing(), UpWeighting(weight=3), KLPenalty(beta=2), GradientProjection()]
each_strategy = pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.name)


@pytest.fixture
def calm_adam(monkeypatch):
    """Adam's epsilon in the trainings is ``EPSILON``."""
    as_usual = supervised.trainer_settings
    calm = {"adam_epsilon": EPSILON}
    monkeypatch.setattr(supervised, "trainer_settings", lambda *args, **more: as_usual(*args, **more) | calm)


def load(folder):
    return load_model(ModelSpec(source=f"dir:{folder}"), folder, Runtime(device="cpu"))


def row_logits(model, example):
    """The logits that predict the response's tokens, and these tokens, of one row on its own."""
    ids = torch.tensor(example.ids)
    return model(ids[None]).logits[0, example.n_prompt - 1 : -1], ids[example.n_prompt :]


def mean_loss(model, rows):
    """Cross-entropy, the mean over all tokens of the responses."""
    return torch.cat([cross_entropy(*row_logits(model, row), reduction="none") for row in rows]).mean()


def mean_kl(model, start, rows):
    """KL(model || start), the mean over all tokens of the responses."""
    sums, tokens = [], 0
    for row in rows:
        now, then = (row_logits(m, row)[0].log_softmax(-1) for m in (model, start))
        sums.append(kl_div(then, now, reduction="sum", log_target=True))
        tokens += len(now)
    return torch.stack(sums).sum() / tokens


def gradients(model, loss):
    return torch.autograd.grad(loss, list(model.parameters()))


def reference_gradients(strategy, model, start, update):
    task, proxy = update
    if isinstance(strategy, Mixing):
        return gradients(model, mean_loss(model, [*task, *proxy]))
    if isinstance(strategy, UpWeighting):
        return gradients(model, mean_loss(model, [*task, *proxy * int(strategy.weight)]))
    if isinstance(strategy, KLPenalty):
        return gradients(model, mean_loss(model, task) + strategy.beta * mean_kl(model, start, proxy))
    wanted, other = gradients(model, mean_loss(model, task)), gradients(model, mean_loss(model, proxy))
    return [g - (g * a).sum() / (a * a).sum().clamp_min(1e-30) * a for g, a in zip(wanted, other, strict=True)]


def reference(strategy, base):
    """The weights after a training by hand."""
    model, start = load(base), load(base)
    tokenizer = load_tokenizer(ModelSpec(source=f"dir:{base}"), base)
    task, proxy = (tokenise_all(tokenizer, rows) for rows in (TASK, PROXY))
    optimizer = torch.optim.AdamW(model.parameters(), lr=FULL.learning_rate, weight_decay=0.0, eps=EPSILON)
    data = Updates(task, FULL, 0, TokenisedProxy(proxy, strategy))
    for i in range(len(data)):
        for weight, gradient in zip(
            model.parameters(), reference_gradients(strategy, model, start, data[i]), strict=True
        ):
            weight.grad = gradient.clone()
        optimizer.step()
    return model


def proxied(base, folder, strategy, recipe=FULL, **more):
    return train(base, folder, TASK, recipe, proxy=AuxiliaryData(PROXY, strategy), **more)


@each_strategy
@pytest.mark.usefixtures("calm_adam")
def test_a_strategy_makes_the_weights_of_a_plain_loop(base, tmp_path, strategy):
    expected = reference(strategy, base)
    proxied(base, tmp_path, strategy)
    found, start = weights(tmp_path, "model.safetensors"), load(base).state_dict()
    moved = torch.cat([(found[name] - value).flatten() for name, value in start.items()])
    wanted = torch.cat([(expected.state_dict()[name] - value).flatten() for name, value in start.items()])
    assert (moved - wanted).norm() < 0.01 * wanted.norm()
    others = [s for s in STRATEGIES if s != strategy]
    for other in others:
        away = reference(other, base).state_dict()
        assert torch.cat([(found[n] - away[n]).flatten() for n in start]).norm() > 0.1 * wanted.norm(), other


def close(first, second):
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-3, atol=2e-4)


def test_mixing_is_training_on_both(base, tmp_path):
    proxied(base, tmp_path / "mixed", Mixing())
    train(base, tmp_path / "union", TASK + PROXY, FULL)
    close(*(weights(tmp_path / name, "model.safetensors") for name in ("mixed", "union")))
    mixed, union = (history(tmp_path / name) for name in ("mixed", "union"))
    for name in ("response_loss", "supervised_tokens", "tokens"):
        assert [row[name] for row in mixed] == pytest.approx([row[name] for row in union], rel=1e-4)


def test_a_weight_of_two_is_every_row_twice(base, tmp_path):
    one_update = FULL.model_copy(update={"batch_size": 100, "epochs": 4})
    proxied(base, tmp_path / "weighted", UpWeighting(weight=2), one_update)
    train(base, tmp_path / "copies", TASK + PROXY + PROXY, one_update)
    close(*(weights(tmp_path / name, "model.safetensors") for name in ("weighted", "copies")))


def proxy_divergence(base, folder):
    """Of a trained adapter from the start model on the proxy's rows, read one at a time."""
    tokenizer = load_tokenizer(ModelSpec(source=f"dir:{base}"), base)
    with torch.no_grad():
        tuned = PeftModel.from_pretrained(load(base), folder / "weights")
        return mean_kl(tuned, load(base), tokenise_all(tokenizer, PROXY)).item()


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_a_large_penalty_holds_the_start_model_and_a_small_one_is_no_proxy(base, tmp_path):
    recipe = RECIPE.model_copy(update={"dropout": 0.0, "batch_size": 4, "epochs": 6})
    train(base, tmp_path / "alone", TASK, recipe)
    for beta in (1e-9, 1000.0):
        proxied(base, tmp_path / f"{beta}", KLPenalty(beta=beta), recipe)
    free, held = (proxy_divergence(base, tmp_path / f"{beta}") for beta in (1e-9, 1000.0))
    assert free > 1
    assert held < 0.05
    close(weights(tmp_path / "1e-09"), weights(tmp_path / "alone"))


def test_the_history_tells_the_two_groups_apart(base, tmp_path):
    summary = proxied(base, tmp_path, KLPenalty(beta=2.0))
    first, *_, last = history(tmp_path)
    tokenizer = load_tokenizer(ModelSpec(source=f"dir:{base}"), base)
    task, proxy = (tokenise_all(tokenizer, rows) for rows in (TASK, PROXY))
    update = Updates(task, FULL, 0, TokenisedProxy(proxy, KLPenalty(beta=2.0)))[0]
    with torch.no_grad():
        losses = [mean_loss(load(base), rows).item() for rows in update]
    tokens = [sum(len(row.ids) - row.n_prompt for row in rows) for rows in update]
    assert [first["task_loss"], first["proxy_loss"]] == pytest.approx(losses, rel=1e-4)
    pooled = (losses[0] * tokens[0] + losses[1] * tokens[1]) / sum(tokens)
    assert first["response_loss"] == pytest.approx(pooled, rel=1e-4)
    assert first["proxy_kl"] == pytest.approx(0, abs=1e-5)
    assert last["proxy_kl"] > 1e-4
    assert (summary["examples"], summary["proxy_examples"], summary["updates"]) == (12, 6, 3)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_nothing_diverges_before_the_first_update(base, tmp_path, adapter, dtype):
    spec = ModelSpec(source=f"dir:{base}", dtype=dtype)
    recipe = RECIPE.model_copy(update={"adapter": adapter, "dropout": 0.0})
    proxied(base, tmp_path, KLPenalty(beta=1.0), recipe, spec=spec)
    first, *_, last = (row["proxy_kl"] for row in history(tmp_path))
    assert first == pytest.approx(0, abs=1e-6)
    assert last > 1e-3


def test_an_update_without_a_row_of_a_group_has_no_loss_for_it(base, tmp_path):
    proxied(base, tmp_path, Mixing(), FULL.model_copy(update={"batch_size": 1}))
    missing = [(row["task_loss"] is None, row["proxy_loss"] is None) for row in history(tmp_path)]
    assert sorted(missing) == [(False, True)] * 12 + [(True, False)] * 6


@each_strategy
@pytest.mark.parametrize("adapter", ["lora", "full"])
@pytest.mark.usefixtures("calm_adam")
def test_micro_batches_change_only_the_rounding(base, tmp_path, strategy, adapter):
    recipe = FULL.model_copy(update={"adapter": adapter, "epochs": 2, "max_grad_norm": 1.0})
    for budget in (8, 8 * 120, 8 * 4096):
        proxied(base, tmp_path / f"{budget}", strategy, recipe, token_budget=budget)
    name = "adapter_model.safetensors" if adapter == "lora" else "model.safetensors"
    single, some, all_at_once = (weights(tmp_path / f"{budget}", name) for budget in (8, 8 * 120, 8 * 4096))
    close(all_at_once, single)
    close(all_at_once, some)


@each_strategy
def test_a_killed_training_ends_like_an_uninterrupted_one(base, tmp_path, strategy):
    recipe = RECIPE.model_copy(update={"batch_size": 4})
    proxied(base, tmp_path / "whole", strategy, recipe)
    for stop in (3, 6):
        with pytest.raises(Killed):
            proxied(base, tmp_path / "killed", strategy, recipe, checkpoint_every=2, on_progress=kill_at(stop))
    proxied(base, tmp_path / "killed", strategy, recipe, checkpoint_every=2)
    assert same_bits(weights(tmp_path / "killed"), weights(tmp_path / "whole"))


def test_what_is_left_of_a_gradient_is_at_right_angles_to_the_other():
    weights = [torch.nn.Parameter(torch.zeros(2)) for _ in range(3)]
    for weight, gradient in zip(weights, ([3.0, 4.0], [1.0, 2.0], [5.0, 6.0]), strict=True):
        weight.grad = torch.tensor(gradient)
    project_away({weights[0]: torch.tensor([2.0, 0.0]), weights[1]: torch.tensor([0.0, 0.0])})
    assert [weight.grad.tolist() for weight in weights] == [[0.0, 4.0], [1.0, 2.0], [5.0, 6.0]]
    weights[0].grad = torch.tensor([-3.0, 4.0])
    project_away({weights[0]: torch.tensor([1.0, 1.0])})
    assert weights[0].grad.tolist() == [-3.5, 3.5]


def test_a_conversation_of_the_proxy_is_called_by_that_name(base, tmp_path):
    with pytest.raises(UserError, match="proxy conversation 1 has 3... tokens, the model reads 2048 at most"):
        train(base, tmp_path, TASK, FULL, proxy=AuxiliaryData([("a", "b"), ("1" * 3000, "1")], Mixing()))

import pytest
import torch
from torch.nn.functional import cross_entropy

from offdiag.errors import UserError
from offdiag.methods import FineTuning, Recipe
from offdiag.models import ModelSpec
from offdiag.models.chat import tokenise
from offdiag.models.lm import LM
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime
from offdiag.steps import Weights
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.training.batches import update_indices
from offdiag.training.choosing import item_batches, items_of
from support.tiny_training import history, train, weights

pytestmark = pytest.mark.usefixtures("one_thread")
ITEMS = [(f"{a}+{b}" + " please" * (a % 3), str(a + b)) for a in range(5, 9) for b in range(3)]
OTHERS = [[str(int(right) + 1), f"{right}0", "none of these"][: 1 + i % 3] for i, (_, right) in enumerate(ITEMS)]
RECIPE = Recipe(
    adapter="full", objective="choices", learning_rate=1e-2, warmup_updates=0, batch_size=8, epochs=1, max_grad_norm=0
)


def slowly(base, indices):
    """The loss of some items and the norm of its gradient: one text after the other, no padding."""
    spec = ModelSpec(source=f"dir:{base}")
    model, tokenizer = load_model(spec, base, Runtime(device="cpu")), load_tokenizer(spec, base)
    losses = []
    for index in indices:
        (prompt, right), scores = ITEMS[index], []
        for choice in (right, *OTHERS[index]):
            row = tokenise(tokenizer, prompt, choice)
            ids = torch.tensor(row.ids[:-1])
            likely = -cross_entropy(model(ids[None]).logits[0, :-1], ids[1:], reduction="none")
            scores.append(likely[row.n_prompt - 1 :].sum())
        losses.append(-torch.stack(scores).log_softmax(0)[0])
    loss = torch.stack(losses).mean()
    weights = [weight.requires_grad_() for weight in model.parameters()]
    gradients = torch.autograd.grad(loss, weights)
    return loss.item(), torch.stack([gradient.norm() for gradient in gradients]).norm().item()


@pytest.mark.parametrize("token_budget", [1, 16_384])
def test_loss_and_gradient_are_those_of_one_text_after_the_other(base, tmp_path, token_budget):
    summary = train(base, tmp_path, ITEMS, RECIPE, others=OTHERS, token_budget=token_budget)
    loss, norm = slowly(base, update_indices(RECIPE, len(ITEMS), 0, 0))
    first = history(tmp_path)[0]
    assert first["response_loss"] == pytest.approx(loss, rel=1e-4)
    assert first["gradient_norm"] == pytest.approx(norm, rel=1e-3)
    assert first["text_loss"] is None
    assert summary["examples"] == len(ITEMS)
    assert summary["total_tokens"] == sum(
        len(row.ids) for item in items_of(tokenizer_of(base), ITEMS, OTHERS) for row in item.rows
    )


def tokenizer_of(base):
    return load_tokenizer(ModelSpec(source=f"dir:{base}"), base)


def test_micro_batches_change_only_the_rounding(base, tmp_path):
    recipe = RECIPE.model_copy(update={"epochs": 2, "learning_rate": 1e-3})
    for name, budget in (("whole", 16_384), ("single", 1)):
        train(base, tmp_path / name, ITEMS, recipe, others=OTHERS, token_budget=budget)
    for name, value in weights(tmp_path / "whole", "model.safetensors").items():
        torch.testing.assert_close(weights(tmp_path / "single", "model.safetensors")[name], value, rtol=1e-3, atol=2e-4)


def test_what_is_learnt_is_chosen(base, tmp_path):
    recipe = RECIPE.model_copy(update={"epochs": 40})
    summary = train(base, tmp_path, ITEMS, recipe, others=OTHERS)
    assert history(tmp_path)[0]["response_loss"] > 0.5
    assert summary["final_response_loss"] < 0.1
    lm = LM.load(ModelSpec(source=f"dir:{base}"), tmp_path / "weights", Runtime(device="cpu", threads=1))
    scores = lm.score(
        [prompt for prompt, _ in ITEMS], [[right, *o] for (_, right), o in zip(ITEMS, OTHERS, strict=True)]
    )
    assert all(max(own, key=lambda score: score.logprob) == own[0] for own in scores)


def test_the_choices_of_an_item_stay_together(base):
    items = items_of(tokenizer_of(base), ITEMS, OTHERS)
    longest = max(len(item.longest.ids) for item in items)
    for budget in (1, 4 * longest, 10 * longest, 10**6):
        batches = item_batches(items, budget)
        assert sorted(map(id, (item for batch in batches for item in batch))) == sorted(map(id, items))
        for batch in batches:
            rows = sum(len(item.rows) for item in batch)
            assert len(batch) == 1 or rows * max(len(item.longest.ids) for item in batch) <= budget
    assert len(item_batches(items, 1)) == len(items)
    assert len(item_batches(items, 10**6)) == 1


def test_a_wrong_choice_that_stands_there_twice_counts_once(base):
    (item,) = items_of(tokenizer_of(base), [("1+1", "2")], [["3", "3", "4"]])
    assert [len(item.rows), item] == [3, *items_of(tokenizer_of(base), [("1+1", "2")], [["3", "4"]])]


@pytest.mark.parametrize("others", [[], ["2"], [""]])
def test_an_item_needs_something_else_to_choose(base, others):
    with pytest.raises(UserError, match="training conversation 0"):
        items_of(tokenizer_of(base), [("1+1", "2")], [others])


def test_rationales_and_examples_without_choices_are_refused(tmp_path):
    model = Weights(spec=ModelSpec(source="hub:org/name"))
    method = FineTuning(n=96, rationale=True, recipe=RECIPE)
    with pytest.raises(UserError, match="bare answers"):
        method.predictor(model, AdditionDomain(base=8), 0)


def test_the_other_choices_are_those_of_the_example():
    model, domain = Weights(spec=ModelSpec(source="hub:org/name")), HardnessDomain(dataset="synthetic")
    tuned = FineTuning(n=96, recipe=RECIPE).predictor(model, domain, 0).weights.trained
    example = tuned.examples.sample()[0]
    (others,) = tuned.others([example])
    assert sorted([example.target, *others]) == sorted(example.choices)
    assert example.target not in others

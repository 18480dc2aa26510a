from itertools import chain

import pytest
import torch

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.chat import Tokenised
from offdiag.models.loading import load_tokenizer
from offdiag.training import Recipe
from offdiag.training.batches import (
    TokenisedProxy,
    Updates,
    check_context,
    collate,
    micro_batches,
    n_supervised,
    proxy_indices,
    tokenise_all,
    update_indices,
)
from offdiag.training.strategies import GradientProjection, Mixing


def example(length, n_prompt=1):
    return Tokenised(tuple(range(10, 10 + length)), n_prompt)


@pytest.fixture(scope="module")
def tokenizer(base):
    return load_tokenizer(ModelSpec(source=f"dir:{base}"), base)


def test_each_epoch_is_a_permutation_of_its_own():
    recipe = Recipe(batch_size=4, epochs=2, warmup_updates=0)
    updates = [update_indices(recipe, 10, 3, u) for u in range(recipe.updates(10))]
    assert [len(u) for u in updates] == [4, 4, 2, 4, 4, 2]
    first, second = [*chain(*updates[:3])], [*chain(*updates[3:])]
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_the_order_depends_on_the_seed_alone():
    recipe = Recipe(batch_size=5)
    assert update_indices(recipe, 50, 3, 7) == update_indices(recipe, 50, 3, 7)
    assert update_indices(recipe, 50, 3, 7) != update_indices(recipe, 50, 4, 7)


def test_max_updates_shortens_the_sequence():
    data = Updates([example(5)] * 100, Recipe(batch_size=10, warmup_updates=0, max_updates=3), seed=0)
    assert len(data) == 3
    assert [len(data[i].task) for i in range(3)] == [10, 10, 10]
    assert not any(data[i].proxy for i in range(3))


TASK, PROXY = [example(3 + i) for i in range(10)], [example(30 + i) for i in range(5)]


def lengths(groups):
    return sorted(len(e.ids) for group in groups for e in group)


def test_a_pooled_proxy_is_drawn_with_the_task_all_of_it_once_an_epoch():
    data = Updates(TASK, Recipe(batch_size=4, epochs=2, warmup_updates=0), 3, TokenisedProxy(PROXY, Mixing()))
    epochs = [[data[i] for i in range(4)], [data[i] for i in range(4, 8)]]
    assert len(data) == 8
    for epoch in epochs:
        assert [len(update.task) + len(update.proxy) for update in epoch] == [4, 4, 4, 3]
        assert lengths(update.task for update in epoch) == list(range(3, 13))
        assert lengths(update.proxy for update in epoch) == list(range(30, 35))


def test_a_proxy_beside_the_task_begins_anew_and_changes_neither_order_nor_number():
    recipe = Recipe(batch_size=4, epochs=2, warmup_updates=0)
    plain, data = Updates(TASK, recipe, 3), Updates(TASK, recipe, 3, TokenisedProxy(PROXY, GradientProjection()))
    assert [data[i].task for i in range(len(data))] == [plain[i].task for i in range(len(plain))]
    assert [len(data[i].proxy) for i in range(6)] == [3, 2, 3, 2, 3, 2]
    for first in (0, 2, 4):
        assert lengths(data[i].proxy for i in (first, first + 1)) == list(range(30, 35))
    assert data[0].proxy != data[2].proxy
    assert data[3] == Updates(TASK, recipe, 3, TokenisedProxy(PROXY, GradientProjection()))[3]


@pytest.mark.parametrize(("n", "sizes"), [(3, [3]), (16, [16]), (20, [10, 10]), (33, [11, 11, 11])])
def test_a_pass_over_the_proxy_is_cut_evenly(n, sizes):
    parts = [proxy_indices(16, n, 0, update) for update in range(len(sizes))]
    assert [len(part) for part in parts] == sizes
    assert sorted(chain(*parts)) == list(range(n))


def test_micro_batches_keep_the_budget_and_every_example():
    examples = [example(length) for length in (3, 9, 4, 4, 30, 2)]
    parts = micro_batches(examples, 20)
    assert sorted(len(e.ids) for part in parts for e in part) == [2, 3, 4, 4, 9, 30]
    assert [[len(e.ids) for e in part] for part in parts] == [[30], [9, 4], [4, 3, 2]]


def test_only_the_response_and_its_end_are_supervised(tokenizer):
    (conversation,) = tokenise_all(tokenizer, [("7+8?", "15")])
    batch = collate([conversation], padding_id=0)
    learnt = batch["targets"][batch["supervised"]]
    assert tokenizer.decode(learnt) == "15<|end|>"
    assert n_supervised(conversation) == len(learnt) == 3


def test_collated_rows_are_padded_on_the_right():
    batch = collate([example(4, n_prompt=2), example(2)], padding_id=0)
    assert batch["input_ids"].tolist() == [[10, 11, 12, 13], [10, 11, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    assert batch["targets"].tolist() == [[11, 12, 13, -100], [11, -100, -100, -100]]
    assert batch["supervised"].tolist() == [[False, True, True, False], [True, False, False, False]]
    assert batch["input_ids"].dtype == torch.long


def test_a_token_without_a_predecessor_is_not_counted():
    batch = collate([example(3, n_prompt=0)], padding_id=0)
    assert n_supervised(example(3, n_prompt=0)) == int(batch["supervised"].sum()) == 2


def test_nothing_to_learn_is_refused_with_its_index(tokenizer):
    with pytest.raises(UserError, match="training conversation 1: the response '' adds no token"):
        tokenise_all(tokenizer, [("a", "b"), ("a", "")])


def test_what_nothing_can_end_is_refused(tokenizer):
    bare = type(tokenizer)(tokenizer_object=tokenizer._tokenizer, pad_token="<|end|>")
    with pytest.raises(UserError, match="training conversation 0: the tokenizer has no end token"):
        tokenise_all(bare, [("a", "b")])


def test_too_long_a_conversation_is_refused_with_its_index():
    with pytest.raises(UserError, match="training conversation 1 has 9 tokens, the model reads 8 at most"):
        check_context([example(8), example(9)], 8)
    check_context([example(9)], None)

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import dropout
from transformers import GPT2Config, GPT2LMHeadModel, OPTConfig, OPTForCausalLM

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.training.dropout import RowDropout, RowStreams, draw_per_row, without_dropout
from support.tiny_training import CONVERSATIONS, RECIPE, same_bits, train, weights

TOKENS = [[3, 1, 4, 1, 5], [9, 2, 6], [5, 3, 5, 8]]
P = 0.25


def streams_of(rows, update=0, seed=0):
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    streams = RowStreams(seed)
    streams.update = update
    streams.name_rows(nn.Identity(), (), {"input_ids": ids, "attention_mask": mask})
    return streams, width


def masks(rows, update=0, seed=0, layer="a"):
    streams, width = streams_of(rows, update, seed)
    drawn = RowDropout(P, layer, streams)(torch.ones(len(rows), width, 64))
    return [drawn[i, : len(row)] for i, row in enumerate(rows)]


def test_the_mask_of_a_row_does_not_depend_on_its_batch():
    together = masks(TOKENS)
    for row, mask in zip(TOKENS, together, strict=True):
        assert torch.equal(masks([row])[0], mask)
    turned = masks(TOKENS[::-1])[::-1]
    assert all(torch.equal(a, b) for a, b in zip(together, turned, strict=True))


def test_every_row_layer_update_and_seed_has_a_mask_of_its_own():
    same = [TOKENS[0], [3, 1, 4, 1, 6]]
    drawn = [*masks(same), masks(same, update=1)[0], masks(same, seed=1)[0], masks(same, layer="b")[0]]
    assert all(not torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])


def test_numbers_are_zeroed_with_probability_p_and_the_mean_is_kept():
    streams, width = streams_of([list(range(400))])
    drawn = RowDropout(P, "a", streams)(torch.ones(1, width, 256))
    assert drawn.unique().tolist() == pytest.approx([0.0, 1 / (1 - P)])
    assert (drawn == 0).float().mean().item() == pytest.approx(P, abs=0.005)


def test_nothing_is_dropped_outside_training_nor_from_padding():
    streams, width = streams_of(TOKENS)
    layer = RowDropout(P, "a", streams)
    states = torch.ones(len(TOKENS), width, 8)
    assert torch.equal(layer.eval()(states), states)
    assert torch.equal(layer.train()(states)[1, 3:], states[1, 3:])


def test_rows_that_cannot_be_told_apart_are_refused():
    streams, width = streams_of(TOKENS)
    with pytest.raises(UserError, match=r"dropout=0\.25: layer experts gets \(15, 8\).*use dropout=0"):
        RowDropout(P, "experts", streams)(torch.ones(len(TOKENS) * width, 8))


def test_a_model_gets_its_layers_replaced():
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Dropout(0.0))
    assert draw_per_row(model, 0).rows == []
    assert [type(layer) for layer in model] == [nn.Linear, RowDropout, nn.Dropout]


SMALL = {"vocab_size": 50, "max_position_embeddings": 32}
GPT2 = GPT2Config(n_embd=16, n_layer=2, n_head=2, **SMALL)
OPT = OPTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32, word_embed_proj_dim=16, **SMALL)


@pytest.mark.parametrize(("config", "cls"), [(GPT2, GPT2LMHeadModel), (OPT, OPTForCausalLM)])
def test_a_models_own_dropout_is_switched_off(config, cls):
    model = cls(copy.deepcopy(config)).train()
    ids = torch.arange(2, 12).view(1, -1)
    torch.manual_seed(0)
    assert not torch.equal(model(ids).logits, model(ids).logits)
    without_dropout(model)
    assert model.training
    assert torch.equal(model(ids).logits, model(ids).logits)


def test_a_model_that_draws_in_another_way_is_refused():
    class Noisy(GPT2LMHeadModel):
        def forward(self, *args, **more):
            out = super().forward(*args, **more)
            out.logits = dropout(out.logits, 0.1, self.training)
            return out

    with pytest.raises(UserError, match="training Noisy: it draws at random in its forward pass"):
        without_dropout(Noisy(copy.deepcopy(GPT2)))


def test_a_model_whose_numbers_are_not_finite_is_refused():
    model = GPT2LMHeadModel(copy.deepcopy(GPT2))
    model.transformer.ln_f.weight.data[3] = torch.nan
    with pytest.raises(UserError, match="training GPT2LMHeadModel: its logits are not finite"):
        without_dropout(model)


def test_dropout_changes_the_training_and_its_seed_the_masks(tiny_model, tmp_path):
    short = RECIPE.model_copy(update={"epochs": 1})
    for name, rate in (("none", 0.0), ("some", 0.1)):
        train(tiny_model, tmp_path / name, CONVERSATIONS, short.model_copy(update={"dropout": rate}))
    assert not same_bits(weights(tmp_path / "none"), weights(tmp_path / "some"))


def test_dropout_without_an_adapter_is_refused(tiny_model, tmp_path):
    recipe = RECIPE.model_copy(update={"adapter": "full"})
    with pytest.raises(UserError, match=r"dropout=0\.1 is that of an adapter's inputs"):
        train(tiny_model, tmp_path, recipe=recipe, spec=ModelSpec(source=f"dir:{tiny_model}"))

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

from offdiag.models.contrasts import Contrast
from offdiag.models.inference.scoring import Question
from offdiag.models.patching import Patched, blocks_of, patch
from offdiag.seeds import stream
from support.lms import tiny_lm
from support.planted import DEPTH, PLUS, READER, make_planted_model

ONE_TOKEN, SEVERAL = ((5,), (6,)), ((5, 7), (6, 8, 9))


def pair(clean, corrupted, endings=ONE_TOKEN) -> Contrast:
    return Contrast(Question(tuple(clean), endings), Question(tuple(corrupted), endings))


def random_pairs(n=7) -> tuple[list[Contrast], list]:
    """Pairs of several lengths that differ in one or two tokens anywhere; endings of one or several tokens."""
    draw = stream(0, "patching pairs")
    pairs, positions = [], []
    for i in range(n):
        length, fork = 5 + 3 * (i % 3), i % 5
        clean = draw.integers(20, 120, length)
        corrupted = clean.copy()
        corrupted[fork : fork + 1 + i % 2] += 1
        pairs.append(pair(clean.tolist(), corrupted.tolist(), SEVERAL if i % 3 == 1 else ONE_TOKEN))
        positions.append((range(length), (), (fork, fork + 1), (length - 1,)))
    return pairs, positions


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    return tiny_lm(make_planted_model(tmp_path_factory.mktemp("planted")))


@torch.inference_mode()
def by_hand(model, contrast: Contrast, layer: int | None, position) -> float:
    """One row at a time through the blocks of a Llama, without cache, hooks or padding."""
    total = 0.0
    for sign, ending in zip((1, -1), contrast.clean.endings, strict=True):
        states, runs = {}, []
        for stem in (contrast.clean.stem, contrast.corrupted.stem):
            ids = torch.tensor([[*stem, *ending[:-1]]])
            hidden = model.model.embed_tokens(ids)
            angles = model.model.rotary_emb(hidden, torch.arange(ids.shape[1])[None])
            for i, block in enumerate(model.model.layers):
                if stem == contrast.clean.stem:
                    states[i] = hidden.clone()
                elif i == layer:
                    hidden[:, list(position)] = states[i][:, list(position)]
                hidden = block(hidden, position_embeddings=angles)
            runs.append(torch.log_softmax(model.lm_head(model.model.norm(hidden)), -1)[0])
        wanted = runs[0] if layer is None else runs[1]
        last = len(contrast.clean.stem) - 1
        total += sign * sum(float(wanted[last + i, token]) for i, token in enumerate(ending))
    return total


def test_the_numbers_are_those_of_one_row_at_a_time(tiny):
    pairs, positions = random_pairs()
    found = patch(tiny_lm(tiny).model, pairs, positions, token_budget=4096)
    plain = AutoModelForCausalLM.from_pretrained(tiny)
    assert found.patched.shape == (7, 2, 4)
    for i, contrast in enumerate(pairs):
        assert found.clean[i] == pytest.approx(by_hand(plain, contrast, None, ()), abs=1e-4)
        assert found.corrupted[i] == pytest.approx(by_hand(plain, contrast, 0, ()), abs=1e-4)
        for layer, position in np.ndindex(2, 4):
            expected = by_hand(plain, contrast, layer, positions[i][position])
            assert found.patched[i, layer, position] == pytest.approx(expected, abs=1e-4)
    assert np.ptp(found.recovered[:, 1, 2]) > 0.1


def test_batches_do_not_matter(tiny):
    pairs, positions = random_pairs()
    model = tiny_lm(tiny).model
    together, alone = (patch(model, pairs, positions, token_budget=budget) for budget in (4096, 1))
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_everything_at_the_embeddings_is_the_clean_run_and_nothing_the_corrupted_one(tiny):
    found = patch(tiny_lm(tiny).model, *random_pairs(), token_budget=4096)
    np.testing.assert_allclose(found.recovered[:, 0, 0], 1, atol=1e-3)
    assert (found.recovered[:, :, 1] == 0).all()


def test_a_planted_reader_is_found_where_it_is(planted):
    """The trigger's token counts up to the block that reads it, the last token behind it, nothing else ever."""
    plus, minus = (planted.tokenizer.convert_tokens_to_ids(word) for word in (PLUS[0], "file"))
    blue, green = (planted.tokenizer.convert_tokens_to_ids(word) for word in ("blue", "green"))
    contrast = pair((40, 41, plus, 42, 43), (40, 41, minus, 42, 43), ((blue,), (green,)))
    found = patch(planted.model, [contrast], [((0, 1), (2,), (3,), (4,))], token_budget=4096)
    expected = np.zeros((DEPTH, 4))
    expected[: READER + 1, 1] = 1
    expected[READER + 1 :, 3] = 1
    np.testing.assert_allclose(found.recovered[0], expected, atol=1e-5)
    assert found.clean[0] == pytest.approx(-found.corrupted[0], rel=1e-5)
    assert found.clean[0] > 30


def test_another_architecture(tiny):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = {"n_embd": 32, "n_layer": 3, "n_head": 4, "vocab_size": 200, "initializer_range": 0.25}
        model = GPT2LMHeadModel(GPT2Config(**sizes)).eval()
    pairs, positions = random_pairs()
    found, alone = (patch(model, pairs, positions, token_budget=budget) for budget in (4096, 1))
    np.testing.assert_allclose(found.patched, alone.patched, atol=1e-4)
    np.testing.assert_allclose(found.recovered[:, 0, 0], 1, atol=1e-3)
    assert len(blocks_of(model)) == 3


def test_hooks_are_gone_whatever_happens(tiny):
    model = tiny_lm(tiny).model
    pairs, positions = random_pairs()

    def stop(done, total):
        assert [len(block._forward_pre_hooks) for block in blocks_of(model)] == [0, 0]
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        patch(model, pairs, positions, token_budget=4096, on_progress=stop)

    def broken(module, inputs):
        raise RuntimeError("no head")

    handle = model.lm_head.register_forward_pre_hook(broken)
    with pytest.raises(RuntimeError, match="no head"):
        patch(model, pairs, positions, token_budget=4096)
    handle.remove()
    assert not any(block._forward_pre_hooks for block in blocks_of(model))


def test_pairs_that_agree_have_nothing_to_recover():
    found = Patched(np.array([1.0, 3.0]), np.array([1.0, 1.0]), np.array([[[5.0]], [[2.0]]]))
    assert np.isnan(found.recovered[0]).all()
    assert found.recovered[1, 0, 0] == 0.5


def test_no_pairs(tiny):
    assert patch(tiny_lm(tiny).model, [], [], token_budget=64).patched.shape == (0, 2, 0)


def test_mistakes(tiny):
    model = tiny_lm(tiny).model
    with pytest.raises(ValueError, match="as many tokens"):
        pair((1, 2), (1, 2, 3))
    with pytest.raises(ValueError, match="not the same"):
        pair((1, 2), (1, 2))
    with pytest.raises(ValueError, match="in prompts of 2 tokens"):
        patch(model, [pair((1, 2), (1, 3))], [((2,),)], token_budget=64)
    with pytest.raises(ValueError, match="expected as many for all"):
        patch(model, [pair((1, 2), (1, 3))] * 2, [((1,),), ()], token_budget=64)

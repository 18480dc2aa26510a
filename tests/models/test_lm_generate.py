from pathlib import Path

import pytest
import torch

from offdiag.errors import UserError
from offdiag.models.inference.prefix_cache import prefill
from offdiag.models.limits import BLOCK
from support.lms import HEAD, PROMPTS, SHORT, answers, ids_of, own_greedy, tiny_lm
from support.tiny import TEMPLATE


@pytest.mark.parametrize("prompts", [PROMPTS, SHORT], ids=["shared", "per-query"])
def test_shared_prefix_plain_path_and_transformers_agree(tiny: Path, prompts: list[str]) -> None:
    shared, plain = tiny_lm(tiny), tiny_lm(tiny, shared_prefix=False)
    assert shared.plain_because is None
    assert plain.plain_because is not None
    expected = [own_greedy(plain, prompt, 24) for prompt in prompts]
    assert len(set(expected)) > len(prompts) // 2, "the prompts should have different answers"
    assert ids_of(shared, prompts) == expected
    assert ids_of(plain, prompts) == expected


def test_an_answer_ends_where_the_chat_template_ends_a_turn(tiny: Path) -> None:
    """Also by a token that is neither special nor the tokenizer's end token; it is not in the text."""
    lm = tiny_lm(tiny)
    (before,) = ids_of(lm, ["Why?"])
    at, end = next((i, text) for i, text in enumerate(map(lm.tokenizer.decode, before)) if text.isalpha())
    lm.tokenizer.add_tokens([end])
    lm.tokenizer.chat_template = (
        f"{TEMPLATE.partition('<|end|>')[0]}{{{{ '<|end|>' if m.role == 'user' else '{end}' }}}}"
        + (TEMPLATE.partition("<|end|>")[2])
    )
    (found,) = [c for batch in lm.generate(["Why?"], max_new_tokens=24) for c in batch]
    assert (found.ids, found.finish) == (tuple(before[: at + 1]), "stop")
    assert end not in found.text


def test_the_prefix_is_computed_in_blocks(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    answers(lm, PROMPTS)
    assert len(lm.blocks) == len(lm.tokenizer(HEAD)["input_ids"]) // BLOCK >= 4
    assert lm.blocks.hits == 0
    answers(lm, [f"{HEAD}{i} is another question" for i in range(3)])
    assert lm.blocks.hits == len(lm.blocks)


@pytest.mark.parametrize("shared_prefix", [True, False])
def test_batch_of_one_equals_batch_of_n(tiny: Path, shared_prefix: bool) -> None:
    alone = tiny_lm(tiny, budget=1, shared_prefix=shared_prefix)
    together = tiny_lm(tiny, budget=100_000, shared_prefix=shared_prefix)
    assert all(len(batch) == 1 for batch in alone.generate(PROMPTS, max_new_tokens=2))
    assert len(list(together.generate(PROMPTS, max_new_tokens=2))) == 1
    assert ids_of(alone, PROMPTS) == ids_of(together, PROMPTS)


def test_left_padding_with_explicit_positions(tiny: Path) -> None:
    lengths = ["a" * n for n in (1, 40, 7, 95)]
    for shared_prefix in (True, False):
        lm = tiny_lm(tiny, shared_prefix=shared_prefix)
        assert ids_of(lm, lengths) == [ids_of(lm, [prompt])[0] for prompt in lengths]


def _nested(k: int) -> list[str]:
    shots = [f"Question {i}: what is {i}{i}+{i}? Answer: {'the ones digits make ' * 4}\\boxed{{{i}}}" for i in range(k)]
    return ["\n".join([*shots, f"Question: what is {i}+{i * i}?"]) for i in range(5)]


def test_nested_demonstrations_reuse_blocks_and_answer_like_separate_prompts(tiny: Path) -> None:
    nested, plain = tiny_lm(tiny), tiny_lm(tiny, shared_prefix=False)
    for k in (0, 2, 4, 8):
        before = nested.blocks.hits
        assert ids_of(nested, _nested(k)) == [own_greedy(plain, prompt, 24) for prompt in _nested(k)]
        if k > 2:
            assert nested.blocks.hits > before


def test_keys_and_values_do_not_depend_on_what_was_asked_before(tiny: Path) -> None:
    ids = tuple(i % 250 for i in range(3 * BLOCK + 17))
    fresh, used = tiny_lm(tiny), tiny_lm(tiny)
    for k in (8, 2, 4):
        answers(used, _nested(k))
    with torch.inference_mode():
        prefill(used.model, ids[: 2 * BLOCK + 5], used.blocks, 0)
        one, two = (prefill(lm.model, ids, lm.blocks, 0) for lm in (fresh, used))
    for layer in range(2):
        for a, b in zip(one.layer(layer), two.layer(layer), strict=True):
            assert torch.equal(a, b)


def test_calls_in_any_order_answer_bit_for_bit_alike(tiny: Path) -> None:
    up, down = tiny_lm(tiny), tiny_lm(tiny)
    first = {k: up.score(_nested(k), [["yes", "no way"]] * 5) for k in (2, 4, 8)}
    second = {k: down.score(_nested(k), [["yes", "no way"]] * 5) for k in (8, 4, 2)}
    assert first == second


def test_skipped_rows_are_not_yielded_and_change_nothing(tiny: Path) -> None:
    budget = 120
    full = {c.index: c for c in answers(tiny_lm(tiny, budget=budget), PROMPTS)}
    batches = [[c.index for c in batch] for batch in tiny_lm(tiny, budget=budget).generate(PROMPTS, max_new_tokens=24)]
    assert len(batches) > 1
    skip = {*batches[0], batches[1][0]}
    rest = list(tiny_lm(tiny, budget=budget).generate(PROMPTS, max_new_tokens=24, skip=skip))
    assert [[c.index for c in batch] for batch in rest] == [batches[1][1:], *batches[2:]]
    assert all(c == full[c.index] for batch in rest for c in batch)


def test_nothing_runs_when_all_is_skipped(tiny: Path) -> None:
    assert list(tiny_lm(tiny).generate(PROMPTS, max_new_tokens=4, skip=range(len(PROMPTS)))) == []
    assert list(tiny_lm(tiny).generate([], max_new_tokens=4)) == []


def test_stop_strings_end_a_row_and_cut_the_text_behind_them(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    free = answers(lm, PROMPTS, 30)
    texts = [c.text for c in free]
    stop = next(t for t in texts[0][3:] if t.isprintable() and t != "�")
    stopped = answers(lm, PROMPTS, 30, stop=[stop, "never said by anyone"])
    assert {c.finish for c in stopped} >= {"stop"}
    for before, after in zip(free, stopped, strict=True):
        if stop in before.text:
            assert after.finish == "stop"
            assert after.text == before.text[: before.text.index(stop) + len(stop)]
            assert after.ids == before.ids[: len(after.ids)]
        else:
            assert after == before
    assert len({len(c.ids) for c in stopped}) > 1, "rows should leave the batch at different times"


def test_end_token_finishes_a_row_and_is_not_text(tiny: Path) -> None:
    lm = tiny_lm(tiny)
    free = answers(lm, PROMPTS)
    common = max({i for c in free for i in c.ids}, key=lambda i: sum(i in c.ids for c in free))
    lm.model.generation_config.eos_token_id = [common]
    for before, after in zip(free, answers(lm, PROMPTS), strict=True):
        expected = before.ids[: before.ids.index(common) + 1] if common in before.ids else before.ids
        assert after.ids == expected
        assert after.finish == ("stop" if common in before.ids else "length")
        assert after.n_prompt == before.n_prompt
    special = lm.tokenizer.eos_token
    assert special not in "".join(c.text for c in free)


def test_a_batch_that_exceeds_the_memory_runs_in_pieces(tiny: Path) -> None:
    expected, lm = ids_of(tiny_lm(tiny), PROMPTS), tiny_lm(tiny)
    seen: list[int] = []

    def small_device(module: torch.nn.Module, args: tuple[object, ...], inputs: dict[str, torch.Tensor]) -> None:
        seen.append(len(inputs["input_ids"]))
        if seen[-1] > 2:
            raise torch.cuda.OutOfMemoryError

    lm.model.register_forward_pre_hook(small_device, with_kwargs=True)
    assert ids_of(lm, PROMPTS) == expected
    assert seen[:3] == [9, 4, 2], "the budget halves until a batch fits"
    seen.clear()
    assert ids_of(lm, PROMPTS) == expected
    assert max(seen) == 2, "and stays"


def test_a_row_that_exceeds_the_memory_is_named(tiny: Path) -> None:
    def no_memory(module: torch.nn.Module, args: tuple[object, ...]) -> None:
        raise torch.cuda.OutOfMemoryError

    lm = tiny_lm(tiny)
    lm.model.register_forward_pre_hook(no_memory)
    with pytest.raises(UserError, match="does not fit this device's memory"):
        answers(lm, ["hi"])


def test_prompts_are_never_truncated(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"prompt 1 has 2[0-9]+ tokens .* context is 2048"):
        tiny_lm(tiny).generate(["short", "x" * 2040], max_new_tokens=20)

from pathlib import Path

from offdiag.cost.prefill import Prefill
from offdiag.models.limits import BLOCK

HEAD = tuple(f"h{i}" for i in range(300))


def prompts(*lengths: int, head: tuple[str, ...] = HEAD) -> list[tuple[str, ...]]:
    return [(*head, f"first{i}", *(["own"] * (length - 1))) for i, length in enumerate(lengths)]


def test_a_shared_beginning_is_computed_once() -> None:
    asked = Prefill().ask("base", prompts(10, 20), n=100)
    assert asked.whole == 100 * 315
    assert asked.computed == 300 + 100 * 15
    assert (asked.longest_shared, asked.new_blocks) == (300, 2 * BLOCK)


def test_whole_blocks_are_known_to_longer_prompts_under_the_same_weights() -> None:
    prefill = Prefill()
    prefill.ask("base", prompts(10, 10), n=2)
    longer = HEAD + tuple(f"more{i}" for i in range(100))
    assert prefill.ask("base", prompts(10, 10, head=longer), n=2).computed == (400 - 2 * BLOCK) + 20
    assert prefill.ask("adapter", prompts(10, 10, head=longer), n=2).computed == 400 + 20


def test_short_beginnings_and_lone_prompts_share_nothing() -> None:
    assert Prefill().ask("base", prompts(10, 10, head=HEAD[:31]), n=2).computed == 2 * 41
    assert Prefill().ask("base", prompts(10), n=1).computed == 310


def test_prompts_with_other_beginnings_are_groups_of_their_own() -> None:
    other = tuple(f"o{i}" for i in range(40))
    asked = Prefill().ask("base", prompts(5, 5) + prompts(5, 5, head=other), n=40)
    assert asked.computed == 300 + 40 + 40 * 5


def test_equal_prompts_keep_one_token_of_their_own() -> None:
    assert Prefill().ask("base", [HEAD, HEAD], n=10).computed == 299 + 10


def test_counts_are_those_of_the_model_class(tiny_model: Path) -> None:
    """Every token that passes through the blocks of a model is counted, with the tokens of its own tokenizer."""
    from offdiag.models import ModelSpec
    from offdiag.models.chat import tokenise
    from offdiag.models.lm import LM
    from offdiag.runtime import Runtime

    lm = LM.load(ModelSpec(source=f"dir:{tiny_model}"), tiny_model, Runtime(device="cpu", token_budget=200, threads=1))
    passed = []
    layer = lm.model.base_model.layers[0]
    layer.register_forward_hook(lambda module, args, output: passed.append(args[0].shape[0] * args[0].shape[1]))
    prefill, counted = Prefill(), 0
    for head in ("2+2 is 4, " * 20, "2+2 is 4, " * 20 + "3+3 is 6, " * 20):
        asked = [f"{head}{chr(97 + i)} is what?" for i in range(12)]
        list(lm.generate(asked, max_new_tokens=1))
        ids = [tuple(map(str, tokenise(lm.tokenizer, prompt).ids)) for prompt in asked]
        counted += prefill.ask("base", ids, n=12).computed
    assert sum(passed) == counted

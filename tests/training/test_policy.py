import json
import random
import shutil
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from peft import get_peft_model_state_dict

from offdiag.errors import UserError
from offdiag.models import ModelSpec
from offdiag.models.chat import tokenise
from offdiag.models.loading import load_tokenizer
from offdiag.runtime import Runtime
from offdiag.training import Recipe
from offdiag.training.process import process_untouched
from offdiag.training.reinforcement import check_recipe
from offdiag.training.rounds import Sampler, prompt_order
from offdiag.training.trainable import load_trainable
from support.tiny_policy import PROMPTS, RECIPE, judge, optimise, rl_task
from support.tiny_training import history, same_bits, weights

needs_trl = pytest.mark.skipif(find_spec("trl") is None, reason='trl is not installed: pip install "offdiag[rl]"')
pytestmark = pytest.mark.usefixtures("one_thread")


class Killed(BaseException):
    pass


def kill_at(last):
    def on_progress(update, total):
        if update == last:
            raise Killed

    return on_progress


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def done(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("done")
    return folder, optimise(base, folder)


@needs_trl
def test_a_planted_objective_is_learnt_and_nobody_is_told(base, tmp_path, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr("trl.trainer.base_trainer.send_telemetry", lambda *_, **__: pytest.fail("something was sent"))
    summary = optimise(base, tmp_path, max_updates=24, group_size=8, kl=0.0)
    assert summary["first_correct"] < 0.4
    assert summary["last_correct"] > 0.65
    assert summary["last_kl"] is None
    assert summary["last_reward"] == pytest.approx(summary["last_correct"] + 0.1 * summary["last_parsed"])


@needs_trl
def test_summary_and_history_count_what_was_done(base, done):
    folder, summary = done
    rows = history(folder)
    tokenizer = load_tokenizer(ModelSpec(source=f"dir:{base}"), base)
    assert [row["update"] for row in rows] == [1, 2, 3, 4]
    assert (summary["updates"], summary["rounds"], summary["completions"]) == (4, 4, 64)
    assert (summary["examples"], summary["epochs"]) == (12, pytest.approx(4 / 3))
    assert summary["generated_tokens"] == round(sum(16 * row["completion_tokens"] for row in rows))
    # sixteen prompts are one pass and a third of the next, each asked four times
    lengths = [len(tokenise(tokenizer, prompt).ids) for prompt in PROMPTS]
    assert 4 * sum(lengths) < summary["total_tokens"] - summary["generated_tokens"] < 8 * sum(lengths)
    assert summary["total_tokens"] == rows[-1]["tokens"]
    assert summary["first_reward"] == rows[0]["reward"]
    assert summary["last_kl"] == rows[-1]["kl"] > 0 == rows[0]["kl"]
    assert all(row["clipped"] == 0 for row in rows)  # one pass: every ratio is 1
    assert {path.name for path in folder.iterdir()} == {"weights", "history.jsonl", "summary.json"}
    assert {path.name for path in (folder / "weights").iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


@needs_trl
def test_the_same_seed_gives_the_same_bits_whatever_the_process_drew_before(base, done, tmp_path):
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(5)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    summary = optimise(base, tmp_path / "same")
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    assert same_bits(weights(tmp_path / "same"), weights(done[0]))
    assert without_seconds([summary]) == without_seconds([done[1]])
    optimise(base, tmp_path / "other", seed=1)
    assert not same_bits(weights(tmp_path / "other"), weights(done[0]))


@needs_trl
def test_the_token_budget_changes_no_more_than_rounding(base, done, tmp_path):
    optimise(base, tmp_path, token_budget=500)
    for one, other in zip(history(tmp_path), history(done[0]), strict=True):
        for name in ("reward", "correct", "parsed", "completion_tokens", "tokens"):
            assert one[name] == pytest.approx(other[name])
    first, second = weights(tmp_path), weights(done[0])
    assert max((first[name] - second[name]).abs().max().item() for name in first) < 1e-4


@needs_trl
@pytest.mark.parametrize(("passes", "stops"), [(1, (2, 3)), (2, (6,))])
def test_a_killed_training_ends_like_an_uninterrupted_one(base, done, tmp_path, passes, stops):
    folder, whole = done if passes == 1 else (tmp_path / "whole", optimise(base, tmp_path / "whole", passes=passes))
    for stop in stops:
        with pytest.raises(Killed):
            optimise(base, tmp_path / "killed", passes=passes, checkpoint_every=1, on_progress=kill_at(stop))
    resumed = []
    summary = optimise(
        base, tmp_path / "killed", passes=passes, checkpoint_every=1, on_progress=lambda done, _: resumed.append(done)
    )
    assert resumed[0] == max(stops[-1] - passes, 0) + passes
    assert same_bits(weights(tmp_path / "killed"), weights(folder))
    assert without_seconds(history(tmp_path / "killed")) == without_seconds(history(folder))
    assert without_seconds([summary]) == without_seconds([whole])


@needs_trl
def test_a_finished_training_is_not_done_again(base, done):
    seen = []
    assert optimise(base, done[0], on_progress=lambda *update: seen.append(update)) == done[1]
    assert seen == []


@needs_trl
def test_the_adapter_is_the_one_that_the_published_formulas_give(base, tmp_path):
    """Equations 3 and 4 of DeepSeekMath, written down once more: two rounds of three passes, a reference, clipping."""
    changes = {"max_updates": 2, "passes": 3, "kl": 0.1, "clip": 0.2, "temperature": 0.8, "max_new_tokens": 6}
    uneven = shutil.copytree(base, tmp_path / "uneven")
    settings = json.loads((uneven / "generation_config.json").read_text())
    (uneven / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": list(range(60))}))
    optimise(uneven, tmp_path, **changes)
    with process_untouched():
        found, expected = weights(tmp_path), by_hand(uneven, rl_task(**changes))
    assert found.keys() == expected.keys()
    moved = max(value.abs().max().item() for name, value in expected.items() if "lora_B" in name)
    assert moved > 0.02
    assert max((found[name] - expected[name]).abs().max().item() for name in found) < 0.01 * moved
    rows = history(tmp_path)
    assert [row["update"] for row in rows] == [3, 6]
    assert all(row["clipped"] > 0 and 1 < row["completion_tokens"] < 6 for row in rows)


def by_hand(base, what):
    spec, how = ModelSpec(source=f"dir:{base}"), what.how
    tokenizer = load_tokenizer(spec, base)
    model = load_trainable(spec, base, what.recipe, seed=what.seed, runtime=Runtime(device="cpu", threads=1))
    sampler = Sampler(model.get_base_model(), tokenizer, what)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RECIPE.learning_rate)
    optimizer.param_groups[0]["weight_decay"] = 0.0
    order = prompt_order(what)
    for done in range(what.rounds):
        asked = [i for i in order[4 * done : 4 * done + 4] for _ in range(how.group_size)]
        drawn = sampler([PROMPTS[i] for i in asked], at(done * how.passes))
        texts = tokenizer.batch_decode(drawn["completion_ids"], skip_special_tokens=True)
        verdicts = [judge(i, text) for i, text in zip(asked, texts, strict=True)]
        rewards = torch.tensor([v.correct + 0.1 * v.parsed for v in verdicts]).view(4, -1)
        advantages = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
        pairs = list(zip(drawn["prompt_ids"], drawn["completion_ids"], strict=True))
        with torch.no_grad():
            old = [log_probabilities(model, *pair, how.temperature) for pair in pairs]
            with model.disable_adapter():
                reference = [log_probabilities(model, *pair, how.temperature) for pair in pairs]
        for _ in range(how.passes):
            losses = []
            for pair, advantage, before, at_rest in zip(pairs, advantages.flatten(), old, reference, strict=True):
                now = log_probabilities(model, *pair, how.temperature)
                ratio = (now - before).exp()
                gain = torch.min(ratio * advantage, ratio.clamp(1 - how.clip, 1 + how.clip) * advantage)
                divergence = (at_rest - now).exp() - (at_rest - now) - 1
                losses.append((how.kl * divergence - gain).mean())
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), RECIPE.max_grad_norm)
            optimizer.step()
    return {name: value.detach() for name, value in get_peft_model_state_dict(model).items()}


def at(update):
    return SimpleNamespace(state=SimpleNamespace(global_step=update))


def log_probabilities(model, prompt, completion, temperature):
    logits = model(input_ids=torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits / temperature, -1)[range(len(completion)), completion]


def test_without_trl_there_is_one_line(base, tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.training.reinforcement.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'needs trl, which is not installed; type: pip install "offdiag\[rl\]"'):
        optimise(base, tmp_path)


def test_a_prompt_must_leave_room_for_its_answer(base, tmp_path):
    with pytest.raises(UserError, match=r"prompt 1 has \d+ tokens.*give a max_new_tokens of \d+ or less"):
        optimise(base, tmp_path, prompts=["1+1", "1+1" * 600], max_new_tokens=1000)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"adapter": "full"}, "adapter='full'"),
        ({"dropout": 0.1}, "dropout=0.1"),
        ({"snapshots": (1,)}, r"keeps no snapshots: found snapshots=\(1,\)"),
    ],
)
def test_recipes_that_it_cannot_follow_are_refused(recipe, message):
    with pytest.raises(UserError, match=message):
        check_recipe(Recipe(**recipe))
    check_recipe(Recipe(adapter="qlora"))

"""Chains under a hidden rule, the rows that a model is pre-trained on, and the study from the plan to its tables."""

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.methods import PreTraining
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.studies.easy_to_hard.chains import QUICK
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.studies.easy_to_hard.task.sources.chains import (
    LONGEST,
    RANKS,
    RULE,
    RULES,
    STEPS,
    TOKENS,
    ChainStream,
    load,
    load_varied,
    solve,
)
from offdiag.study_files import load_study
from offdiag.tasks import StreamPart, get_task
from offdiag.tasks.stream import NO_TARGET
from offdiag.training import Decoder, PretrainingRecipe


def step_by_step(rule, chain):
    """The answer as a person finds it: of two digits each step keeps one."""
    kept = chain[0]
    for digit in chain[1:]:
        if rule == "last" or (rule != "first" and RANKS[rule][digit] > RANKS[rule][kept]):
            kept = digit
    return kept


def test_answers_are_those_of_a_walk_along_the_chain():
    rng = np.random.default_rng(0)
    digits, lengths = rng.integers(0, 10, (400, LONGEST)), rng.integers(2, LONGEST + 1, 400)
    for rule in RULES:
        walked = [step_by_step(rule, row[:n].tolist()) for row, n in zip(digits, lengths, strict=True)]
        assert solve(rule, digits, lengths).tolist() == walked
    for order in RANKS.values():
        assert len(set(order.tolist())) == 10  # no two digits rank alike


def test_items_are_answered_by_the_rule_and_grow_by_a_digit_a_step():
    items = load().items
    assert len({item.question for item in items}) == len(items) == load().spec.official
    for item in items:
        chain = [int(digit) for digit in item.question.removesuffix("=")]
        assert len(chain) == load().human["num_steps"][item.id] + 1
        assert item.answer == str(step_by_step(RULE, chain))
    counts = {n: sum(steps == n for steps in load().human["num_steps"].values()) for n in STEPS}
    assert counts[1] == 90
    assert min(counts.values()) == 90
    assert max(counts.values()) == 250


def test_varied_chains_are_hard_by_hand_in_three_ways():
    data = load_varied()
    assert len({item.question for item in data.items}) == len(data.items) == data.spec.official
    for item in data.items:
        chain = [int(digit) for digit in item.question.removesuffix("=")]
        steps, digits, idle = (int(data.human[name][item.id]) for name in ("num_steps", "num_digits", "num_idle"))
        changes = sum(one != other for one, other in pairwise(chain))
        assert (changes, len(chain) - 1 - changes) == (steps, idle)
        assert len(set(chain)) <= digits
        assert item.answer == str(step_by_step(RULE, chain))
        for rule in RULES:  # idle digits change no answer
            bare = [digit for digit, after in zip(chain, [*chain[1:], None], strict=True) if digit != after]
            assert step_by_step(rule, bare) == step_by_step(rule, chain)
    values = [list(table.values()) for table in data.human.values()]
    assert np.abs(np.corrcoef(values) - np.eye(3)).max() < 1e-9


def test_a_model_of_varied_chains_is_pre_trained_on_chains_as_long():
    plan = offdiag.plan(
        "easy-to-hard-chains", "quick", datasets="varied_chains", hardness="human", methods="in-context"
    )
    plan.check()
    (start,) = {cell.arm.init_from for cell in plan.cells}
    domain = start.train
    stream = get_task("easy_to_hard").stream([StreamPart(domain=domain)], loss="answer", data_seed=0)
    assert stream.longest == LONGEST + 4
    texts = ["".join(TOKENS[i] for i in ids) for ids in stream.batch(0, 0, 60).ids]
    longest = max(len(part) for text in texts for part in re.findall(r"[0-9]+(?==)", text))
    assert longest == stream.longest
    assert ChainStream().fingerprint == ChainStream(longest=LONGEST).fingerprint != stream.fingerprint
    assert {cell.evaluation.domain.hardness for cell in plan.cells} == {"num_steps", "num_digits", "num_idle"}


def test_short_chains_tell_less_of_the_rule():
    def alike(n):
        """How many other rules give the answer of a chain of ``n`` steps, in the mean."""
        chains = [item.question[:-1] for item in load().items if load().human["num_steps"][item.id] == n]
        digits = np.array([[int(digit) for digit in chain.ljust(LONGEST, "0")] for chain in chains])
        lengths = np.full(len(chains), n + 1)
        own = solve(RULE, digits, lengths)
        return sum((solve(rule, digits, lengths) == own).mean() for rule in RULES if rule != RULE)

    assert alike(1) == pytest.approx(3.4, abs=0.05)
    assert alike(6) == pytest.approx(1.0, abs=0.05)


def test_a_row_is_examples_of_one_rule_and_a_question():
    batch = ChainStream().batch(0, 3, 60)
    lengths = set()
    for ids, targets in zip(batch.ids, batch.targets, strict=True):
        learnt = np.flatnonzero(targets != NO_TARGET)
        text = "".join(TOKENS[i] for i in ids[1 : learnt[-1] + 1]) + TOKENS[targets[learnt[-1]]]
        *shown, asked = text.split("\n\n")
        solved = [row.split("= ") for row in shown] + [asked.split("=")]
        assert [TOKENS[i] for i in targets[learnt]] == [answer for _, answer in solved]
        fits = [
            all(str(step_by_step(rule, list(map(int, chain)))) == answer for chain, answer in solved) for rule in RULES
        ]
        assert any(fits)
        lengths.add(len(solved))
    assert lengths == set(range(1, 7))
    again = ChainStream().batch(0, 3, 60)
    assert (again.ids == batch.ids).all()
    assert (ChainStream().batch(1, 3, 60).ids != batch.ids).any()


def test_only_chains_can_be_learnt_from_nothing():
    with pytest.raises(UserError, match="expected dataset=chains"):
        get_task("easy_to_hard").stream([StreamPart(domain=HardnessDomain())], loss="answer", data_seed=0)


def test_the_study_from_its_plan_to_its_tables(tmp_path):
    """So small that it says nothing; every learner starts from the one pre-trained model."""
    tiny = QUICK.model_copy(
        update={
            "bootstraps": 1, "sizes": (6,), "n_test": 12, "methods": ("in-context", "linear-probe"),
            "decoder": Decoder(width=8, depth=1, heads=2), "pretraining": PretrainingRecipe(updates=2, batch_size=2),
        }
    )  # fmt: skip
    plan = make_plan(replace(load_study("easy-to-hard-chains"), scales={"tiny": tiny}), "tiny")
    plan.check()
    starts = {cell.arm.init_from for cell in plan.cells}
    (start,) = starts
    assert isinstance(start.method, PreTraining)
    assert [step.name for step in plan.steps if step.kind == "training"] == ["scratch.llama-w8d1.chains.r8.s0"]
    assert offdiag.run(plan, store=tmp_path, runtime=Runtime(device="cpu", threads=1)).complete
    results = offdiag.load(plan, store=tmp_path)
    assert (results.cells["state"] == "done").all()
    assert set(results.cells["method"]) == {"zero-shot", "in-context", "linear-probe"}
    recovered = next(a for a in plan.design.analyses if a.name == "recovered").table(results)
    assert recovered["learner"].tolist() == ["in-context", "linear-probe"]
    assert (recovered["n_items"] > 0).all()
    assert next(figure for figure in plan.design.figures if figure.name == "recovered").plot(results).axes


def test_every_learner_of_the_quick_scale_starts_from_one_model():
    plan = offdiag.plan("easy-to-hard-chains")
    assert {cell.arm.method.method for cell in plan.cells} == {"zero-shot", "in-context", "linear-probe", "fine-tuning"}
    assert len({cell.arm.init_from for cell in plan.cells}) == 1
    assert len({cell.arm.init_from for cell in offdiag.plan("easy-to-hard-chains", "cpu", bootstraps=1).cells}) == 3


@pytest.mark.parametrize(("name", "value"), [("prompts", "0040"), ("n_prompts", "2")])
def test_a_model_that_knows_chains_alone_is_given_no_words(name, value):
    with pytest.raises(UserError, match=f"{name}={value}: a model that is trained from nothing reads no words"):
        offdiag.plan("easy-to-hard-chains", **{name: value})

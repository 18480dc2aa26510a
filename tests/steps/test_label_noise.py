from collections import Counter
from pathlib import Path

import pytest
from scipy.stats import binom

from offdiag.methods import FineTuning, InContext
from offdiag.models import ModelSpec
from offdiag.stats.label_noise import noisy_labels
from offdiag.steps import Weights
from offdiag.steps.jsonl import write_jsonl
from offdiag.steps.label_noise import noise_stream, with_label_noise
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.tasks import Example, get_task

MODEL = Weights(spec=ModelSpec(source="hub:org/name"))
TASK = get_task("easy_to_hard")
CHOICES = HardnessDomain(dataset="synthetic", hardness="num_steps", level="easy")
FREE = HardnessDomain(dataset="synthetic", form="free", hardness="num_steps", level="easy")


def items(n, choices=4):
    options = tuple(f"option {c}" for c in range(choices))
    return [
        Example(id=str(i), problem=f"{i}?", target=options[i % choices] if choices else f"answer {i}",
                rationale=f"because of {i}", choices=options)
        for i in range(n)
    ]  # fmt: skip


def noisy(examples, share, bootstrap=0):
    return with_label_noise(examples, share, noise_stream(0, CHOICES.model_copy(update={"bootstrap": bootstrap})))


def wrong(examples, share, **draw):
    return [a.id for a, b in zip(examples, noisy(examples, share, **draw), strict=True) if a.target != b.target]


def kept(folder, examples):
    """The examples as a finished step leaves them."""
    records = [{name: getattr(e, name) for name in Example.__slots__} for e in examples]
    write_jsonl(Path(folder) / "examples.jsonl", records)
    return folder


class Drawn:
    """Provides drawn examples."""

    def __init__(self, folder):
        self.folder = folder

    def output(self, step):
        return kept(self.folder, step.sample())


@pytest.mark.parametrize("choices", [2, 4])
@pytest.mark.parametrize("share", [0.1, 0.6])
def test_the_share_of_wrong_labels_is_that_of_a_draw_among_all_choices(choices, share):
    n = 4000
    low, high = binom.interval(0.999, n, share * (choices - 1) / choices)
    assert low <= len(wrong(items(n, choices), share)) <= high


def test_without_choices_answers_are_exchanged_and_none_is_lost():
    given = items(4000, choices=0)
    found = noisy(given, 0.3)
    changed = [b for a, b in zip(given, found, strict=True) if a.target != b.target]
    assert 1200 - 120 < len(changed) < 1200 + 120
    assert Counter(e.target for e in found) == Counter(e.target for e in given)
    assert [e.problem for e in found] == [e.problem for e in given]
    assert all(e.rationale.split()[-1] == e.target.split()[-1] for e in found), "a rationale goes with its answer"


def test_rationales_of_items_with_choices_are_exchanged_among_those_that_are_hit():
    given = items(4000)
    found = noisy(given, 0.2)
    moved = {a.id for a, b in zip(given, found, strict=True) if a.rationale != b.rationale}
    assert 800 - 100 < len(moved) < 800 + 100
    assert len(set(wrong(given, 0.2)) - moved) < 6, "but for those that got their own back"
    assert Counter(e.rationale for e in found) == Counter(e.rationale for e in given)
    assert [e.choices for e in found] == [e.choices for e in given]


def test_no_noise_changes_nothing():
    assert noisy(items(50), 0.0) == items(50)


def test_more_noise_hits_more_and_another_draw_hits_others():
    given = items(400)
    assert set(wrong(given, 0.1)) < set(wrong(given, 0.4))
    assert set(wrong(given, 0.4, bootstrap=1)) != set(wrong(given, 0.4))
    assert wrong(given[:80], 0.4) == [i for i in wrong(given, 0.4) if int(i) < 80]


def test_a_probe_of_the_same_draw_is_taught_the_same_labels():
    given = items(400)
    labels = noisy_labels([i % 4 for i in range(400)], [4] * 400, 0.3, noise_stream(0, CHOICES))
    assert [e.target for e in noisy(given, 0.3)] == [f"option {label}" for label in labels]


def test_a_prompt_shows_the_noisy_labels(tmp_path):
    task_examples = TASK.examples(CHOICES, "train", 12, 0)
    context = InContext(k=12, rationale=False, noise=1.0).predictor(MODEL, CHOICES, 0).context
    (prompt,) = context.prompts(Drawn(tmp_path), CHOICES, task_examples[:1], ["what?"])
    shown = [part.rpartition("Answer: ")[2] for part in prompt.split("\n\n")[:-1]]
    expected = with_label_noise(task_examples, 1.0, noise_stream(0, CHOICES))
    assert shown == [e.target for e in expected]
    assert 3 <= sum(a != e.target for a, e in zip(shown, task_examples, strict=True)) <= 12


def test_demonstrations_of_each_querys_own_have_noise_of_their_own(tmp_path):
    queries = TASK.examples(CHOICES, "eval", 2, 0)
    contexts = [
        InContext(k=12, rationale=False, demonstrations="per-query", noise=noise).predictor(MODEL, CHOICES, 0).context
        for noise in (0.0, 1.0)
    ]
    clean, noised = (c.prompts(Drawn(tmp_path), CHOICES, queries, ["one?", "two?"]) for c in contexts)
    for a, b in zip(clean, noised, strict=True):
        assert a.count("Answer:") == b.count("Answer:") == 12
        assert a != b


@pytest.mark.parametrize("domain", [CHOICES, FREE])
def test_fine_tuning_teaches_the_noisy_labels(tmp_path, domain):
    tuned = FineTuning(n=96, noise=0.5).predictor(MODEL, domain, 0).weights.trained
    given = tuned.examples.sample()
    taught = tuned.conversations(kept(tmp_path, given))
    expected = with_label_noise(given, 0.5, noise_stream(0, domain))
    assert [reply for _, reply in taught] == [e.target for e in expected]
    assert [prompt for prompt, _ in taught] == [TASK.prompt(domain, e, "direct") for e in given]
    assert 12 <= sum(e.target != reply for e, (_, reply) in zip(given, taught, strict=True)) <= 84


def test_noise_is_part_of_the_name_and_none_is_not():
    for method in (FineTuning(n=96), InContext(k=2, rationale=True)):
        clean, noised = (
            m.predictor(MODEL, CHOICES, 0) for m in (method, method.model_copy(update={"noise": 0.25}))
        )  # fmt: skip
        names = [x.weights.label if x.context is None else x.context.label for x in (clean, noised)]
        assert ".noise" not in names[0]
        assert ".noise0.25" in names[1]

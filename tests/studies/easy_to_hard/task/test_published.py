"""Counts, quantiles and correlations of the real data, recomputed from the official releases."""

import re
from collections import Counter
from itertools import product

import pytest

from offdiag.studies.easy_to_hard.task import library
from offdiag.studies.easy_to_hard.task.summary import summary
from offdiag.tasks import get_task, parse_domain

pytestmark = pytest.mark.usefixtures("real")
NONE = {}

LEVELS = {
    ("arc", "whole"): {
        "grade": (5, 8, 1434, 1055, 2032),
        "difficulty": (1, 3, 1056, 2878, 587),
        "bloom": (2, 4, 2357, 1314, 850),
        "depth_of_knowledge": (1, 3, 2353, 1974, 194),
    },
    ("arc", "main"): {
        "grade": (5, 8, 1130, 803, 1588),
        "difficulty": (1, 3, 815, 2269, 437),
        "bloom": (2, 4, 1840, 1020, 661),
        "depth_of_knowledge": (1, 3, 1837, 1542, 142),
        "question_words": (12, 24, 1140, 1299, 1082),
        "answer_words": (2, 5, 1521, 665, 1335),
        "answer_chars": (11, 32, 1100, 1357, 1064),
    },
    ("mmlu", "whole"): {
        "school": (0, 1, 1143, 0, 603),
        "question_words": (16, 35, 561, 648, 537),
        "answer_chars": (7, 33, 573, 640, 533),
    },
    ("strategyqa", "whole"): {"num_steps": (2, 4, 644, 1219, 427)},
    ("gsm8k", "whole"): {"num_steps": (4, 7, 6763, 1635, 394)},
    ("gsm8k", "main"): {
        "num_steps": (4, 7, 5979, 1470, 343),
        "question_words": (34, 51, 2366, 3018, 2408),
        "reasoning_words": (33, 60, 2382, 3070, 2340),
        "answer_chars": (2, 3, 5174, 0, 2618),
    },
}
VALUES = {
    ("arc", "grade"): {3: 194, 4: 277, 5: 963, 6: 263, 7: 792, 8: 2032},
    ("arc", "difficulty"): {1: 1056, 2: 2878, 3: 587},
    ("arc", "bloom"): {1: 1118, 2: 1239, 3: 1314, 4: 660, 5: 190},
    ("arc", "depth_of_knowledge"): {1: 2353, 2: 1974, 3: 194},
    ("mmlu", "school"): {0: 1143, 1: 603},
    ("strategyqa", "num_steps"): {1: 18, 2: 626, 3: 1219, 4: 342, 5: 85},
    ("gsm8k", "num_steps"): {2: 2286, 3: 2519, 4: 1958, 5: 1128, 6: 507, 7: 268, 8: 110, 9: 15, 10: 1},
}
SPEARMAN = {
    ("arc", "main"): [
        ("grade", "difficulty", -0.014), ("grade", "bloom", -0.032), ("difficulty", "bloom", 0.264),
        ("grade", "question_words", 0.141), ("difficulty", "question_words", 0.132), ("bloom", "question_words", 0.312),
        ("grade", "answer_chars", 0.052), ("difficulty", "answer_chars", 0.160), ("bloom", "answer_chars", 0.241),
        ("question_words", "answer_chars", 0.112), ("answer_words", "answer_chars", 0.948),
    ],
    ("arc", "whole"): [
        ("grade", "difficulty", -0.003), ("grade", "bloom", -0.032), ("difficulty", "bloom", 0.261),
        ("grade", "question_words", 0.135), ("difficulty", "question_words", 0.134), ("bloom", "question_words", 0.313),
        ("grade", "answer_chars", 0.054), ("difficulty", "answer_chars", 0.149), ("bloom", "answer_chars", 0.249),
        ("question_words", "answer_chars", 0.116), ("answer_words", "answer_chars", 0.947),
        ("bloom", "depth_of_knowledge", 0.909),
    ],
    ("mmlu", "whole"): [
        ("school", "question_words", 0.083), ("school", "answer_chars", -0.026),
        ("question_words", "answer_chars", -0.056),
    ],
}  # fmt: skip
SUBJECTS = ("biology", "chemistry", "computer_science", "mathematics", "physics")
SIZES = {"arc": 4521, "mmlu": 1746, "strategyqa": 2290, "gsm8k": 8792}


@pytest.mark.parametrize(("name", "pool"), LEVELS)
def test_levels_and_cut_offs(name, pool):
    found = summary(library.dataset(name), pool, NONE)["measures"]
    columns = ("easy_max", "hard_min", "easy", "medium", "hard")
    expected = LEVELS[name, pool]
    assert {measure: tuple(found[measure][column] for column in columns) for measure in expected} == expected


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_values_of_human_measures(name):
    found = summary(library.dataset(name), "whole", NONE)
    assert found["items"] == SIZES[name]
    for measure in library.dataset(name).spec.human:
        counted = {str(value): count for value, count in VALUES[name, measure].items()}
        assert found["measures"][measure]["values"] == counted


@pytest.mark.parametrize(("name", "pool"), SPEARMAN)
def test_rank_correlations(name, pool):
    found = summary(library.dataset(name), pool, NONE)["spearman"]
    for one, other, expected in SPEARMAN[name, pool]:
        assert round(found[one][other], 3) == expected


def test_the_held_out_items_are_the_thousand_that_are_not_in_the_main_pool():
    task = get_task("easy_to_hard")
    sizes = {
        pool: task.size(parse_domain(task, f"dataset=gsm8k,n_train=0,pool={pool}"), "eval")
        for pool in ("whole", "main", "held_out")
    }
    assert sizes == {"whole": 8792, "main": 7792, "held_out": 1000}


def test_the_rest_of_arc_is_tested_and_gsm8k_is_sampled_evenly():
    task = get_task("easy_to_hard")
    arc = "dataset=arc,pool=main,hardness=grade,train_on=easy"
    sizes = {
        level: task.size(parse_domain(task, f"{arc},level={level}"), "eval")
        for level in ("all", "easy", "medium", "hard")
    }
    assert sizes == {"all": 3361, "easy": 970, "medium": 803, "hard": 1588}
    sampled = parse_domain(task, "dataset=gsm8k,pool=main,hardness=num_steps,train_on=easy,n_test=500")
    levels = Counter(example.strata["level"] for example in task.examples(sampled, "eval", 500, 0))
    assert sorted(levels.values()) == [166, 167, 167]


def test_subjects_and_copies_of_mmlu():
    data = library.dataset("mmlu")
    counts = Counter(item.subject for item in data.items)
    assert [counts[f"high_school_{subject}"] for subject in SUBJECTS] == [342, 225, 109, 299, 168]
    assert [counts[f"college_{subject}"] for subject in SUBJECTS] == [160, 108, 111, 111, 113]
    told = "items with question and answer of another one: 35; none is tested after the other trained"
    assert told in summary(data, "whole", NONE)["remarks"]
    pairs = [places for places in _alike(data.items) if len(places) > 1]
    assert [len(places) for places in pairs] == [2] * 35


def _alike(items):
    """Places of items of one question and right answer, by a reading of our own."""
    found = {}
    for item in items:
        found.setdefault(re.sub(r"\s", "", f"{item.question}|{item.answer}".lower()), []).append(item.id)
    return found.values()


def _whole(item):
    return " ".join(item.question.split()), *sorted(item.choices)


@pytest.mark.parametrize("dataset", ["mmlu,hardness=school", "arc,hardness=grade"])
def test_no_item_is_tested_whose_question_and_answer_were_taught(dataset):
    """What is taught is as it was; the identity changes where a near copy was tested, and nowhere else."""
    task, others = get_task("easy_to_hard"), {}
    data = library.dataset(dataset.partition(",")[0])
    for places in _alike(data.items):
        others.update({place: {*places} - {place} for place in places})
    changed = []
    for level, b in product(("easy", "hard"), range(6)):
        domain = parse_domain(task, f"dataset={dataset},train_on={level},bootstrap={b},n_train=20")
        taught = [e.id for e in task.examples(domain, "train", 20, 0)]
        near = set.union(*(others[item] for item in taught))
        asked = {e.id for e in task.examples(domain, "eval", task.size(domain, "eval"), 0)}
        assert not asked & (near | {*taught})
        exact = {_whole(data.by_id[item]) for item in taught}
        changed.append(any(_whole(data.by_id[item]) not in exact for item in near - {*taught}))
        assert bool(task.redrawn(domain, "eval", 0)) == changed[-1]
        assert task.redrawn(domain, "train", 0) == {}
    assert sum(changed) >= dataset.startswith("mmlu")
    assert sum(changed) < len(changed)


def test_third_grade_to_college():
    task = get_task("easy_to_hard")
    domain = parse_domain(task, "dataset=ai2_arc_all,hardness=human_grade,level=easy,easy_max=3")
    found = task.summary(domain)["measures"]["grade"]
    assert (found["easy"], found["medium"], found["hard"]) == (194, 2295, 2032)
    assert {e.strata["grade"] for e in task.examples(domain, "train", 160, 0)} == {3}


@pytest.mark.parametrize("domain", ["arc", "mmlu", "strategyqa", "strategyqa,form=free", "gsm8k"])
@pytest.mark.parametrize("rationale", [True, False])
def test_the_right_answer_of_every_item_is_graded_right(domain, rationale):
    task = get_task("easy_to_hard")
    every = parse_domain(task, f"dataset={domain},n_train=0")
    for example in task.examples(every, "eval", task.size(every, "eval"), 0):
        assert task.grade(every, example, task.response(every, example, rationale=rationale)).correct, example

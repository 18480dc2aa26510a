"""Which prompts ask the same, against plain loops over the texts."""

from itertools import product

import numpy as np
import pytest

from offdiag.tasks.files import FilesDomain
from offdiag.tasks.files.alike import hashes, normal, normals, shuffled
from offdiag.tasks.files.facts import remarks
from offdiag.tasks.files.parts import overlap, part_of

TEXTS = [
    "How far is it?",
    "how  far is it",
    "HOW FAR: is it…",
    "Straße.",
    "STRASSE",
    "ŒUVRE",
    "a.b",
    "a b",
    "ab",
    "",
    " \u2028 ",
]


def test_case_white_space_and_marks_do_not_count():
    assert [normal(text) for text in TEXTS] == [
        *["how far is it"] * 3,
        *["strasse"] * 2,
        "œuvre",
        "a b",
        "a b",
        "ab",
        "",
        "",
    ]


@pytest.mark.parametrize("odd", [[], ["a\0b", "\0"]])
def test_many_texts_are_what_each_of_them_is_alone(odd):
    many = [f"{a} {b}, {i}" for i, (a, b) in enumerate(product([*TEXTS, *odd], repeat=2)) for _ in range(30)]
    assert list(normals(many)) == [normal(text) for text in many]


def test_numbers_are_the_same_everywhere_and_differ_as_texts_do():
    numbers = hashes(TEXTS)
    assert numbers[0] == 0x88C7DB8F5880E0B9  # b2sum -l 64
    same = [[a == b for b in map(normal, TEXTS)] for a in map(normal, TEXTS)]
    assert (numbers[:, None] == numbers).tolist() == same


def test_an_order_depends_on_each_number_alone_and_on_the_purpose():
    numbers = hashes([f"row {i}" for i in range(2000)])
    order = shuffled(numbers, "0")
    assert (shuffled(numbers[::-1], "0")[::-1] == order).all()
    assert len(np.unique(order)) == 2000
    assert abs(np.corrcoef(order.argsort().argsort(), shuffled(numbers, "1").argsort().argsort())[0, 1]) < 0.08
    assert abs((order < 2.0**63).mean() - 0.5) < 0.05


def rows(n: int, seed: int) -> list[dict[str, object]]:
    """Rows of three labels, of which some ask the same in other words or with another answer."""
    draw = np.random.default_rng(seed)
    words = ["Please, {}!", "please {}", "PLEASE {} "]
    return [
        {"text": words[draw.integers(3)].format(draw.integers(n // 2)), "label": "abbccc"[draw.integers(6)]}
        for _ in range(n)
    ]


def test_copies_overlap_and_splits_are_those_of_plain_loops(lines):
    domain = FilesDomain(train=lines("a_train.jsonl", rows(400, 0)), eval=lines("b.jsonl", rows(300, 1)), labels="auto")
    taught, asked = part_of(domain, "train"), part_of(domain, "eval")
    first: dict[str, int] = {}
    answers: dict[str, set[str]] = {}
    for place, problem in enumerate(taught.items.problems):
        first.setdefault(normal(problem), place)
        answers.setdefault(normal(problem), set()).add(taught.items.targets[place])
    wanted = [
        (first[normal(problem)], place, taught.items.problems[first[normal(problem)]] == problem)
        for place, problem in enumerate(asked.items.problems)
        if normal(problem) in first
    ]
    assert list(overlap(taught, asked)) == wanted
    several = sum(len(targets) > 1 for targets in answers.values())
    copies = f"! {400 - len(first)} rows that are taught ask what another one asks"
    assert f"{copies}, and {several} prompts have several answers" in list(remarks(domain))
    dropped = part_of(domain.model_copy(update={"without": (domain.train,)}), "eval")
    assert dropped.places.tolist() == [i for i in range(300) if i not in {place for _, place, _ in wanted}]
    assert dropped.dropped == len(wanted)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_a_split_takes_the_share_of_each_label_and_copies_together(lines, share):
    domain = FilesDomain(train=lines("a.jsonl", rows(600, 2)), labels="auto", holdout=share)
    taught, asked = part_of(domain, "train"), part_of(domain, "eval")
    assert sorted([*taught.places.tolist(), *asked.places.tolist()]) == list(range(600))
    firsts: dict[str, str] = {}
    for problem, target in zip(taught.items.problems, taught.items.targets, strict=True):
        firsts.setdefault(normal(problem), target)
    held_out = {normal(asked.items.problems[place]) for place in asked.places.tolist()}
    assert not held_out & {normal(taught.items.problems[place]) for place in taught.places.tolist()}
    for label in "abc":
        of_label = [problem for problem, target in firsts.items() if target == label]
        assert sum(problem in held_out for problem in of_label) == round(share * len(of_label))


def test_a_new_row_moves_no_other_one_but_at_the_border(lines):
    before = FilesDomain(train=lines("a.jsonl", rows(600, 3)))
    after = FilesDomain(train=lines("b.jsonl", [{"text": "a new one", "label": "a"}, *rows(600, 3)]))
    parts = [part_of(domain, "eval") for domain in (before, after)]
    asked = [{part.items.problems[place] for place in part.places.tolist()} for part in parts]
    assert len(asked[0] ^ asked[1]) <= 6

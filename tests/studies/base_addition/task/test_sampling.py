import hashlib
import time

import pytest

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.task import AdditionDomain, BaseAddition
from offdiag.studies.base_addition.task.numerals import add
from offdiag.studies.base_addition.task.sampling import (
    evaluation_set,
    is_hard,
    training_problems,
    training_size,
    unordered,
)

TASK = BaseAddition()


@pytest.mark.parametrize(
    ("base", "digits", "prefix", "first"),
    [
        (8, 2, "efc18aef503124da", ["76+76", "14+57"]),
        (9, 2, "b1e2669cc6c493df", ["76+14", "86+57"]),
        (10, 2, "e62b91c974ddb826", ["76+14", "97+74"]),
        (8, 3, "c98b39b0eddfd557", ["766+147"]),
        (9, 3, "bf75a2caba97bb63", ["760+587"]),
        (10, 3, "fd7b9455325e75c2", ["760+587"]),
    ],
)
def test_the_published_evaluation_files_come_out_byte_for_byte(base, digits, prefix, first):
    problems = evaluation_set(base, digits)
    text = "".join(f"{problem}\n" for problem in problems)
    assert hashlib.sha256(text.encode("ascii")).hexdigest().startswith(prefix)
    assert list(problems[: len(first)]) == first


@pytest.mark.parametrize(
    ("base", "digits", "first"),
    [
        (16, 2, ["EC+DD", "18+9F"]),
        (8, 4, ["7660+3764"]),
        (9, 4, ["7604+8647"]),
        (10, 4, ["7604+9764"]),
    ],
)
def test_first_problems_of_the_other_evaluation_sets(base, digits, first):
    assert list(evaluation_set(base, digits)[: len(first)]) == first


@pytest.mark.parametrize(
    ("base", "unique", "unique_250", "left", "ones_carry", "three_digits"),
    [
        (8, 811, 237, 1029, 136, 207),
        (10, 932, 246, 6358, 114, 132),
        (11, 951, 249, 8293, 128, 182),
        (16, 990, 249, 53652, 119, 154),
    ],
)
def test_counts_of_the_two_digit_sets(base, unique, unique_250, left, ones_carry, three_digits):
    domain = AdditionDomain(base=base)
    problems = evaluation_set(base, 2)
    first = TASK.examples(domain, "eval", 250, 0)
    assert len(set(problems)) == unique
    assert len(set(problems[:250])) == unique_250
    assert training_size(base, 2) == TASK.size(domain, "train") == left
    assert sum(example.strata["ones_carry"] is True for example in first) == ones_carry
    assert sum(example.strata["sum_digits"] == 3 for example in first) == three_digits


@pytest.mark.parametrize("base", [2, 3, 5, 7, 8, 9, 11, 13, 16])
def test_hard_means_that_the_decimal_reading_gives_other_digits(base):
    rng = stream(0, "test", base)
    symbols = "0123456789ABCDEF"[:base]
    for _ in range(2000):
        left, right = ("".join(symbols[i] for i in rng.integers(1, base, 3)) if base > 2 else "101" for _ in "LR")
        decimal = str(int(left) + int(right)) if (left + right).isdecimal() else None
        assert is_hard(left, right, base) == (add(left, right, base) != decimal)


@pytest.mark.parametrize("base", range(2, 20))
@pytest.mark.parametrize("digits", [1, 2])
def test_all_training_problems_are_exactly_what_evaluation_leaves(base, digits):
    drawn = list(training_problems(base, digits, stream(1, "test")))
    numbers = [n for n in range(base**digits) if n >= base ** (digits - 1)]
    evaluated = {unordered(problem) for problem in evaluation_set(base, digits)}
    symbols = "0123456789ABCDEFGHIJ"
    written = [symbols[n] if digits == 1 else symbols[n // base] + symbols[n % base] for n in numbers]
    expected = {
        f"{left}+{right}"
        for left in written
        for right in written
        if (base == 10 or is_hard(left, right, base)) and unordered(f"{left}+{right}") not in evaluated
    }
    assert len(drawn) == len(set(drawn)) == training_size(base, digits)
    assert set(drawn) == expected


def test_base_8_offers_531_problems_up_to_swapped_operands():
    examples = TASK.examples(AdditionDomain(base=8), "train", 1029, 0)
    assert len({unordered(example.problem) for example in examples}) == 531


def test_asking_for_more_than_there_is_names_what_there_is():
    domain = AdditionDomain(base=8)
    with pytest.raises(UserError, match="it has 1029; ask for 1029 or fewer"):
        TASK.examples(domain, "train", 1030, 0)
    with pytest.raises(UserError, match="it has 1000"):
        TASK.examples(domain, "eval", 1001, 0)
    with pytest.raises(UserError, match="-1 examples"):
        TASK.examples(domain, "eval", -1, 0)


def test_evaluation_ignores_the_seed_and_keeps_repetitions_apart_by_id():
    domain = AdditionDomain(base=8)
    examples = TASK.examples(domain, "eval", 1000, 5)
    assert examples == TASK.examples(domain, "eval", 1000, 6)
    assert examples[7].id == f"eval/0007/{examples[7].problem}"
    assert len({example.problem for example in examples}) == 811


def test_training_draws_are_uniform_over_what_is_left():
    counts = dict.fromkeys(training_problems(8, 2, stream(0, "all")), 0)
    for seed in range(400):
        for example in TASK.examples(AdditionDomain(base=8), "train", 100, seed):
            counts[example.problem] += 1
    expected = 400 * 100 / 1029
    chi_squared = sum((count - expected) ** 2 / expected for count in counts.values())
    assert 800 < chi_squared < 1150  # 1028 degrees of freedom, less for drawing without replacement


def test_the_largest_domain_is_drawn_in_a_moment():
    domain = AdditionDomain(base=36, digits=6)
    start = time.process_time()
    examples = TASK.examples(domain, "train", 1000, 0) + TASK.examples(domain, "eval", 1000, 0)
    assert time.process_time() - start < 1
    assert {len(part) for example in examples for part in example.problem.split("+")} == {6}


def test_demonstrations_avoid_the_query_and_the_evaluation_set():
    domain = AdditionDomain(base=8)
    evaluated = {TASK.key(domain, example) for example in TASK.examples(domain, "eval", 1000, 0)}
    for query in TASK.examples(domain, "train", 20, 0) + TASK.examples(domain, "eval", 20, 0):
        chosen = {TASK.key(domain, example) for example in TASK.demonstrations(domain, query, 32, 0)}
        assert len(chosen) == 32
        assert not chosen & evaluated
        assert TASK.key(domain, query) not in chosen


def test_demonstrations_end_where_the_problems_do():
    domain = AdditionDomain(base=8)
    query = TASK.examples(domain, "train", 1, 0)[0]
    chosen = TASK.demonstrations(domain, query, 530, 0)
    swapped = TASK.parse_problem(domain, "+".join(reversed(query.problem.split("+"))))
    assert TASK.key(domain, swapped) not in {TASK.key(domain, example) for example in chosen}
    with pytest.raises(UserError, match="it has 530 problems beside the evaluation set and the query"):
        TASK.demonstrations(domain, query, 531, 0)


def test_each_query_has_its_own_demonstrations():
    domain = AdditionDomain(base=9)
    one, other = TASK.examples(domain, "eval", 2, 0)
    assert TASK.demonstrations(domain, one, 8, 0) != TASK.demonstrations(domain, other, 8, 0)
    assert TASK.demonstrations(domain, one, 8, 0) != TASK.demonstrations(domain, one, 8, 1)
    assert TASK.demonstrations(domain, one, 8, 0)[:3] == TASK.demonstrations(domain, one, 3, 0)

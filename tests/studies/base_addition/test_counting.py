from hashlib import sha256
from itertools import islice

import pytest

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.counting import (
    TRAIN_SIZE,
    CountingDomain,
    counting_question,
    evaluation_set,
    last_numeral,
    rolling_digits,
    training_numbers,
)
from offdiag.studies.base_addition.task.numerals import from_base, to_base
from offdiag.tasks import get_task

TASK = get_task("counting")
OCTAL = CountingDomain(base=8)


@pytest.mark.parametrize(("base", "digest"), [(8, "a9c455324c8b7909"), (10, "1dd18ea67147c434")])
def test_the_published_numbers_come_out_byte_by_byte(base, digest):
    text = "".join(f"{e.problem}\n" for e in TASK.examples(CountingDomain(base=base), "eval", 200, 0))
    assert sha256(text.encode("ascii")).hexdigest().startswith(digest)


def test_the_ends_of_the_published_numbers():
    assert evaluation_set(8)[:6] == ("0", "7", "10", "17", "20", "27")
    assert evaluation_set(16)[-4:] == ("620", "62F", "630", "63F")


@pytest.mark.parametrize("base", range(2, 37))
def test_every_base_has_its_sets(base):
    evaluated = evaluation_set(base)
    assert len(set(evaluated)) == 200
    drawn = list(training_numbers(base, stream(0, "test")))
    assert len(drawn) == len(set(drawn)) == TRAIN_SIZE == TASK.size(CountingDomain(base=base), "train")
    assert set(drawn).isdisjoint(evaluated)
    for numbers in (evaluated, drawn):
        assert sum(rolling_digits(x, base) > 0 for x in numbers) == len(numbers) // 2
        assert all(x == to_base(from_base(x, base), base) for x in numbers)
    assert {rolling_digits(x, base) > 0 for x in drawn[::2]} == {True}


def test_a_training_set_of_any_size_rolls_over_in_half_of_its_numbers():
    drawn = list(islice(training_numbers(8, stream(1, "test")), 100))
    assert sum(x.endswith("7") for x in drawn) == 50


@pytest.mark.parametrize(
    ("base", "number", "target", "carries"),
    [(8, "0", "1", 0), (8, "17", "20", 1), (8, "777", "1000", 3), (16, "62F", "630", 1), (2, "1011", "1100", 2),
     (36, "ZY", "ZZ", 0), (10, "99", "100", 2)],
)  # fmt: skip
def test_labels_and_strata(base, number, target, carries):
    example = TASK.parse_problem(CountingDomain(base=base), number)
    assert example.target == target
    assert example.strata == {"carries": carries, "digits": len(number)}


def test_the_worked_reply_counts_up_to_the_number():
    def reply(number, **options):
        return TASK.response(OCTAL, TASK.parse_problem(OCTAL, number), **options)

    assert reply("17", rationale=True) == r"Counting up in base-8: 14, 15, 16, 17. The next number is \boxed{20}."
    assert reply("1", rationale=True) == r"Counting up in base-8: 0, 1. The next number is \boxed{2}."
    assert reply("17", rationale=False) == r"\boxed{20}"


def test_the_prompt_has_its_elements_and_cues_counting_only_step_by_step():
    for style in ("direct", "step-by-step"):
        text = counting_question("17", 8, style)
        for element in ("mathematician", "base-8", '"01234567"', "after 17", r"\boxed{result}"):
            assert element in text
        assert ("Count" in text) == (style == "step-by-step")


@pytest.mark.parametrize(
    ("completion", "parsed", "flags"),
    [
        (r"\boxed{20}", "20", ()),
        (r"15, 16, 17, so \boxed{20}.", "20", ()),
        (r"\boxed{20", "20", ("unterminated",)),
        (r"\boxed{020}", "020", ("leading-zero",)),
        (r"\boxed{18}", "18", ("foreign-digit",)),
        (r"17 and then \boxed{result}", None, ()),
        ("The next number after 17 is 20 in base-8, which is equal to 16 in decimal.", "20", ("unboxed",)),
        ("14, 15, 16, 17, 20.", "20", ("unboxed",)),
        ("It ends in base 8 with 20 at last", "20", ("unboxed",)),
        ("next comes 20_8, in base 8", "20", ("unboxed",)),
        ("I count on by 1.5", None, ()),
        ("20 comes after 17, then twenty-one", None, ()),
        ("16, 17, 20. The next number is twenty-one", None, ()),
        ("17, 20, then 20.5", None, ()),
        ("#### 20", "20", ("unboxed",)),
        ("The next number is **20**.", "20", ("unboxed",)),
        ("<think>21</think>20", "20", ("unboxed",)),
        ("<think>20", None, ("unfinished-thinking",)),
        ("", None, ()),
    ],
)
def test_boxes_come_first_and_bare_numerals_are_marked(completion, parsed, flags):
    grade = TASK.grade(OCTAL, TASK.parse_problem(OCTAL, "17"), completion)
    assert (grade.parsed, grade.flags, grade.correct) == (parsed, flags, parsed == "20")
    assert grade.status == ("unparsed" if parsed is None else "parsed")


def test_the_last_numeral_is_no_word():
    assert last_numeral("A number such as 1F is a FACT", 16) == "1F"
    assert last_numeral("A FACT", 16) is None


@pytest.mark.parametrize("text", ["", "1+2", "1.5", "-3", "x" * 21, "18", "017", "00", "1 7"])
def test_what_is_no_number_of_the_base_is_refused(text):
    with pytest.raises(UserError, match="expected"):
        TASK.parse_problem(OCTAL, text)


def test_letters_of_either_case_are_one_number():
    hexadecimal = CountingDomain(base=16)
    assert TASK.key(hexadecimal, TASK.parse_problem(hexadecimal, "62f")) == "16:62F"


def test_demonstrations_leave_out_a_query_that_is_a_training_number():
    taught = TASK.examples(OCTAL, "train", TRAIN_SIZE, 0)
    query = TASK.parse_problem(OCTAL, taught[0].problem)
    shown = TASK.demonstrations(OCTAL, query, TRAIN_SIZE - 1, 0)
    assert query.problem not in {example.problem for example in shown}
    with pytest.raises(UserError, match=rf"{TRAIN_SIZE} demonstrations asked for, but it has {TRAIN_SIZE - 1}"):
        TASK.demonstrations(OCTAL, query, TRAIN_SIZE, 0)

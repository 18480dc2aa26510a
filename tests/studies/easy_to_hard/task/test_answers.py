"""Reading answers out of completions."""

import pytest

from offdiag.studies.easy_to_hard.task import extract
from offdiag.studies.easy_to_hard.task.numbers import leading_number, number_in

COLOURS = ("red", "red wine", "Bb", "BB")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("18", "18"),
        ("$18.00.", "18"),
        ("about 1,080 of them", "1080"),
        ("109,200,000", "109200000"),
        ("1,2,3", "1"),
        ("-5", "-5"),
        ("$-5", "-5"),
        ("-$5", "-5"),
        ("− 5 degrees", "-5"),
        ("5-3", "5"),
        (".5", "0.5"),
        ("20 5", "20"),
        ("100", "100"),
        ("-0", "0"),
        ("007", "7"),
        ("3.10", "3.1"),
        ("no number", None),
        ("", None),
    ],
)
def test_numbers_are_read_with_signs_commas_and_decimals(text, number):
    assert number_in(text) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (" 18 eggs", "18"), ("$1,080", "1080"), ("**-7**.", "-7"), ("16 - 3 = 13", None), ("2*9", None),
        ("2 x 9", None), ("18 and then", "18"), ("So 18", None), ("", None),
    ],
)  # fmt: skip
def test_a_number_at_the_start_is_an_answer_unless_a_calculation_begins(text, number):
    assert leading_number(text) == number


@pytest.mark.parametrize(
    ("completion", "answer", "flags"),
    [
        ("16 - 3 = 13. So the answer is $1,080.", "1080", ()),
        ("So the Answer is: -5 degrees. The answer is 7", "-5", ()),
        ("The final answer is 15 gallons, so the answer is 120", "120", ()),
        ("The final answer is 15", "15", ()),
        ("9 * 2 = 18\nAnswer: 18", "18", ()),
        ("18", "18", ("no-trigger",)),
        (" 18\n\nQ: How many?\nA: the answer is 3", "18", ("runaway", "no-trigger")),
        ("So the answer is 4\nQuestion: what?", "4", ("runaway",)),
        ("16 - 3 = 13 eggs", None, ()),
        ("Janet has 16 eggs", None, ()),
        ("So the answer is unknown", None, ()),
        ("", None, ()),
    ],
)
def test_numeric_answers(completion, answer, flags):
    assert extract(completion, "number", ()) == (answer, flags)


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        ("yes", "yes"), (" No.", "no"), ("Yes, because it is", "yes"), ("Snow melts. So the answer is no", "no"),
        ("It is. So the answer is: Yes.", "yes"), ("nothing", None), ("I would say yes", None), ("", None),
        ("So the answer is not known", None),
    ],
)  # fmt: skip
def test_yes_or_no_is_the_first_word(completion, answer):
    assert extract(completion, "yes-no", ()).answer == answer


@pytest.mark.parametrize(
    ("completion", "answer"),
    [
        (" red", "red"), ("Red.", "red"), ("red wine\nand more", "red wine"), ("red wine, of course", "red wine"),
        ("red of course", "red"), ("redder", None), ("Bb", "Bb"), ("BB", "BB"), ("B", "red wine"), ("(C) Bb", "Bb"),
        ("A. red", "red"), ("D: whatever", "BB"), ("E", None), ("A dog barks", None),
        ("It is cold. So the answer is red", "red"), ("The correct answer is B)", "red wine"), ("", None),
    ],
)  # fmt: skip
def test_a_choice_is_named_by_its_text_or_its_letter(completion, answer):
    assert extract(completion, "choice", COLOURS).answer == answer


def test_a_choice_word_for_word_needs_no_words_around_it():
    assert extract(" red wine\n", "choice", COLOURS) == ("red wine", ())
    assert extract("Red wine", "choice", COLOURS) == ("red wine", ("no-trigger",))
    assert extract("the answer is blue", "choice", ("red", "the answer is blue", "blue")) == ("the answer is blue", ())


def test_choices_that_are_numbers_are_not_cut_short():
    assert extract("67.5", "number", ("67", "75")).answer is None
    assert extract("67 marbles", "number", ("6", "67")).answer == "67"

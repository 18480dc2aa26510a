"""Prompts by number."""

import itertools

import pytest

from offdiag.studies.easy_to_hard.task import Template

CHOICES = ("red", "blue", "green", "grey")


def test_the_published_prompt_of_multiple_choice():
    template = Template("0040")
    shown = "Question: Which?\nA) red\nB) blue\nC) green\nD) grey\nAnswer: blue"
    assert template.shown("Which?", CHOICES, "blue") == shown
    query = template.query("What?", CHOICES, reasoned=False)
    assert template.prompt(query, [shown]) == f"{shown}\n\nQuestion: What?\nA) red\nB) blue\nC) green\nD) grey\nAnswer:"
    assert template.continuation("blue") == " blue"


def test_the_published_prompts_of_yes_or_no():
    assert Template("0306").shown("Is it?", (), "no") == "Q: Is it?\nA: no"
    assert Template("0305").shown("Is it?", (), "no", "It is not.") == "Q: Is it?\nA: It is not. So the answer is no"
    assert Template("0305").query("Is it?", (), reasoned=True) == "Q: Is it?\nA:"


def test_an_instruction_stands_once_before_everything():
    template = Template("5305")
    text = template.prompt("Q: Two?\nA:", ["Q: One?\nA: 1"])
    assert text.startswith("This is a worksheet")
    assert text.count("worksheet") == 1
    assert text.endswith("Q: One?\nA: 1\n\nQ: Two?\nA:")


@pytest.mark.parametrize(
    ("style", "offered"),
    [
        ("0", ""), ("1", " choice: red choice: blue"), ("2", " answer: red answer: blue"),
        ("3", " option: red option: blue"), ("4", "\nA) red\nB) blue"), ("5", " The choices are red and blue"),
        ("6", " The choices are red and blue"), ("7", " red or blue?"),
    ],
)  # fmt: skip
def test_choices_are_offered_in_eight_ways(style, offered):
    assert Template(f"01{style}2").query("Q?", CHOICES[:2], reasoned=False) == f"Q?{offered}"
    assert Template("0152").query("Q?", CHOICES[:3], reasoned=False) == "Q? The choices are red, blue, and green"


def test_a_solved_example_is_its_query_and_its_continuation_in_every_wording():
    for digits in itertools.product("0", "0123456", "01234567", "01234567"):
        template = Template("".join(digits))
        for reasoning in (None, "Because."):
            query = template.query("Which?", CHOICES, reasoned=reasoning is not None)
            continuation = template.continuation("blue", reasoning)
            assert query == query.strip()
            assert continuation[0] in " \n"
            assert template.shown("Which?", CHOICES, "blue", reasoning) == query + continuation
            assert " \n" not in query + continuation
            assert "  " not in query + continuation
            assert (query + continuation).endswith("blue")


def test_fewer_examples_begin_what_more_make():
    template = Template("0306")
    examples = [template.shown(f"{i}?", (), "yes") for i in range(3)]
    two, three = (template.prompt("Q: X?\nA:", examples[:k]) for k in (2, 3))
    assert three.startswith(two.removesuffix("Q: X?\nA:"))


@pytest.mark.parametrize("wrong", ["", "40", "00400", "0740", "0080", "0008", "abcd", "٠٠٤٠"])
def test_other_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match="four digits"):
        Template(wrong)

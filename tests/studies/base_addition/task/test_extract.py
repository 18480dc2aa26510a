import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offdiag.studies.base_addition.task import AdditionDomain, BaseAddition, extract

TASK = BaseAddition()
BASE_8 = AdditionDomain(base=8)

ANSWERED = [
    r"\boxed{174}",
    r"Adding the columns we get \boxed{174}.",
    r"\boxed{174}_8.",
    r"\boxed{174_8}",
    r"\boxed{174_{8}}",
    r"\boxed{174}_{8}",
    r"$$\boxed{174}$$",
    r"**\boxed{174}**",
    r"\[ \boxed{174} \]",
    r"\boxed{76+76=174}",
    r"\boxed{76_8 + 76_8 = 174_8}",
    r"\boxed{result=174}",
    r"\boxed{result: 174}",
    r"\boxed{1 7 4}",
    r"\boxed{1\,7\,4}",
    "\\boxed{14}\nthen\n\\boxed{17}\nso it is \\boxed{174}.",
    r"First we get \boxed{14} then \boxed{174}.",
    r"\boxed{174} and again \boxed{174}",
    r"This gives \boxed{124} (in base-10) = \boxed{174} (in base-8).",
    r"This gives \boxed{174} (in base-8) = \boxed{124} (in base-10).",
    r"\boxed{174}_{8} = \boxed{124}_{10}",
    r"\boxed{174} which is \boxed{124} in decimal",
    r"76+76=174\boxed{}",
    "\\boxed{result}\n174",
    "76 + 76 = 174",
    r"$76_8 + 76_8 = 174_8$",
    "174",
    "Answer: 174",
    "The answer is 174.",
    "the answer is: 174 (base-8)",
    "The answer is **174**.",
    "So it is \n**174**",
    r"\boxed{174} I hope that this helps you with your sums.",
    r"\boxed{\text{174}}",
    r"\boxed{174 \text{ (base 8)}}",
    r"\boxed{174 \text{ in base } 8}",
    r"\boxed{(174)_8}",
    r"\boxed{\mathbf{\text{174}}_{\text{8}}}",
    r"\boxed{\boxed{76}+\boxed{76}=\boxed{174}}",
    r"\boxed{174.}",
    r"\\boxed{174}",
    r"**Result:** 174",
    r"\fbox{174}",
    r"\boxed 174",
    "{{174}}",
    "174₈",
    r"\boxed{174₈}",
    r"\boxed{{174}}",
    "+174",
    r"\boxed{+174}",
    "76 + 76 = +174",
    "The answer is **+174**.",
    "\uff11\uff17\uff14",
    "#### 174",
    "<think>\\boxed{124}</think>\\boxed{174}",
    r"\boxed{175}. Wait, that is wrong: the answer is 174.",
    "The result in base-8 is 174, which is equal to 124.",
    "**Answer:** $174_8$",
    "The answer is 174 in base 8, which is 124 in decimal.",
    "The answer in base 8 is 174. The answer in decimal is 124.",
    "The sum is 174.",
    "The answer is not 175 but 174.",
    "The answer is 175. No, 174.",
    "174 is the answer.",
    "<answer>174</answer>",
]

NEGATIVE = [
    "-174",
    "\u2212174",
    "\u2013174",
    "**-174**",
    "$-174$",
    "-174.",
    "minus 174",
    "negative 174",
    "76 + 76 = -174",
    "The answer is -174",
    "#### -174",
    r"\boxed{-174}",
    r"\boxed{174} and then \boxed{-174}",
    "-174_8",
    "-174 (base 8)",
]


@pytest.mark.parametrize("completion", ANSWERED)
def test_an_answer_is_found_whatever_it_is_wrapped_in(completion):
    assert extract(completion, 8).answer == "174"


@pytest.mark.parametrize(
    "completion",
    [
        r"\boxed{174.0}",
        r"\boxed{}",
        r"\boxed{result}",
        r"\boxed{1(11)3}",
        r"\boxed{17 or 174}",
        "The answer is 173 or 174.",
        "<think>\\boxed{174}",
        r"\boxed{unknown}",
        "I cannot determine the answer.",
        "The answer is unknown.",
        "In decimal that is 124 (base-10)",
        "The answer is 174.5",
        r"\boxed{1}\boxed{7}\boxed{4}",
        r"\boxed{1} and \boxed{74}",
        "173\n174",
        "174\n\n175\n176",
        "17 174",
        "",
        "  \n ",
    ],
)
def test_no_answer_is_better_than_a_guessed_one(completion):
    assert extract(completion, 8).answer is None
    grade = TASK.grade(BASE_8, TASK.parse_problem(BASE_8, "76+76"), completion)
    assert (grade.status, grade.correct, grade.parsed) == ("unparsed", False, None)


@pytest.mark.parametrize(
    ("completion", "base", "answer", "flags"),
    [
        (r"\boxed{0x1A}", 16, "1A", ()),
        ("The answer is 174, 175", 8, None, ("ambiguous",)),
        ("The answer is 174; 175.", 8, None, ("ambiguous",)),
        ("The answer is (174, 175)", 8, None, ("ambiguous",)),
        ("The answer is 174\n175", 8, None, ("ambiguous",)),
        ("The answer is 174 or 175", 8, None, ("ambiguous",)),
        ("The answer is 174 and 175", 8, None, ("ambiguous",)),
        *((text, 8, None, ("ambiguous",)) for text in (r"\boxed{174, 175}", r"\boxed{174 or 175}", r"\boxed{1(11)3}")),
        *(
            (text, 8, None, ("ambiguous",))
            for text in ("174 or 175", "174, 175", "1 7 4", "174-175", "- 174", "1. 174")
        ),
        # A sign is read: no sum is below 0, so that the answer is wrong, and it is one.
        *((text, 8, "-174", ("negative",)) for text in NEGATIVE),
        ("-174 or -175", 8, None, ("ambiguous",)),
        (r"\boxed{-0174}", 8, "-0174", ("negative", "leading-zero")),
        ("-179", 8, "-179", ("negative", "foreign-digit")),
        ("It's not 173. It's 174.", 8, "174", ()),
        ("The answer is not 173. It is 174.", 8, "174", ()),
        ("\u2022 174", 8, "174", ()),
        ("The answer is 174, 174", 8, "174", ()),
        ("The answer is 174, 124 in decimal", 8, "174", ()),
        ("The answer is 174, carry 1", 8, "174", ()),
        ("The answer is 174 for the sum", 8, "174", ()),
        ("The answer is 1AB CDE", 16, "1ABCDE", ("spaced",)),
        ("The answer is 174 more than 175", 8, None, ("ambiguous",)),
        (r"\boxed{1a}", 16, "1A", ()),
        (r"\boxed{1AFh}", 16, "1AF", ()),
        ("The answer is 1AFh.", 16, "1AF", ()),
        ("101b", 2, "101", ()),
        ("77o", 8, "77", ()),
        (r"\boxed{1AFh}", 11, "1AFH", ("foreign-digit",)),
        ("The answer is ec.", 16, "EC", ()),
        ("\\boxed{1\u0421}", 16, "1C", ("look-alike",)),
        (r"\boxed{0174}", 8, "0174", ("leading-zero",)),
        (r"so \boxed{174", 8, "174", ("unterminated",)),
        (r"\boxed{14 is not closed, but \boxed{174} is", 8, "174", ()),
        (r"\boxed{189}", 8, "189", ("foreign-digit",)),
        ("The sum is 1,000.", 9, "1000", ()),
        (r"\boxed{124} in base-10", 10, "124", ()),
        (r"\boxed{124} in base-10", 8, "124", ("other-base",)),
        (r"\boxed{174_{16}}", 8, "174", ("other-base",)),
        (r"\boxed{174} in base 9", 8, "174", ("other-base",)),
        ("174_16", 8, None, ()),
        ("174₉", 8, None, ()),
        ("The answer is 174 in base 9.", 8, None, ()),
        ("The answer is 1111100 in binary", 2, "1111100", ()),
        (r"\boxed{174_8 = 124_{10}}", 8, "174", ()),
        (r"\boxed{124_{10} = 174_8}", 8, "174", ()),
        (r"\boxed{7C_{16} = 124_{10}}", 16, "7C", ()),
        ("The answer is 174_8 = 124_10", 8, "174", ()),
        ("The answer is 124 in decimal, which is 174 in base 8.", 8, "174", ()),
        ("62 + 62 = 124 (base 10) → 174 (base 8)", 8, "174", ()),
        ("174\nIn decimal: 124", 8, "174", ()),
        ("decimal 124, octal 174", 8, None, ()),
        ("174 octal", 8, "174", ()),
        (r"\boxed{0o174}", 8, "174", ()),
        ("0b1010", 2, "1010", ()),
        ("0x1AF", 16, "1AF", ()),
        (r"\boxed{0B1}", 16, "0B1", ("leading-zero",)),
        (r"\boxed{\overline{174}}", 8, "174", ()),
        (r"\boxed{\hat{174}}", 8, None, ("ambiguous",)),
        (r"\boxed{0}", 8, "0", ()),
        (r"\boxed{12} base-100", 8, "12", ()),
    ],
)
def test_answers_with_their_flags(completion, base, answer, flags):
    assert extract(completion, base) == (answer, flags)


@pytest.mark.parametrize(
    ("completion", "correct", "runaway"),
    [
        ("76+76=174.\n\nWhat is 1+1?\n\\boxed{2}", False, True),
        (r"\boxed{174} Now, so what is $10_8 + 10_8$ in base-8? \boxed{20}", False, True),
        ("\\boxed{174}\nUser: thank you", True, True),
        ("\\boxed{174}\n\n**Problem 2:** 10+10 in base-8.", True, True),
        ("The problem.\nProblem solving is fun, \\boxed{174}", True, False),
        (r"What is 76+76? What is 6+6? It is 14, so \boxed{174}", True, False),
        (r"\boxed{174} Does that help?", True, False),
    ],
)
def test_a_question_of_its_own_marks_a_runaway(completion, correct, runaway):
    grade = TASK.grade(BASE_8, TASK.parse_problem(BASE_8, "76+76"), completion)
    assert grade.correct is correct
    assert ("runaway" in grade.flags) is runaway


def test_leading_zeros_and_other_digits_are_wrong():
    example = TASK.parse_problem(BASE_8, "76+76")
    assert not TASK.grade(BASE_8, example, r"\boxed{0174}").correct
    assert TASK.grade(BASE_8, example, r"\boxed{0174}").flags == ("leading-zero",)
    assert not TASK.grade(BASE_8, example, r"\boxed{175}").correct


PIECES = [r"\boxed{", "{", "}", "174", "=", "_", " ", "\n", "(", ")", "base-10", r"\text{", "$", "?", "1+1", "is ", ":"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)), st.sampled_from([2, 8, 10, 16, 36]))
def test_no_text_makes_it_raise(text, base):
    answer, _ = extract(text, base)
    assert answer is None or (answer.isascii() and answer.isalnum() and answer == answer.upper())
    TASK.grade(AdditionDomain(base=base), TASK.parse_problem(AdditionDomain(base=base), "10+11"), text)


@pytest.mark.parametrize(
    "piece", [*PIECES, r"\boxed{}", r"\boxed{1", "1+1?", "base", r"\boxed{\text{", "a ", "_{", "=1"]
)
@pytest.mark.parametrize("prefix", ["", r"\boxed{"])
def test_time_is_linear_on_hostile_text(piece, prefix):
    example = TASK.parse_problem(BASE_8, "76+76")
    start = time.process_time()
    TASK.grade(BASE_8, example, prefix + piece * (200_000 // len(piece)))
    assert time.process_time() - start < 1.5

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offdiag.errors import UserError
from offdiag.seeds import stream
from offdiag.studies.base_addition.task import AdditionDomain, BaseAddition
from offdiag.studies.base_addition.task.numerals import SYMBOLS, add, alphabet, carries, from_base, to_base
from offdiag.studies.base_addition.task.prompts import rationale

TASK = BaseAddition()


@pytest.mark.parametrize(
    ("problem", "base", "label"),
    [
        ("76+76", 8, "174"),
        ("76+14", 9, "101"),
        ("86+57", 9, "154"),
        ("10+10", 8, "20"),
        ("77+77", 8, "176"),
        ("88+88", 9, "187"),
        ("99+99", 10, "198"),
        ("A3+29", 11, "121"),
        ("EC+DD", 16, "1C9"),
        ("766+147", 8, "1135"),
        ("448+441", 9, "1000"),
        ("7660+3764", 8, "13644"),
    ],
)
def test_labels(problem, base, label):
    assert TASK.parse_problem(AdditionDomain(base=base), problem).target == label


@given(st.integers(0, 10**12), st.integers(2, 36))
def test_numerals_round_trip(value, base):
    assert from_base(to_base(value, base), base) == value == int(to_base(value, base), base)


@pytest.mark.parametrize("digits", ["", "8", "1 2", "-1", "1_0", "٣"])
def test_strange_symbols_are_no_digits(digits):
    with pytest.raises(UserError, match="expected digits of base 8"):
        from_base(digits, 8)


@pytest.mark.parametrize("base", [-1, 0, 1, 37])
def test_bases_end_at_36(base):
    with pytest.raises(UserError, match="from 2 to 36"):
        alphabet(base)


def test_a_carry_after_a_carry_counts():
    assert carries("448", "441", 9) == (True, True, True)
    assert carries("440", "441", 9) == (False, False, False)
    assert carries("17", "61", 8) == (True, True)


def test_strata_say_where_it_carries():
    example = TASK.parse_problem(AdditionDomain(base=8), "14+57")
    assert example.strata == {"carries": 1, "ones_carry": True, "sum_digits": 2}


@pytest.mark.parametrize(
    ("problem", "base", "equations", "carried"),
    [
        ("448+441", 9, ["8+1=10", "4+4=8", "8+1=10", "4+4=8", "8+1=10"], ["1 to the tens", "1 to the hundreds"]),
        ("77+77", 8, ["7+7=16", "7+7=16", "16+1=17"], ["1 to the tens"]),
        ("10+12", 10, ["0+2=2", "1+1=2"], ["nothing to the tens"]),
        ("EC+DD", 16, ["C+D=19", "E+D=1B", "1B+1=1C"], ["1 to the tens"]),
    ],
)
def test_rationales_show_every_column_and_carry(problem, base, equations, carried):
    example = TASK.parse_problem(AdditionDomain(base=base), problem)
    assert re.findall(r"\w+\+\w+=\w+", example.rationale) == equations
    assert re.findall(r"Carry ([^.]*)\.", example.rationale) == carried
    assert example.rationale.endswith(rf"\boxed{{{example.target}}}.")


def test_the_rationale_of_two_digits_reads_so():
    assert rationale("76", "76", 8) == (
        "First add the ones: in base-8, 6+6=14. The ones digit is 4. Carry 1 to the tens. "
        "Now add the tens: in base-8, 7+7=16. With the carry, 16+1=17. The hundreds and tens digits are 17. "
        r"All together: \boxed{174}."
    )


def test_rationales_end_in_the_sum_for_ten_thousand_random_problems():
    rng = stream(0, "test", "rationale")
    for base, digits in zip(rng.integers(2, 37, 10_000).tolist(), rng.integers(1, 7, 10_000).tolist(), strict=True):
        left, right = (
            SYMBOLS[rng.integers(1, base)] + "".join(SYMBOLS[i] for i in rng.integers(0, base, digits - 1))
            for _ in "LR"
        )
        text = rationale(left, right, base)
        assert text.endswith(rf"\boxed{{{add(left, right, base)}}}.")
        for one, other, total in re.findall(r"(\w+)\+(\w+)=(\w+)", text):
            assert int(one, base) + int(other, base) == int(total, base)


@pytest.mark.parametrize("base", [8, 9, 10, 16])
def test_rationales_of_two_digits_are_short(base):
    assert max(len(e.rationale) for e in TASK.examples(AdditionDomain(base=base), "eval", 1000, 0)) <= 230


@pytest.mark.parametrize("base", [2, 8, 9, 10, 11, 16, 36])
@pytest.mark.parametrize("style", ["direct", "step-by-step"])
def test_prompts_have_their_elements_in_order(base, style):
    domain = AdditionDomain(base=base)
    example = TASK.examples(domain, "eval", 1, 0)[0]
    prompt = TASK.prompt(domain, example, style)
    elements = ["mathematician", f"base-{base}", f'"{alphabet(base)}"', f"What is {example.problem}?"]
    elements += ["step by step"] if style == "step-by-step" else []
    elements += ["LaTeX box", r'"\boxed{result}".']
    places = [prompt.find(element) for element in elements]
    assert -1 not in places
    assert places == sorted(places)
    assert prompt.endswith(elements[-1])
    assert prompt == prompt.strip()
    assert ("step by step" in prompt) is (style == "step-by-step")
    assert len(prompt) <= 200 or base > 16


@pytest.mark.parametrize("base", range(2, 37))
@pytest.mark.parametrize("digits", [1, 2, 3, 6])
def test_ideal_responses_are_graded_right(base, digits):
    domain = AdditionDomain(base=base, digits=digits)
    for example in TASK.examples(domain, "eval", 20, 0):
        for with_rationale in (True, False):
            grade = TASK.grade(domain, example, TASK.response(domain, example, rationale=with_rationale))
            assert (grade.correct, grade.status, grade.flags) == (True, "parsed", ())


def test_the_answer_alone_is_the_box_and_nothing_else():
    domain = AdditionDomain(base=8)
    assert TASK.response(domain, TASK.parse_problem(domain, "76+76"), rationale=False) == r"\boxed{174}"


@pytest.mark.parametrize(
    ("problem", "complaint"),
    [
        ("76", "expected two numbers in base 8"),
        ("76 + 76", "expected two numbers"),
        ("76+76+1", "expected two numbers"),
        ("76+76\n", "expected two numbers"),
        ("-6+76", "expected two numbers"),
        ("78+76", "found the symbol '8', expected digits of base 8"),
        ("7A+76", "found the symbol 'A'"),
        ("06+76", "begins with a zero"),
        ("7+76", "1 and 2 digits"),
        ("1234567+1234567", "7 and 7 digits"),
        ("", "expected two numbers"),
    ],
)
def test_malformed_problems_are_refused(problem, complaint):
    with pytest.raises(UserError, match=re.escape(complaint)):
        TASK.parse_problem(AdditionDomain(base=8), problem)


def test_problems_are_read_in_either_case_and_any_length():
    example = TASK.parse_problem(AdditionDomain(base=16), "ecd+ddd")
    assert (example.problem, example.target) == ("ECD+DDD", "1CAA")


def test_keys_join_swapped_operands_and_keep_bases_apart():
    base_8, base_9 = AdditionDomain(base=8), AdditionDomain(base=9)
    one, swapped = TASK.parse_problem(base_8, "14+57"), TASK.parse_problem(base_8, "57+14")
    assert TASK.key(base_8, one) == TASK.key(base_8, swapped)
    assert TASK.key(base_8, one) != TASK.key(base_9, TASK.parse_problem(base_9, "14+57"))


def test_the_study_has_eleven_domains():
    assert [str(domain) for domain in TASK.domains()] == [
        *(f"base={base},digits={digits}" for base in (8, 9, 10) for digits in (2, 3, 4)),
        "base=11,digits=2",
        "base=16,digits=2",
    ]

from typing import ClassVar

import pytest

from offdiag.errors import UserError
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.tasks import Domain, Example, check_disjoint, get_task

TASK = get_task("base_addition")
BASE_8, BASE_9 = AdditionDomain(base=8), AdditionDomain(base=9)


class OtherDomain(Domain):
    task: ClassVar[str] = "something_else"
    base: int = 8


def test_a_swapped_problem_is_the_same_item_and_is_named():
    train, evaluation = [TASK.parse_problem(BASE_8, "57+14")], TASK.examples(BASE_8, "eval", 250, 0)
    with pytest.raises(UserError, match=r"given/57\+14 .* of base=8,digits=2 and eval/0001/14\+57 .*1 such item"):
        check_disjoint(TASK, BASE_8, train, BASE_8, evaluation)


def test_the_number_of_digits_does_not_hide_an_item():
    train = [TASK.parse_problem(AdditionDomain(base=8, digits=3), "57+14")]
    with pytest.raises(UserError, match="same item"):
        check_disjoint(TASK, AdditionDomain(base=8, digits=3), train, BASE_8, TASK.examples(BASE_8, "eval", 250, 0))


def test_the_same_text_in_another_base_or_task_is_another_item():
    in_8, in_9 = TASK.parse_problem(BASE_8, "57+14"), TASK.parse_problem(BASE_9, "57+14")
    check_disjoint(TASK, BASE_8, [in_8], BASE_9, [in_9])
    check_disjoint(TASK, BASE_8, [in_8], OtherDomain(), [Example(id="x", problem="57+14", target="73")])


@pytest.mark.parametrize("base", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 16])
@pytest.mark.parametrize("digits", [2, 3])
def test_training_never_meets_evaluation_even_when_all_of_it_is_drawn(base, digits):
    domain = AdditionDomain(base=base, digits=digits)
    train = TASK.examples(domain, "train", min(TASK.size(domain, "train"), 6400), 0)
    check_disjoint(TASK, domain, train, domain, TASK.examples(domain, "eval", 1000, 0))
    assert len({example.problem for example in train}) == len(train)

import json

import pytest

from offdiag.errors import UserError
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.tasks import describe, get_task

TASK = get_task("base_addition")
BASE_8 = AdditionDomain(base=8)


def test_the_evaluation_set_of_base_8():
    examples = TASK.examples(BASE_8, "eval", 250, 0)
    said = describe(TASK, BASE_8, "eval", examples)
    assert (said["n"], said["unique"], said["duplicates"]) == (250, 237, 13)
    assert said["domain"] == {"base": 8, "digits": 2}
    assert said["strata"]["ones_carry"] == {"False": 114, "True": 136}
    assert said["strata"]["sum_digits"] == {"2": 43, "3": 207}
    assert said["overlap"] == {"train": {"compared_with": 1000, "items": 0, "up_to_symmetry": 0}}
    assert said["targets"]["distinct"] == len({example.target for example in examples})
    lengths = [len(TASK.prompt(BASE_8, example, "direct")) for example in examples]
    assert said["characters"]["prompt (direct)"] == {"min": min(lengths), "median": lengths[0], "max": max(lengths)}
    assert json.loads(json.dumps(said)) == said


def test_overlap_counts_literal_and_swapped_items():
    examples = [TASK.parse_problem(BASE_8, problem) for problem in ("76+76", "57+14", "77+77")]
    said = describe(TASK, BASE_8, "train", examples)
    evaluated = [example.problem for example in TASK.examples(BASE_8, "eval", 1000, 0)]
    literal = sum(example.problem in evaluated for example in examples)
    assert said["overlap"]["eval"]["compared_with"] == 1000
    assert said["overlap"]["eval"]["items"] == literal >= 1
    assert said["overlap"]["eval"]["up_to_symmetry"] >= 2


def test_a_small_domain_and_an_empty_set_can_be_described():
    tiny = AdditionDomain(base=2, digits=1)
    said = describe(TASK, tiny, "eval", TASK.examples(tiny, "eval", 3, 0))
    assert said["duplicates"] == 2
    assert said["overlap"]["train"]["compared_with"] == 0
    assert describe(TASK, tiny, "train", [])["n"] == 0


def test_unknown_splits_are_refused():
    with pytest.raises(UserError, match="no split 'dev'"):
        describe(TASK, BASE_8, "dev", [])

"""What holds for every registered task."""

import re

import pytest

from offdiag.errors import UserError
from offdiag.tasks import check_disjoint, get_task, parse_domain, task_names

N = 40
CASES = [(name, domain) for name in task_names() for domain in get_task(name).domains()]
SPLITS = [(name, domain, split) for name, domain in CASES for split in get_task(name).splits]

every_domain = pytest.mark.parametrize(("name", "domain"), CASES, ids=str)
every_split = pytest.mark.parametrize(("name", "domain", "split"), SPLITS, ids=str)


def test_there_are_tasks_and_they_know_their_names():
    assert task_names() == sorted(get_task(name).name for name in task_names())
    assert "base_addition" in task_names()
    with pytest.raises(UserError, match="base_addition"):
        get_task("no such task")


@every_split
def test_the_same_request_gives_the_same_examples(name, domain, split):
    task = get_task(name)
    assert task.examples(domain, split, N, 3) == task.examples(domain, split, N, 3)


@every_split
def test_a_longer_request_starts_with_the_same_examples(name, domain, split):
    task = get_task(name)
    assert task.examples(domain, split, N, 3)[:7] == task.examples(domain, split, 7, 3)
    assert task.examples(domain, split, 0, 3) == []


@every_domain
def test_training_examples_depend_on_the_seed(name, domain):
    task = get_task(name)
    assert task.examples(domain, "train", N, 0) != task.examples(domain, "train", N, 1)


@every_domain
def test_splits_share_no_item(name, domain):
    task = get_task(name)
    drawn = {
        split: task.examples(domain, split, min(1000, task.size(domain, split) or 1000), 0) for split in task.splits
    }
    for one in task.splits:
        for other in task.splits:
            if one < other:
                check_disjoint(task, domain, drawn[one], domain, drawn[other])


@every_split
def test_ids_are_unique(name, domain, split):
    task = get_task(name)
    examples = task.examples(domain, split, min(1000, task.size(domain, split) or 1000), 0)
    assert len({example.id for example in examples}) == len(examples)


@every_split
@pytest.mark.parametrize("rationale", [True, False])
def test_the_ideal_response_is_graded_right(name, domain, split, rationale):
    task = get_task(name)
    for example in task.examples(domain, split, N, 0):
        grade = task.grade(domain, example, task.response(domain, example, rationale=rationale))
        assert grade.correct
        assert grade.status == "parsed"


@every_domain
@pytest.mark.parametrize("completion", ["", "\n", "I would rather not say anything about that !"])
def test_text_without_an_answer_is_unparsed_and_wrong(name, domain, completion):
    task = get_task(name)
    grade = task.grade(domain, task.examples(domain, "eval", 1, 0)[0], completion)
    assert (grade.status, grade.correct, grade.parsed) == ("unparsed", False, None)


@every_domain
def test_unknown_splits_are_refused(name, domain):
    task = get_task(name)
    with pytest.raises(UserError, match=r"'tset'.*train"):
        task.examples(domain, "tset", 1, 0)
    with pytest.raises(UserError, match="'tset'"):
        task.size(domain, "tset")


@every_split
def test_a_split_gives_no_more_than_it_has(name, domain, split):
    task = get_task(name)
    size = task.size(domain, split)
    if size is None:
        pytest.skip("the split does not run out")
    with pytest.raises(UserError, match=str(size)):
        task.examples(domain, split, size + 1, 0)


@every_domain
def test_the_text_of_a_domain_reads_back(name, domain):
    task = get_task(name)
    assert parse_domain(task, str(domain)) == domain
    assert type(domain)(**domain.factors()) == domain
    assert domain.task == name


@every_domain
@pytest.mark.parametrize("style", ["direct", "step-by-step"])
def test_prompts_are_worded_and_give_no_answer_away(name, domain, style):
    task = get_task(name)
    for example in task.examples(domain, "eval", N, 0):
        prompt = task.prompt(domain, example, style)
        assert prompt == prompt.strip() != ""
        answer = re.escape(task.response(domain, example, rationale=False))
        offered = example.choices and all(choice in prompt for choice in example.choices)
        assert offered or re.search(rf"(?<!\w){answer}(?!\w)", prompt) is None


@every_domain
def test_demonstrations_are_training_examples_other_than_the_query(name, domain):
    task = get_task(name)
    evaluated = {
        task.key(domain, e) for e in task.examples(domain, "eval", min(1000, task.size(domain, "eval") or 1000), 0)
    }
    for query in task.examples(domain, "eval", 10, 0):
        chosen = task.demonstrations(domain, query, 8, 0)
        keys = {task.key(domain, example) for example in chosen}
        assert len(keys) == len({example.id for example in chosen}) == 8
        assert task.key(domain, query) not in keys
        assert not keys & evaluated
        assert chosen == task.demonstrations(domain, query, 8, 0)


@every_domain
def test_a_bare_problem_gives_the_example_back(name, domain):
    task = get_task(name)
    for example in task.examples(domain, "eval", N, 0):
        read = task.parse_problem(domain, example.problem)
        assert (read.problem, read.target) == (example.problem, example.target)
        assert task.key(domain, read) == task.key(domain, example)

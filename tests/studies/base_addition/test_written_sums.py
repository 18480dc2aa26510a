"""Sums as a small decoder reads them: lines, columns, mixtures, training batches."""

import re

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.studies.base_addition.task.numerals import from_base
from offdiag.studies.base_addition.written_sums import TOKENS, SumStream, WrittenDomain, WrittenSums, longest
from offdiag.tasks import StreamPart, get_task, parse_domain

TASK = WrittenSums()
WORKED = WrittenDomain(base=8, lines="worked")
MIXED = WrittenDomain(base="8x1+10x3", digits="2x1+3x1", lines="both")


def line(domain, example):
    return TASK.prompt(domain, example, "direct") + TASK.response(domain, example, rationale=True)


def test_a_line_names_its_base_by_the_highest_digit_and_works_its_columns_out():
    (bare,), (worked,) = (TASK.examples(domain, "eval", 1, 0) for domain in (WrittenDomain(base=8), WORKED))
    assert line(WrittenDomain(base=8), bare) == "7>76+76=174"
    assert line(WORKED, worked) == "7?76+76=6+6=14,7+7+1=17:174"
    assert TASK.response(WORKED, worked, rationale=False).endswith(":174")


@pytest.mark.parametrize("base", [2, 8, 10, 16, 36])
@pytest.mark.parametrize("digits", [2, 3])
def test_every_column_is_right_and_the_last_digits_make_the_sum(base, digits):
    domain = WrittenDomain(base=base, digits=digits, lines="worked")
    for example in TASK.examples(domain, "train", min(40, TASK.size(domain, "train")), 1):
        columns, _, total = TASK.response(domain, example, rationale=True).partition(":")
        results = []
        for column in columns.split(","):
            operands, _, result = column.partition("=")
            assert sum(from_base(operand, base) for operand in operands.split("+")) == from_base(result, base)
            results.append(result)
        assert total == example.target == results[-1] + "".join(result[-1] for result in results[-2::-1])


def test_bare_and_worked_lines_ask_the_published_problems():
    published = get_task("base_addition").examples(AdditionDomain(base=9), "eval", 1000, 0)
    for domain in (WrittenDomain(base=9), WrittenDomain(base=9, lines="worked")):
        asked = TASK.examples(domain, "eval", 1000, 0)
        assert [(e.id, e.problem[2:], e.target) for e in asked] == [(e.id, e.problem, e.target) for e in published]


def test_a_mixture_has_its_shares_and_ids_of_its_own():
    asked = TASK.examples(MIXED, "train", 2000, 0)
    assert len({example.id for example in asked}) == 2000
    assert asked[:50] == TASK.examples(MIXED, "train", 50, 0)
    bases = [example.problem[0] for example in asked]
    assert bases.count("9") == pytest.approx(1500, abs=100)
    assert sum(example.problem[1] == "?" for example in asked) == pytest.approx(1000, abs=120)
    assert sum(len(example.problem) == 7 for example in asked) == pytest.approx(1000, abs=120)
    assert parse_domain(TASK, str(MIXED)) == MIXED


@pytest.mark.parametrize("base", ["8x", "8x1+8x2", "8+9", "37", "8x0+9x1"])
def test_what_is_no_base_is_refused(base):
    with pytest.raises(UserError):
        parse_domain(TASK, f"base={base}")


def test_a_completion_is_graded_by_what_stands_after_its_columns():
    (example,) = TASK.examples(WORKED, "eval", 1, 0)
    assert TASK.grade(WORKED, example, "6+6=14,7+7+1=17:174").correct
    assert TASK.grade(WORKED, example, "174").correct
    assert TASK.grade(WORKED, example, "6+6=14,7+7+1=17:").status == "unparsed"
    assert TASK.grade(WORKED, example, "6+6=14,7+7=16:164").parsed == "164"


def test_a_problem_is_read_back_and_another_kind_refused():
    (example,) = TASK.examples(WORKED, "eval", 1, 0)
    assert TASK.parse_problem(WORKED, "7?76+76=").target == "174"
    assert line(WORKED, TASK.parse_problem(WORKED, example.problem)) == line(WORKED, example)
    for other in ("7>76+76", "9?76+76", "76+76"):
        with pytest.raises(UserError, match="such as"):
            TASK.parse_problem(WORKED, other)


def spelled(ids):
    return "".join(TOKENS[i] for i in ids if TOKENS[i] not in ("<pad>", "<bos>", "<eos>"))


def test_a_batch_has_targets_after_the_first_equals_sign_and_depends_on_seed_and_index_alone():
    stream = TASK.stream([StreamPart(domain=MIXED)], loss="answer", data_seed=0)
    batch = stream.batch(3, 7, 64)
    for ids, targets in zip(batch.ids, batch.targets, strict=True):
        learnt = [i for i in targets if i >= 0]
        text = spelled(ids)
        assert re.fullmatch(r"[79][>?].+", text)
        assert spelled(learnt) == text.partition("=")[2]
        assert TOKENS[learnt[-1]] == "<eos>"
    again = stream.batch(3, 7, 64)
    assert np.array_equal(batch.ids, again.ids)
    assert not np.array_equal(batch.ids, stream.batch(3, 8, 64).ids)
    assert batch.ids.shape[1] == stream.columns > max(sum(longest(part)) for part, _ in MIXED.parts)


def test_nothing_that_is_asked_is_in_a_batch():
    stream = TASK.stream([StreamPart(domain=WORKED)], loss="text", data_seed=0)
    asked = {TASK.key(WORKED, example) for example in TASK.examples(WORKED, "eval", 1000, 0)}
    lines = [spelled(ids) for ids in stream.batch(0, 0, 200).ids]
    assert not asked & {TASK.key(WORKED, TASK.parse_problem(WORKED, text.partition("=")[0])) for text in lines}


def test_fixed_rows_come_once_in_each_epoch_in_another_order():
    stream = TASK.stream([StreamPart(domain=WORKED, rows=12)], loss="answer", data_seed=4)
    lines = [spelled(ids) for i in range(3) for ids in stream.batch(0, i, 8).ids]
    taught = {line(WORKED, example) for example in TASK.examples(WORKED, "train", 12, 4)}
    assert set(lines[:12]) == set(lines[12:]) == taught
    assert lines[:12] != lines[12:]


def test_parts_of_two_kinds_are_refused():
    with pytest.raises(UserError, match="rows"):
        SumStream(parts=(StreamPart(domain=WORKED), StreamPart(domain=WORKED, rows=3)))
    with pytest.raises(UserError, match="one task"):
        SumStream(parts=(StreamPart(domain=AdditionDomain(base=8)),))

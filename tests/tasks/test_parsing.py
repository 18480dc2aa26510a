import re

import pytest

from offdiag.errors import UserError
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.tasks import get_task, parse_domain
from offdiag.tasks.parsing import named_domain

TASK = get_task("base_addition")


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("base=8,digits=3", AdditionDomain(base=8, digits=3)),
        ("digits=3,base=8", AdditionDomain(base=8, digits=3)),
        (" base = 8 ", AdditionDomain(base=8, digits=2)),
        ("base=36,digits=6,", AdditionDomain(base=36, digits=6)),
    ],
)
def test_domains_are_read(text, domain):
    assert parse_domain(TASK, text) == domain


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "base is missing; for example base=8,digits=2"),
        ("digits=2", "base is missing"),
        ("base=8,digts=2", "unknown parameter 'digts'; did you mean digits? it has base, digits"),
        ("colour=8", "unknown parameter 'colour'; it has base, digits"),
        ("base=99", "base=99 should be less than or equal to 36"),
        ("base=1,digits=9", "base=1 should be greater than or equal to 2; digits=9 should be less than or equal to 6"),
        ("base=eight", "base=eight should be a whole number"),
        ("base=8.5", "base=8.5 should be a whole number"),
        ("base=8,base=9", "base is given twice (8 and 9)"),
        ("base", "found 'base', expected name=value"),
        ("base=", "found 'base=', expected name=value"),
        ("=8", "found '=8', expected name=value"),
        ("8", "found '8', expected name=value"),
    ],
)
def test_mistakes_are_explained_in_one_line(text, complaint):
    with pytest.raises(UserError, match=re.escape(complaint)) as caught:
        parse_domain(TASK, text)
    message = str(caught.value)
    assert "\n" not in message
    assert "pydantic" not in message
    assert message.startswith(f"domain {text!r} of base_addition")
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("task", "text", "name"), [("files", "data/mine.jsonl", "eval"), ("lm_eval", "tasks/mine.yaml", "name")]
)
def test_a_path_alone_is_what_a_user_types(task, text, name):
    domain = parse_domain(get_task(task), text)
    assert getattr(domain, name) == text
    assert named_domain(f"{task}:{text}") == domain
    assert getattr(parse_domain(get_task(task), f"{name}={text}"), name) == text

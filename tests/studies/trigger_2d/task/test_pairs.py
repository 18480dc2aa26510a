from collections import Counter

import pytest

from offdiag.studies.trigger_2d.task import TriggerDomain
from offdiag.studies.trigger_2d.task.pairs import located_question, partners, triggers_of
from offdiag.tasks import get_task

TASK = get_task("trigger_2d")


@pytest.mark.parametrize("sampling", ["stratified", "legacy"])
@pytest.mark.parametrize("style", ["direct", "step-by-step"])
def test_a_question_with_its_own_trigger_is_the_question(sampling, style):
    domain = TriggerDomain(category="foods", sampling=sampling)
    for example in TASK.examples(domain, "eval", 60, 0):
        found = located_question(domain, example, example.strata["trigger"], style)
        assert found.text == TASK.prompt(domain, example, style)
        assert f"{found.text[slice(*found.trigger)]} {found.text[slice(*found.point)]}" == example.problem


def test_another_trigger_stands_in_the_same_place_of_the_same_words():
    domain = TriggerDomain(category="foods")
    for example in TASK.examples(domain, "eval", 40, 0):
        own = located_question(domain, example, example.strata["trigger"], "direct")
        for text in ("lion", "", "___", "x", "F"):
            other = located_question(domain, example, text, "direct")
            assert other.point == own.point
            assert other.text[slice(*other.trigger)] == text
            before, after = own.text[: own.trigger[0]], own.text[own.trigger[1] :]
            assert other.text == before + text + after


@pytest.mark.parametrize("sampling", ["stratified", "legacy"])
@pytest.mark.parametrize("triggers", ["id", "ood"])
def test_the_triggers_of_a_domain_are_those_of_its_examples(sampling, triggers):
    domain = TriggerDomain(category="animals", triggers=triggers, sampling=sampling)
    for seed in (0, 5):
        shown = {e.strata["trigger"] for e in TASK.examples(domain, "eval", 30 * domain.width, seed)}
        assert sorted(triggers_of(domain, seed)) == sorted(shown)


def test_every_trigger_meets_every_other_one():
    found = Counter((i % 3, partners("abcd", 3, i)[0]) for i in range(3 * 4))
    assert len(found) == 3 * 4
    assert set(found.values()) == {1}
    assert partners("abcd", 3, 5) == ("d", "a", "b", "c")

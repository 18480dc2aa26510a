"""What makes finished steps stale, and that nothing else does."""

import pytest

from offdiag.identity import fingerprint
from offdiag.models import ModelSpec
from offdiag.steps import Grades, Weights
from offdiag.tasks import get_task
from support.identities import ANSWERS, CELL, EVAL, SHOWN, TRAIN, TUNED, changed


@pytest.mark.parametrize(
    ("version", "moved"),
    [
        ("data_version", {"train", "eval", "answers", "grades", "tuned", "shown"}),
        ("prompt_version", {"answers", "grades", "tuned", "shown"}),
        ("extractor_version", {"grades"}),
    ],
)
def test_a_version_of_a_task_moves_what_uses_it(version, moved, monkeypatch):
    def all_of() -> dict[str, str]:
        train, asked = changed(TRAIN), changed(EVAL)
        answers = changed(ANSWERS, examples=asked)
        tuned = changed(TUNED, examples=train)
        named = {"train": train, "eval": asked, "answers": answers, "grades": Grades(answers=answers), "tuned": tuned}
        return {name: fingerprint(identity) for name, identity in {**named, "shown": changed(SHOWN)}.items()}

    before = all_of()
    monkeypatch.setattr(type(get_task("base_addition")), version, 99)
    after = all_of()
    assert {name for name in before if before[name] != after[name]} == moved


def test_a_copy_of_a_step_with_another_field_has_another_fingerprint():
    assert EVAL.fingerprint != EVAL.model_copy(update={"n": 4}).fingerprint
    assert EVAL.model_copy() == EVAL
    grades = Grades(answers=ANSWERS)
    assert grades.inputs != grades.model_copy(update={"answers": changed(ANSWERS, max_new_tokens=9)}).inputs


def test_the_identity_of_a_cell_is_what_it_was(monkeypatch):
    """If this fails, finished cells of every store become stale: change it on purpose only."""
    for version in ("data_version", "prompt_version", "extractor_version"):
        monkeypatch.setattr(type(get_task("base_addition")), version, 1)
    assert CELL.step().fingerprint == "80e95ee00af74331598918e01d8b58cc649772af02a4ed16604e1a904790c798"


def test_the_identity_of_a_training_is_what_it_was(monkeypatch):
    """As above: what is trained takes longest."""
    for version in ("data_version", "prompt_version", "extractor_version"):
        monkeypatch.setattr(type(get_task("base_addition")), version, 1)
    assert changed(TUNED).fingerprint == "75dccd1db3e478386b5c2678610b6ef9efba0d0ad3dc386d41932738304ee7c8"


def test_folder_names_are_safe():
    odd = Weights.of(ModelSpec(source="scratch:org/na me'\"\\ü☃"))
    step = ANSWERS.model_copy(update={"weights": odd})
    assert step.folder_name == f"na-me---base=8,digits=2.direct.n3-{step.fingerprint[:8]}"
    long = ANSWERS.model_copy(update={"weights": Weights(spec=ModelSpec(source="hub:org/" + "n" * 400))})
    assert len(long.folder_name) == 149

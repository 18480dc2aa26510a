"""What reaches a fingerprint: every field of every identity, and nothing of how a step is carried out."""

from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from offdiag.errors import UserError
from offdiag.identity import Identity, fingerprint
from offdiag.methods import Method
from offdiag.runtime import Requests, Runtime
from support import tiny_study
from support.identities import changed
from support.others_of_answers import OF_ANSWERS
from support.others_of_measurements import OF_MEASUREMENTS
from support.others_of_trainings import OF_TRAININGS

# Every identity that reaches a step, with another value for each of its fields.
OTHERS = [*OF_ANSWERS, *OF_TRAININGS, *OF_MEASUREMENTS]


def all_identities(base: type[Identity] = Identity) -> set[type[Identity]]:
    below = set(base.__subclasses__())
    return below.union(*(all_identities(cls) for cls in below))


@pytest.mark.parametrize(("identity", "others"), OTHERS, ids=lambda value: type(value).__name__)
def test_every_field_reaches_the_fingerprint(identity, others):
    assert set(others) == set(type(identity).model_fields), "give each field another value"
    found = {fingerprint(changed(identity, **{name: other})) for name, other in others.items()}
    assert len(found | {fingerprint(identity)}) == 1 + len(others)
    assert fingerprint(changed(identity)) == fingerprint(identity)


def test_no_identity_that_a_step_may_hold_is_left_out():
    known = {type(identity) for identity, _ in OTHERS}
    reachable = {
        cls
        for cls in all_identities()
        if cls.__module__.startswith(
            ("offdiag.steps", "offdiag.methods", "offdiag.models", "offdiag.training", "offdiag.measurements")
        )
        and not cls.__abstractmethods__
        and not issubclass(cls, Method)  # methods make steps; METHODS above holds them
    }
    assert reachable <= known


def test_tags_within_steps_are_unique():
    assert len({identity.canonical()["@"] for identity, _ in OTHERS}) == len(OTHERS)


def test_no_identity_holds_a_runtime_or_a_path():
    def types_in(annotation: object) -> set[object]:
        return {annotation}.union(*(types_in(part) for part in get_args(annotation)))

    fields_of = {(cls, name): field for cls in all_identities() for name, field in cls.model_fields.items()}
    assert fields_of
    offenders = [
        (cls, name)
        for (cls, name), field in fields_of.items()
        if {Runtime, Path} & types_in(field.annotation) and cls.__module__.startswith("offdiag")
    ]
    assert offenders == []


def test_a_runtime_cannot_be_fingerprinted():
    for value in (Runtime(), {"runtime": Runtime()}, Path("x")):
        with pytest.raises(UserError, match="cannot be part of an identity"):
            fingerprint(value)


def test_no_field_of_the_runtime_moves_a_step(model_stub, monkeypatch, tmp_path):
    plan = tiny_study.tiny_plan(model_stub)
    before = [step.fingerprint for step in plan.steps]
    others = {
        "device": "cpu",
        "token_budget": 7,
        "threads": 1,
        "fill_memory": True,
        "gpus": 2,
        "study_files": (tmp_path / "study.py",),
        "data_dir": str(tmp_path),
        "requests": Requests(at_once=2),
    }
    assert set(others) == {field.name for field in fields(Runtime)}
    for name, other in others.items():
        monkeypatch.setattr(tiny_study, "RUNTIME", Runtime(**{name: other}))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert [step.fingerprint for step in tiny_study.tiny_plan(model_stub).steps] == before

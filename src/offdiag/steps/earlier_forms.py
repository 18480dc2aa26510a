"""Decide whether a finished result is a step's own under an earlier form of its models' identities.

What stands for a model in an identity became stricter: the whole content of a folder instead of samples, the commit of
a hub model beside its name, the way in which some types are asked. A result that was stored before stays valid where
nothing speaks against it; each source judges its own fields, see :meth:`offdiag.models.ModelSource.is_meant_by`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from offdiag.identity import Json
from offdiag.models import ModelSpec
from offdiag.models.earlier_paths import FIELD, asking_of, was_right_of
from offdiag.steps.step import Step


def is_earlier_form(
    step: Step, stored: Mapping[str, Json], finished: str, answers: Iterable[Mapping[str, Any]] = ()
) -> bool:
    """Return whether a stored identity differs from a step's in fields of its models alone, which mean the same.

    Args:
        step: what is asked for. stored: the identity in the store. finished: when that was done, as ISO 8601.
        answers: the records of all questions, if it has some; read only if it matters.
    """
    specs = {spec for needed in step.walk() for spec in needed.models()}
    try:
        at = datetime.fromisoformat(finished).timestamp()
    except ValueError:
        return False
    judge = _Judge({_key(own): spec for spec in specs for own in [_of(spec)]}, at, answers)
    return _alike(dict(stored), step.canonical(), judge)


class _Judge:
    """Judges the identities of models, by their sources."""

    def __init__(
        self, specs: Mapping[str, ModelSpec], finished: float, answers: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        self.specs = specs
        self.finished = finished
        self.answers = answers

    @cached_property
    def was_asked_right(self) -> bool:
        """Whether the answers are those of now, though a model was asked in another way."""
        records = list(self.answers)
        return all(was_right_of(spec.origin, records) for spec in self.specs.values() if asking_of(spec.origin))

    def alike(self, stored: Mapping[str, Json], ours: Mapping[str, Json]) -> bool:
        """Return whether the stored fields of a model mean ours; its name, dtype and the like must be the same."""
        changed = {name for name in {**stored, **ours} if stored.get(name) != ours.get(name)}
        spec = self.specs.get(_key(ours))
        if spec is None or changed & spec.canonical().keys():
            return not changed
        return not changed or spec.origin.is_meant_by(stored, self.finished)


def _alike(stored: Any, ours: Any, judge: _Judge) -> bool:
    match stored, ours:
        case dict(), dict() if ours.get("@") == ModelSpec.tag:
            return judge.alike(stored, ours)
        case dict(), dict() if FIELD in ours.keys() - stored.keys() and judge.was_asked_right:
            return _alike(stored, {name: value for name, value in ours.items() if name != FIELD}, judge)
        case dict(), dict():
            return stored.keys() == ours.keys() and all(_alike(stored[name], ours[name], judge) for name in stored)
        case list(), list():
            return len(stored) == len(ours) and all(_alike(a, b, judge) for a, b in zip(stored, ours, strict=True))
    return bool(stored == ours)


def _of(spec: ModelSpec) -> dict[str, Json]:
    """Return the fields of a model in an identity."""
    return {**spec.canonical(), **spec.origin.identity()}


def _key(fields: Mapping[str, Json]) -> str:
    """Return what names a model in an identity, without what a source adds: that may have become known since."""
    return str([str(fields.get(name)) for name in ModelSpec.model_fields])

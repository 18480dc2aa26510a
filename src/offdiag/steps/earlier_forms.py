"""Decide whether a finished result is a step's own under an earlier form of its models' identities.

What stands for a model in an identity became stricter: the whole content of a folder instead of samples, the commit of
a hub model beside its name. A result that was stored before stays valid where nothing speaks against it; each source
judges its own fields, see :meth:`offdiag.models.ModelSource.is_meant_by`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from offdiag.identity import Json
from offdiag.models import ModelSpec
from offdiag.steps.step import Step


def is_earlier_form(step: Step, stored: Mapping[str, Json], finished: str) -> bool:
    """Return whether a stored identity differs from a step's in fields of its models alone, which mean the same.

    Args:
        step: what is asked for. stored: the identity in the store. finished: when that was done, as ISO 8601.
    """
    specs = {spec for needed in step.walk() for spec in needed.models()}
    try:
        at = datetime.fromisoformat(finished).timestamp()
    except ValueError:
        return False
    return _alike(
        dict(stored), step.canonical(), _Judge({_key(own): spec for spec in specs for own in [_of(spec)]}, at)
    )


class _Judge:
    """Judges the identities of models, by their sources."""

    def __init__(self, specs: Mapping[str, ModelSpec], finished: float) -> None:
        self.specs = specs
        self.finished = finished

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

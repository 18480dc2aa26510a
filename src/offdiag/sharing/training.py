"""Find a finished training in the store, with everything that one must know to load its weights again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from offdiag.errors import StoreError, UserError
from offdiag.inspection import Description
from offdiag.models import ModelSpec
from offdiag.planning import Plan
from offdiag.steps import Merged, Trained, Weights
from offdiag.store import State, Store

MOST = 6  # names that an error lists


@dataclass(frozen=True)
class SharedTraining:
    """A finished training whose result is an adapter, or a whole model that a pretrained one became.

    Attributes:
        step: the training. folder: of the store, with its weights. plan: of the study that asked for it first.
        spec: the pretrained model at the very bottom.
        before: the adapters that are merged into it first, with their folders, in this order; those of earlier stages.
    """

    step: Trained
    folder: Path
    plan: Plan
    spec: ModelSpec
    before: tuple[tuple[Trained, Path], ...]

    @property
    def whole(self) -> bool:
        """Whether its weights are those of a whole model, which stands on nothing else."""
        return self.step.base is None


class _Found(NamedTuple):
    folder: Path
    about: Description


def find_training(store: Store, text: str, typed: Sequence[str] = ()) -> SharedTraining:
    """Return the training that is named ``text``, begins with it, or matches it as a pattern with ``*``.

    ``typed`` are the files that a person named, see :meth:`offdiag.inspection.Origin.plan`.

    Raises:
        UserError: no training of the store or several are called so, it is not finished, its study has changed since,
            it began with nothing, or its adapter stands on a whole model that it cannot be put on again.
    """
    found = _one(store, text)
    plan = found.about.plan(typed)
    step = next((step for step in plan.steps if step.fingerprint == found.about.fingerprint), None)
    if not isinstance(step, Trained):
        raise UserError(
            f"{found.folder.name} is not what study {plan.study.name} asks for today: type `offdiag why` and its name"
        )
    if (state := store.state(step, care="reading")) is not State.DONE:
        raise UserError(f"{found.about.name} is not finished ({state}): type `offdiag run {plan.command}` first")
    if step.base is not None:
        before = tuple(_stages(store, step.base, found.about.name))
        return SharedTraining(step, found.folder, plan, step.base.spec, before)
    start = getattr(step, "start", None)
    if not isinstance(start, Weights) or start.spec.origin.from_scratch:
        raise UserError(
            f"{found.about.name} is a model that was trained from nothing, with tokens of its own: only adapters and "
            "fine-tuned models are pushed"
        )
    return SharedTraining(step, found.folder, plan, start.spec, ())


def _one(store: Store, text: str) -> _Found:
    folders = sorted(path.parent for path in (store.root / "training").glob("*/cell.json"))
    if not folders:
        raise UserError(f"no training is in the store {store.root}: run a study first, or give another with --store")
    known = [_Found(folder, about) for folder in folders if (about := _description(folder)) is not None]
    known = [one for one in known if one.about.identity["@"] != f"training/{Merged.tag}"]
    ways = (
        lambda one: text in (one.about.name, one.folder.name, one.folder.name.rpartition("-")[2]),
        lambda one: one.folder.name.startswith(text),
        lambda one: fnmatchcase(one.about.name, text) or fnmatchcase(one.folder.name, text),
    )
    matching = next((chosen for way in ways if (chosen := [one for one in known if way(one)])), [])
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UserError(f"{text!r} matches {len(matching)} trainings: {_listed([m.folder.name for m in matching])}")
    names = [one.about.name for one in known]
    near = get_close_matches(text, names, n=3, cutoff=0.3) or names
    raise UserError(f"no training {text!r} in {store.root}; the nearest: {_listed(near)}")


def _description(folder: Path) -> Description | None:
    """Return what a folder says of its training; None where that cannot be read, which must not hide the others."""
    try:
        return Description.of(folder)
    except StoreError:
        return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:MOST]) + (" …" if len(names) > MOST else "")


def _stages(store: Store, start: Weights, name: str) -> Iterator[tuple[Trained, Path]]:
    """Return the adapters that ``start`` was trained from, the first one first."""
    if start.trained is None:
        return
    if not isinstance(start.trained, Merged) or start.trained.adapter.trained is None:
        raise UserError(
            f"{name} stands on the whole model {start.trained.name}, which no hub has: only an adapter on a pretrained "
            "model, or on other adapters of one, can be loaded elsewhere"
        )
    adapter = start.trained.adapter
    yield from _stages(store, adapter.base, name)
    below = start.trained.adapter.trained
    if store.state(below, care="reading") is not State.DONE:
        raise UserError(f"{name} stands on {below.name}, which is no longer in the store; run its study again")
    yield below, store.folder(below)

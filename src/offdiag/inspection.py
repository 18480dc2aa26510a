"""Explain one step of the store: which plan it belongs to, and why it is in its state."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import BaseModel, ValidationError

from offdiag.errors import StoreError, UserError
from offdiag.identity import Json, differences, fingerprint
from offdiag.parameters import parse_value
from offdiag.planning import Plan, make_plan, summarise
from offdiag.python_files import only_files
from offdiag.steps import Step
from offdiag.store import State, Store, read_json
from offdiag.store.finished import look_at
from offdiag.store.housekeeping import find, folders
from offdiag.study_files import STUDIES, load_study
from offdiag.tasks.changes import in_words


@dataclass(frozen=True)
class Reason:
    """The state of a step and the lines that explain it."""

    step: str
    state: str
    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the fields as JSON values."""
        return {"step": self.step, "state": self.state, "why": list(self.lines)}


class Origin(BaseModel):
    """The study that first asked for a step, its scale and the parameters that were set."""

    study: str
    scale: str = ""
    set: dict[str, str] = {}

    def plan(self, typed: Sequence[str]) -> Plan:
        """Return the plan as the study expands it today.

        A store may come from anybody, so that its word makes no code run: a study that is not installed, and a file of
        a person's own that its parameters name, are loaded only if they are ``typed``.

        Raises:
            UserError: a file must be typed, the study is gone, or no longer takes the parameters.
        """
        with only_files(typed):
            known = self.study in STUDIES or not typed
            study = load_study(self.study if known else typed[0])
            return make_plan(study, self.scale, {n: parse_value(t) for n, t in self.set.items()})


class Description(BaseModel):
    """The content of a step's ``cell.json``."""

    kind: str
    name: str
    fingerprint: str
    identity: dict[str, Any]
    origin: Origin

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read the description in a folder of the store.

        Raises:
            StoreError: there is none that can be read.
        """
        path = folder / "cell.json"
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            raise StoreError(f"{path} does not describe a step: delete {folder} and run again") from error

    def plan(self, typed: Sequence[str]) -> Plan:
        """Return today's plan of the study that asked for the step first, see :meth:`Origin.plan`.

        Raises:
            UserError: it cannot be made.
        """
        try:
            return self.origin.plan(typed)
        except UserError as error:
            raise UserError(f"{self.kind}/{self.name} was made for {self.origin.study}: {error}") from error

    def planned(self, typed: Sequence[str]) -> Step | None:
        """Return the step of that name in today's plan, or None if the study no longer has one.

        Raises:
            UserError: the plan cannot be made.
        """
        plan = self.plan(typed)
        steps = [s for s in plan.steps if (s.kind, s.name) == (self.kind, self.name)]
        return next((s for s in steps if s.fingerprint == self.fingerprint), steps[0] if steps else None)


def explain(store: Store, text: str, typed: Sequence[str] = ()) -> Reason:
    """Explain why the step that ``text`` names is done, stale, failed or missing.

    ``typed`` are the files that a person named, see :meth:`Origin.plan`.

    Raises:
        UserError: no step of the store has that name, or several have.
    """
    folder = find(store, text)
    found = Description.of(folder)
    name = f"{folder.parent.name}/{folder.name}"
    step = found.planned(typed)
    if step is None:
        return Reason(name, "orphaned", (f"study {found.origin.study} no longer has a step of this name",))
    if store.folder(step) != folder:
        lines = in_words(differences(found.identity, step.canonical_form))
        current = f"{step.kind}/{step.folder_name} is {store.state(step)}"
        return Reason(name, "stale", (*lines, f"what the study asks for today: {current}"))
    state = store.state(step, care="reading")
    if state is State.DONE:
        finished = (store.result(step) or {}).get("finished", "")
        return Reason(name, state, (f"finished {finished}", f"fingerprint {step.fingerprint}"))
    lines = [
        f"needs {i.kind}/{i.folder_name}: {store.state(i)}" for i in step.inputs if store.state(i) is not State.DONE
    ]
    said = store.damage(step, "reading") if state is State.DAMAGED else store.error(step)
    return Reason(name, state, (*([said] if said else []), *lines))


def plans_of(store: Store) -> list[Plan]:
    """Return the plans that asked first for any step of a store, as their studies expand them today.

    Raises:
        UserError: a study is a file, which only its user may name, is gone, or no longer takes the parameters; or the
            folder has no step.
    """
    found: dict[str, Origin] = {}
    for folder in folders(store):
        with suppress(StoreError):
            each = Description.of(folder)
            found.setdefault(_asked(each), each.origin)
    if not found:
        raise UserError(f"{store.root} is no store with results: give a study, or the folder that a run wrote")
    plans = []
    for origin in found.values():
        try:
            plans.append(origin.plan(()))
        except UserError as error:
            named = f"{store.root} has results of {origin.study}"
            raise UserError(f"{named}: {error}; to load them, give the study: offdiag.load(STUDY, store=…)") from error
    return plans


class Unwanted(NamedTuple):
    """Steps that no study asks for today.

    Attributes:
        steps: their folders, and why. kept: by a study whose plan cannot be made, why; its steps are kept.
        unread: folders that are kept because they are damaged or cannot be read, and what is wrong with them.
    """

    steps: list[tuple[Path, str]]
    kept: dict[str, str]
    unread: dict[Path, str]


def unwanted(store: Store, typed: Sequence[str] = ()) -> Unwanted:
    """Return the steps that the studies which first asked for any step of the store no longer ask for.

    Every study is planned again, at the scale and the settings of each of its steps. What a study asks for, and what
    went into the steps of one that cannot be planned, is kept; so is what cannot be read. ``typed`` are the files that
    a person named, see :meth:`Origin.plan`.
    """
    found: dict[Path, Description] = {}
    unread: dict[Path, str] = {}
    for folder in folders(store):
        if damage := look_at(folder, "sizes").damage:
            unread[folder] = "; ".join(damage)
        try:
            found[folder] = Description.of(folder)
        except StoreError as error:
            unread[folder] = str(error)
    plans: dict[str, Plan] = {}
    kept: dict[str, str] = {}
    for origin in {_asked(each): each.origin for each in found.values()}.values():
        try:
            plans[origin.model_dump_json()] = origin.plan(typed)
        except UserError as error:
            kept[shlex.join(filter(None, (origin.study, origin.scale)))] = str(error)
    wanted = {store.folder(step) for plan in plans.values() for step in plan.steps}
    inputs = {part for each in found.values() if _asked(each) not in plans for part in _fingerprints_in(each.identity)}
    steps = [
        (folder, _unwanted_because(each, plans[_asked(each)]))
        for folder, each in found.items()
        if _asked(each) in plans and folder not in wanted and each.fingerprint not in inputs
    ]
    return Unwanted(steps, kept, {folder: why for folder, why in unread.items() if folder not in dict(steps)})


def _asked(found: Description) -> str:
    return found.origin.model_dump_json()


def _unwanted_because(found: Description, plan: Plan) -> str:
    alike = [step for step in plan.steps if (step.kind, step.name) == (found.kind, found.name)]
    if not alike:
        return f"{found.origin.study} no longer has it"
    return summarise(min((differences(found.identity, step.canonical_form) for step in alike), key=len))


def _fingerprints_in(identity: object) -> Iterator[str]:
    """Yield the fingerprints of all steps and other parts that an identity has inside."""
    if isinstance(identity, dict):
        if "@" in identity:
            yield fingerprint(identity)
        for part in identity.values():
            yield from _fingerprints_in(part)
    elif isinstance(identity, list):
        for part in identity:
            yield from _fingerprints_in(part)


def find_planned(store: Store, text: str, typed: Sequence[str] = ()) -> tuple[Path, Step]:
    """Return the folder and step that ``text`` names.

    ``typed`` are the files that a person named, see :meth:`Origin.plan`.

    Raises:
        UserError: there is none, or its study has changed so that it is stale.
    """
    folder = find(store, text)
    step = Description.of(folder).planned(typed)
    if step is None or store.folder(step) != folder:
        named = [word for file in typed for word in ("--study", file)]
        ask = shlex.join(["offdiag", "why", folder.name, *named, "--store", str(store.root)])
        raise UserError(f"{folder.name} is not what its study asks for today: type `{ask}`")
    return folder, step

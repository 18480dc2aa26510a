"""What the store and the studies say of one step: which plan it belongs to, and why it is what it is."""

from dataclasses import dataclass
from pathlib import Path

from offdiag.catalogue import load_study
from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.planning import Plan, make_plan
from offdiag.steps import Step
from offdiag.store import State, Store, read_json


@dataclass(frozen=True)
class Reason:
    """The state of a step and the lines that explain it."""

    step: str
    state: str
    lines: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """As JSON values."""
        return {"step": self.step, "state": self.state, "why": list(self.lines)}


def origin_plan(folder: Path) -> Plan:
    """The plan, as its study expands it today, of the study that first asked for the step in ``folder``.

    Raises:
        UserError: the study is gone or no longer takes the parameters.
    """
    origin = read_json(folder / "cell.json")["origin"]
    return make_plan(load_study(origin["study"]), origin["scale"], origin["set"])


def planned_step(folder: Path) -> Step | None:
    """The step of that name in today's plan, or None if the study no longer has one."""
    cell = read_json(folder / "cell.json")
    steps = [s for s in origin_plan(folder).steps if (s.kind, s.name) == (cell["kind"], cell["name"])]
    return next((s for s in steps if s.fingerprint == cell["fingerprint"]), steps[0] if steps else None)


def explain(store: Store, text: str) -> Reason:
    """Why the step that ``text`` names is done, stale, failed or missing.

    Raises:
        UserError: no step of the store has that name, or several have.
    """
    folder = store.find(text)
    cell = read_json(folder / "cell.json")
    name = f"{folder.parent.name}/{folder.name}"
    step = planned_step(folder)
    if step is None:
        return Reason(name, "orphaned", (f"study {cell['origin']['study']} no longer has a step of this name",))
    if step.fingerprint != cell["fingerprint"]:
        lines = [str(difference) for difference in store.differences(step, cell)]
        current = f"{step.kind}/{step.folder_name} is {store.state(step)}"
        return Reason(name, "stale", (*lines, f"what the study asks for today: {current}"))
    state = store.state(step)
    if state is State.DONE:
        finished = (store.result(step) or {}).get("finished", "")
        return Reason(name, state, (f"finished {finished}", f"fingerprint {step.fingerprint}"))
    lines = [
        f"needs {i.kind}/{i.folder_name}: {store.state(i)}" for i in step.inputs if store.state(i) is not State.DONE
    ]
    return Reason(name, state, (*([store.error(step)] if store.error(step) else []), *lines))


def find_planned(store: Store, text: str) -> tuple[Path, Step]:
    """The folder and step that ``text`` names.

    Raises:
        UserError: there is none, or its study has changed so that it is stale.
    """
    folder = store.find(text)
    step = planned_step(folder)
    if step is None or store.folder(step) != folder:
        raise UserError(f"{folder.name} is not what its study asks for today: type `offdiag why {folder.name}`")
    return folder, step

"""Hidden states that the store has already: what another step encoded of the same pool is not encoded again.

Which items of a pool are needed grows with draws of training data and with tests. In float32 a state depends on the
model and its own text alone, beyond rounding, so those of a finished step are taken. That step must differ in nothing
but which items of the pool it has, its files must be whole, and it must be made with the versions that are installed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offdiag.durable import move
from offdiag.identity import Json
from offdiag.lease import ensure_held
from offdiag.provenance import note, other_versions
from offdiag.steps.earlier_answers import FACTS, told_of
from offdiag.steps.jsonl import read_jsonl
from offdiag.steps.step import Finished, FinishedStep, Step, Work

KEPT = "taken.npz"  # beside the chunks, while the rest is encoded


class TakenStates(NamedTuple):
    """States from earlier steps: by the place of their item, ``[choices, layers, d]``, and what they took, in seconds.

    Those of an item have as many choices as the largest item of their step.
    """

    states: Mapping[int, NDArray[np.float16]]
    seconds: float = 0.0


NO_STATES = TakenStates({})


def take_states(step: Step, work: Work, keys: Sequence[str], folder: Path) -> TakenStates:
    """Return the states of some items that finished steps have, and note whose they are.

    Args:
        step: that encodes, by a model of which a text holds alone. work: its work. keys: of its items.
        folder: of its chunks; a killed run that has begun to encode goes on with what it had taken then.
    """
    kept = folder / KEPT
    if kept.exists():
        with np.load(kept) as file:
            return TakenStates(dict(zip(file["places"].tolist(), file["states"], strict=True)), float(file["seconds"]))
    if any(folder.glob("*.npy")):
        return NO_STATES
    states: dict[int, NDArray[np.float16]] = {}
    told: list[dict[str, Json]] = []
    seconds = 0.0
    for found in _sources(step, work.finished):
        rows = _rows(found)
        new = {place: rows[key] for place, key in enumerate(keys) if place not in states and key in rows}
        if new:
            own = np.load(found.folder / "states.npy", mmap_mode="r")
            states |= {place: np.array(own[row]) for place, row in new.items()}
            told.append(told_of(found, len(new)))
            seconds += found.summary.get("seconds", 0.0) * len(new) / len(rows)
            note(**{name: found.provenance[name] for name in FACTS if name in found.provenance})
    if states:
        note(taken=[*told])
        _keep(kept, states, seconds)
    return TakenStates(states, seconds)


def held_and_new(step: Step, finished: Finished, keys: Callable[[], Sequence[str]]) -> tuple[int, int]:
    """Return of how many items :func:`take_states` will find states, and of how many not; 0 and 0 where none are there.

    Args:
        step: that encodes, by a model of which a text holds alone. finished: looks up finished steps.
        keys: returns those of its items; they are asked for only where a step has some.
    """
    known = {key for found in _sources(step, finished) for key in _rows(found)}
    own = keys() if known else []
    held = sum(key in known for key in own)
    return held, len(own) - held


def begun_in(folder: Path) -> int:
    """Return of how many items a killed run has taken or encoded states, from the folder of its chunks."""
    kept = folder / KEPT
    taken = 0
    if kept.exists():
        with np.load(kept) as file:
            taken = len(file["places"])
    return taken + sum(len(np.load(path, mmap_mode="r")) for path in folder.glob("[0-9]*.npy"))


def fitted(state: NDArray[np.float16], most: int) -> NDArray[np.float16]:
    """Return the states of an item for so many choices: those that no item here has are zero, and left out or added."""
    fit = np.zeros((most, *state.shape[1:]), np.float16)
    fit[: len(state)] = state[:most]
    return fit


def _keep(path: Path, states: Mapping[int, NDArray[np.float16]], seconds: float) -> None:
    most = max(len(state) for state in states.values())
    ensure_held(path.parent)
    part = path.with_suffix(".part.npz")
    np.savez(part, places=[*states], states=[fitted(state, most) for state in states.values()], seconds=seconds)
    move(part, path)


def _rows(found: FinishedStep) -> dict[str, int]:
    """Return the row of each item of a finished step, by its key."""
    return {text["key"]: row for row, text in enumerate(read_jsonl(found.folder / "texts.jsonl"))}


def _sources(step: Step, finished: Finished) -> Iterator[FinishedStep]:
    """Yield the finished steps that encoded items of the same pool by the same model, the newest first."""
    model = step.folder_name.partition("--")[0]
    for found in finished(step.kind, lambda name: name != step.folder_name and name.startswith(f"{model}--")):
        made_so = found.provenance.get("versions") and not other_versions(found.provenance)
        if made_so and _but_for_items(found.identity) == _but_for_items(step.canonical_form) and found.whole():
            yield found


def _but_for_items(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name != "needed"}

"""The store: a folder of finished steps. No server, no database, no pickles.

store/
store.json                       the format of the store
cells/<human-name>-<hash8>/
cell.json                      what the step is: its identity, and which study asked for it first
records.jsonl …                artifacts
result.json                    written last, when all others are on the disk: the step is complete
error.txt                      the traceback of the last try, if it failed
damaged.json                   why a result must not be used, until the step is done again
lease.json                     who is at work in here, with a heartbeat
"""

import os
import secrets
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from offdiag.durable import sync, sync_tree
from offdiag.errors import StoreError, UserError
from offdiag.identity import Difference, Json, differences
from offdiag.lease import Holder, ensure_held, held, holder, lease
from offdiag.manifest import Care, manifest_of
from offdiag.places import in_the_way
from offdiag.provenance import VersionPolicy, other_versions
from offdiag.steps import Step
from offdiag.steps.earlier_forms import is_earlier_form
from offdiag.steps.jsonl import read_jsonl
from offdiag.store.finished import ERROR, OF_THE_STORE, RESULT, SET_ASIDE, Finished, checksum, failure, look_at
from offdiag.store.json_files import read_json, write_json

FORMAT = 1


class State(StrEnum):
    """State of a step in the store."""

    DONE = "done"
    MISSING = "missing"
    STALE = "stale"
    FAILED = "failed"
    BUSY = "busy"
    DAMAGED = "damaged"


class Store:
    """A folder of finished steps under ``root``, made on the first write.

    ``versions`` says whether results of other versions of the libraries are accepted or, in :meth:`states`, stale.

    Raises:
        UserError: ``root`` is something else than a store.
        StoreError: the store was written by a version of offdiag with another format.
    """

    def __init__(self, root: Path, versions: VersionPolicy = "accept") -> None:
        self.root = root
        self.versions = versions
        self.outdated: dict[str, str] = {}  # by the fingerprints of steps, why their results are not taken
        self._known_earlier: dict[str, Path | None] = {}
        self._told: dict[str, dict[str, Mapping[str, Any]]] = {}  # what results said
        found = _format(root)
        if found is not None and found != FORMAT:
            raise StoreError(
                f"the store {root} has format {found!r}, this offdiag reads format {FORMAT}: "
                "use the version that wrote it, or give another folder with --store"
            )
        if (file := in_the_way(root)) not in (None, root):
            raise UserError(f"{root}: {file} is a file, and a store is a folder: give another one with --store")
        if found is None and root.exists() and (not root.is_dir() or _strangers(root)) and _format(root) is None:
            raise UserError(f"{root} is not an offdiag store (it has no store.json): give another folder with --store")

    def folder(self, step: Step) -> Path:
        """Return the folder of the step's artifacts, which may not exist yet."""
        own = self.root / step.kind / step.folder_name
        return own if own.exists() else self._earlier(step) or own

    def state(
        self,
        step: Step,
        besides: Collection[str] = (),
        care: Care = "sizes",
        origin: Mapping[str, Json] | None = None,
    ) -> State:
        """Return whether the step is done, busy, failed, damaged, stale or missing.

        ``besides`` are fingerprints of other steps of the plan: one of the same name, as in a sweep over a
        hyper-parameter, does not make this one stale. ``care`` is that of :meth:`damage`, ``origin`` that of
        :meth:`states`.
        """
        return self.own_state(step, care) or self._undone(step, besides, origin)

    def own_state(self, step: Step, care: Care = "sizes") -> State | None:
        """Return what the step's folder alone says: done, busy, failed or damaged; None if nobody has been there."""
        folder = self.folder(step)
        if not folder.exists():
            return None
        found = self._look(step, care)
        if found.result is not None and not found.damage:
            return State.DONE
        if held(folder / "lease.json"):
            return State.BUSY
        if found.damage:
            return State.DAMAGED
        return State.FAILED if (folder / ERROR).exists() else None

    def states(self, steps: Sequence[Step], origin: Mapping[str, Json] | None = None) -> dict[str, State]:
        """Return the states of many steps by fingerprint, listing the folders once.

        Args:
            origin: of the plan. Results of another scale of its study are no older form of its steps: they make none
                of them stale.
        """
        self.refresh()
        ours = frozenset(step.fingerprint for step in steps)
        there = {(path.parent.name, path.name) for path in self.root.glob("*/*")}
        if not there:
            return {step.fingerprint: State.MISSING for step in steps}
        states = {
            step.fingerprint: self.state(step, ours, origin=origin)
            if (step.kind, step.folder_name) in there
            else self._undone(step, ours, origin)
            for step in steps
        }
        if self.versions == "stale":
            self._judge_versions(steps, states)
        return states

    def _judge_versions(self, steps: Sequence[Step], states: dict[str, State]) -> None:
        """Count as stale what was made with other versions, and what was made of that; inputs come first."""
        for step in steps:
            if states[step.fingerprint] is not State.DONE:
                continue
            changed = "; ".join(f"{name}: {how}" for name, how in other_versions(self.provenance(step)).items())
            made_anew = next((i.name for i in step.inputs if i.fingerprint in self.outdated), "")
            if why := changed or (made_anew and f"{made_anew} is made anew"):
                self.outdated[step.fingerprint] = why
                states[step.fingerprint] = State.STALE

    def provenance(self, step: Step) -> Mapping[str, Any]:
        """Return how a finished result came about; nothing of one that an earlier version stored."""
        return self._said(step).get("provenance", {})

    def summary(self, step: Step) -> Mapping[str, Any]:
        """Return what a finished step said of its work; nothing of one that is not done."""
        return self._said(step).get("summary", {})

    def _said(self, step: Step) -> Mapping[str, Mapping[str, Any]]:
        """Return summary and provenance of a result, which is read once, such as for the states of all steps."""
        if step.fingerprint not in self._told:
            self.result(step)
        return self._told.get(step.fingerprint, {})

    def damage(self, step: Step, care: Care = "sizes") -> str:
        """Return what is wrong with a finished result, in one line; nothing where it is whole, or not there.

        ``care`` says how closely it is looked at: who reads its files looks at all that is in them.
        """
        return "; ".join(self._look(step, care).damage)

    def set_aside(self, step: Step, why: str) -> None:
        """Let nobody use a result that was found damaged; the next run does the step again."""
        write_json(self.folder(step) / SET_ASIDE, {"why": why})
        self._known_earlier.pop(step.fingerprint, None)  # it may have been under an earlier form of the identity

    def _look(self, step: Step, care: Care) -> Finished:
        """Return what the step's folder says of it; a result of another identity is damage, too."""
        folder = self.folder(step)
        found = look_at(folder, care)
        if found.result is None:
            return found
        other = found.result.get("fingerprint")
        if other != step.fingerprint and folder != self._earlier(step):
            wrong = f"result.json has fingerprint {str(other)[:16]}, expected {step.fingerprint[:16]}: copied or edited"
            return found._replace(damage=(*found.damage, wrong))
        if not found.damage:
            self._told[step.fingerprint] = {name: found.result.get(name, {}) for name in ("summary", "provenance")}
        return found

    def discard(self, step: Step) -> None:
        """Delete the result of a step, unless another process is at work there."""
        folder = self.folder(step)
        if (folder / "result.json").exists() or not held(folder / "lease.json"):  # a finished one was left behind
            shutil.rmtree(folder, ignore_errors=True)
        self.refresh()

    def finished(self, steps: Iterable[Step]) -> Iterator[Step]:
        """Return those of the steps that are finished, listing the folders once."""
        folders = {(path.parts[-3], path.parts[-2]) for path in self.root.glob("*/*/result.json")}
        return (step for step in steps if folders and (step.kind, step.folder_name) in folders)

    def _undone(self, step: Step, besides: Collection[str], origin: Mapping[str, Json] | None) -> State:
        if self._earlier(step) is not None:
            return State.DONE
        made = (cell for cell in self.namesakes(step, besides) if not _is_of_another_scale(cell, origin or {}))
        return State.MISSING if next(made, None) is None else State.STALE

    def _earlier(self, step: Step) -> Path | None:
        """Return the folder of a finished step that is this one under another name, or an earlier form of its identity.

        A name is for people: that of a file that was renamed is no part of the identity.
        """
        if step.fingerprint not in self._known_earlier:
            alike = self._finished.get((step.kind, _without_hash(step.folder_name)), [])
            others = [path for path in alike if path.name != step.folder_name]
            others += self._renamed.get((step.kind, step.fingerprint[:8]), [])
            looked = [(look_at(path, "sizes"), path) for path in others]
            found = [(one.result.get("finished", ""), path) for one, path in looked if one.result and not one.damage]
            same = (path for at, path in sorted(found, reverse=True) if _is_meant(step, path, at))
            self._known_earlier[step.fingerprint] = next(same, None)
        return self._known_earlier[step.fingerprint]

    def result(self, step: Step, care: Care = "sizes") -> dict[str, Any] | None:
        """Return the content of ``result.json`` of a finished step that is whole, see :meth:`damage`, or None."""
        found = self._look(step, care)
        return None if found.damage else found.result

    def holder(self, step: Step) -> Holder | None:
        """Return the process that works on the step, if one is known to."""
        return holder(self.folder(step) / "lease.json")

    def error(self, step: Step) -> str:
        """Return why a step failed, in one line, with the file that has its traceback where that says more."""
        return failure(self.folder(step))

    def namesakes(self, step: Step, besides: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the ``cell.json`` of finished steps of the same name and another identity."""
        alike = self._finished.get((step.kind, _without_hash(step.folder_name)), [])
        similar = [_description(path) for path in alike if path.name != step.folder_name]
        return [
            cell
            for cell in similar
            if cell.get("name") == step.name and "identity" in cell and cell.get("fingerprint") not in besides
        ]

    def reasons(self, step: Step, besides: Collection[str] = ()) -> list[Difference]:
        """Return the fields in which a step differs from the most similar finished one of its name."""
        return min((self.differences(step, other) for other in self.namesakes(step, besides)), key=len, default=[])

    @staticmethod
    def differences(step: Step, cell: dict[str, Any]) -> list[Difference]:
        """Return the fields in which a step differs from the one that a ``cell.json`` describes."""
        return differences(cell["identity"], step.canonical_form)

    @contextmanager
    def claim(self, step: Step, origin: dict[str, Json]) -> Iterator[Path | None]:
        """Lock the step's folder; yield it, or None where another process has it or just finished it.

        What a killed run left there is kept, what belongs to a damaged result is not.
        """
        self.mark()
        if self.folder(step).name != step.folder_name and (why := self.damage(step, "reading")):
            self.set_aside(step, why)
        folder = self.folder(step)
        folder.mkdir(parents=True, exist_ok=True)
        with lease(folder / "lease.json") as mine:
            found = self._look(step, "reading") if mine else Finished(None)
            if not mine or (found.result is not None and not found.damage):
                yield None
                return
            if found.damage:
                self._clear(step, "; ".join(found.damage))
            (folder / ERROR).unlink(missing_ok=True)
            cell = {"format": FORMAT, "kind": step.kind, "name": step.name, "fingerprint": step.fingerprint}
            cell |= {"identity": step.canonical_form, "origin": origin}
            write_json(folder / "cell.json", cell, to_disk=False)
            yield folder

    def _clear(self, step: Step, why: str) -> None:
        """Empty the folder of a damaged result, but for the lease; a run that is killed here leaves it damaged."""
        self.set_aside(step, why)
        for path in self.folder(step).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif not path.name.startswith(("lease.json", SET_ASIDE)):
                path.unlink(missing_ok=True)
        (self.folder(step) / SET_ASIDE).unlink()

    def finish(self, step: Step, summary: dict[str, Json], provenance: dict[str, Json] | None = None) -> None:
        """Write ``result.json``, the last of all files, once the others are on the disk: the step is done.

        ``provenance`` says how the result came about; it is no part of the identity, and nothing is computed from it.
        """
        folder = self.folder(step)
        sync_tree(folder)
        for above in (folder.parent, self.root):
            sync(above)
        finished = datetime.now(UTC).isoformat(timespec="seconds")
        result = {"fingerprint": step.fingerprint, "finished": finished, "summary": summary}
        result |= {"provenance": provenance} if provenance else {}
        result["files"] = manifest_of(folder, OF_THE_STORE)
        write_json(folder / RESULT, {**result, "crc32": checksum(result)})
        if "_finished" in self.__dict__:  # it has been listed, and stays true
            self._finished.setdefault((step.kind, _without_hash(folder.name)), []).append(folder)

    def fail(self, step: Step, traceback: str, said: str = "") -> None:
        """Keep the traceback, and what it means in one line, beside the artifacts.

        Raises:
            LeaseLostError: another runner has the step now.
        """
        self.mark()
        folder = self.folder(step)
        ensure_held(folder)
        folder.mkdir(parents=True, exist_ok=True)  # a worker may die before it has claimed the step
        text = f"{traceback.rstrip()}\n\n{said}\n" if said else traceback
        (folder / ERROR).write_text(text, encoding="utf-8", errors="backslashreplace")

    def forgive(self, step: Step) -> None:
        """Forget that a step failed, unless another process is at work there."""
        if not held(self.folder(step) / "lease.json"):
            (self.folder(step) / ERROR).unlink(missing_ok=True)

    def refresh(self) -> None:
        """Forget which finished folders there were when ``namesakes`` last looked."""
        self.__dict__.pop("_finished", None)
        self.__dict__.pop("_renamed", None)
        self._known_earlier.clear()
        self._told.clear()
        self.outdated.clear()

    @cached_property
    def _finished(self) -> dict[tuple[str, str], list[Path]]:
        """Return the folders of finished steps by kind and name."""
        found: dict[tuple[str, str], list[Path]] = {}
        for path in sorted(self.root.glob("*/*/result.json")):
            folder = path.parent
            found.setdefault((folder.parent.name, _without_hash(folder.name)), []).append(folder)
        return found

    @cached_property
    def _renamed(self) -> dict[tuple[str, str], list[Path]]:
        """Return the folders of finished steps by kind and the beginning of their hash."""
        found: dict[tuple[str, str], list[Path]] = {}
        for (kind, _), folders in self._finished.items():
            for folder in folders:
                found.setdefault((kind, folder.name.rpartition("-")[2]), []).append(folder)
        return found

    def mark(self) -> None:
        """Make the folder a store, if it is none yet."""
        if _format(self.root) is None:
            self.root.mkdir(parents=True, exist_ok=True)
            mine = self.root / f"store.json.{secrets.token_hex(4)}"  # several workers may be the first
            write_json(mine, {"format": FORMAT})
            os.replace(mine, self.root / "store.json")


def _format(root: Path) -> object | None:
    """Return the format that a store's marker names; None where none does, or a power cut left it empty."""
    try:
        found: object = read_json(root / "store.json").get("format", "unknown")
    except StoreError:
        return None
    return found


def _is_meant(step: Step, folder: Path, finished: str) -> bool:
    cell = _description(folder)
    if cell.get("fingerprint") == step.fingerprint:
        return True
    return cell.get("name") == step.name and is_earlier_form(step, cell.get("identity", {}), finished, _answers(folder))


def _answers(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the answers that a finished step left in its folder, if it did."""
    for name in ("answers.jsonl", "records.jsonl"):
        if (folder / name).is_file():
            yield from read_jsonl(folder / name)


def _description(folder: Path) -> dict[str, Any]:
    """Return what a folder says of its step; nothing where that cannot be read."""
    try:
        return read_json(folder / "cell.json")
    except StoreError:
        return {}


def _without_hash(folder_name: str) -> str:
    return folder_name.rpartition("-")[0]


def _strangers(root: Path) -> bool:
    """Return whether the folder holds files that no store would have; one with steps has lost its marker alone."""
    known = any(root.glob("*/*/cell.json")) or (root / "store.json").exists()
    return not known and any(not path.name.startswith("store.json") for path in root.iterdir())


def _is_of_another_scale(cell: Mapping[str, Any], origin: Mapping[str, Json]) -> bool:
    """Return whether a ``cell.json`` is of the study that a plan is of, at another scale."""
    made = cell.get("origin") or {}
    return bool(origin) and made.get("study") == origin["study"] and made.get("scale") not in (None, origin["scale"])

"""``offdiag store``: list, measure, verify, clean up and merge stores."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from offdiag.cli.options import AsJson, Keyword, StoreFolder, TrustedFiles
from offdiag.cli.tables import say, show_json, show_table
from offdiag.errors import UserError, some

if TYPE_CHECKING:
    from offdiag.store.housekeeping import Entry

Names: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="STEP...", help="Names, parts of them, hashes, or patterns with *.")
]
SomeNames: TypeAlias = Annotated[
    list[str] | None,
    typer.Argument(metavar="[STEP...]", help="Names, parts of them, hashes, patterns with * [all]."),
]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
MOST = 10  # of the largest steps


def ls(keyword: Keyword = None, store: StoreFolder = None, as_json: AsJson = False) -> None:
    """List all steps: the state of each, its size, when it was finished, and which study asked for it first.

    States: done, damaged, busy (another process works on it), failed, begun. Nothing is planned, so that this does not
    tell what is stale: that is for status and store gc.
    """
    from offdiag.api import open_store
    from offdiag.store.housekeeping import entry, folders

    place = open_store(store)
    found = [entry(path) for path in folders(place) if all(word in path.name for word in (keyword or "").split())]
    if as_json:
        show_json([{**each._asdict(), "folder": each.name} for each in found])
        return
    rows = [[each.state, each.name, _size(each.n_bytes), each.finished, each.study] for each in found]
    show_table(str(place.root), ["state", "step", "size", "finished", "study"], rows, right=["size"])
    counts = ", ".join(f"{n} {state}" for state, n in sorted(Counter(each.state for each in found).items()))
    say("", f"{counts or 'No steps'}; {_size(sum(each.n_bytes for each in found))}.")


def du(store: StoreFolder = None, as_json: AsJson = False) -> None:
    """Tell how much room each kind of step takes, and which steps take most."""
    from offdiag.api import open_store
    from offdiag.store.housekeeping import entry, folders

    place = open_store(store)
    found = [entry(path) for path in folders(place)]
    sizes: Counter[str] = Counter()
    for each in found:
        sizes[each.folder.parent.name] += each.n_bytes
    if as_json:
        show_json({"bytes": sum(sizes.values()), "kinds": dict(sizes)})
        return
    counts = Counter(each.folder.parent.name for each in found)
    rows = [[kind, str(counts[kind]), _size(n)] for kind, n in sizes.most_common()]
    show_table(str(place.root), ["kind", "steps", "size"], rows, right=["steps", "size"])
    largest = sorted(found, key=lambda each: -each.n_bytes)[:MOST]
    say()
    show_table("Largest", ["step", "size"], [[each.name, _size(each.n_bytes)] for each in largest], right=["size"])
    say("", f"{_size(sum(sizes.values()))} in {some(len(found), 'step')}.")


def gc(files: TrustedFiles = None, yes: Yes = False, store: StoreFolder = None) -> int:
    """Delete the steps that no study asks for any more, after showing them.

    What is damaged or cannot be read is kept and told, and then the exit code is 1.

    Each study that asked for a step of this store is planned again, with the settings of then; what none of them asks
    for today is stale. A study that is a file must be named, with --study my_study.py: otherwise its steps are kept.
    """
    from offdiag.api import open_store
    from offdiag.inspection import unwanted
    from offdiag.store.housekeeping import entry, name_of

    place = open_store(store)
    found = unwanted(place, files or ())
    for folder, why in found.unread.items():
        say(f"kept: {name_of(folder)} ({why}): offdiag run makes it anew, or offdiag store rm deletes it")
    for study, why in found.kept.items():
        say(f"kept: the steps of {study} ({why})")
    if not found.steps:
        say("Nothing is stale.")
        return int(bool(found.unread))
    found_entries = [(entry(folder), why) for folder, why in found.steps]
    rows = [[each.state, each.name, _size(each.n_bytes), why] for each, why in found_entries]
    show_table("Stale", ["state", "step", "size", "why"], rows, right=["size"], prose=["why"])
    return _delete([each for each, _ in found_entries], yes=yes) or int(bool(found.unread))


def rm(names: Names, yes: Yes = False, store: StoreFolder = None) -> int:
    """Delete steps, after showing them; a run that needs them does them again."""
    from offdiag.api import open_store
    from offdiag.store.housekeeping import chosen, entry

    found = [entry(path) for path in chosen(open_store(store), names)]
    rows = [[each.state, each.name, _size(each.n_bytes)] for each in found]
    show_table("To be deleted", ["state", "step", "size"], rows, right=["size"])
    return _delete(found, yes=yes)


def merge(
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The store to take steps from; it stays as it is.")],
    store: StoreFolder = None,
    as_json: AsJson = False,
) -> int:
    """Take the finished steps of another store that this one lacks.

    Each is verified first. Where both have finished a step and their files differ, the one of this store stays, and the
    exit code is 1.
    """
    from offdiag.api import open_store
    from offdiag.store import Store
    from offdiag.store.housekeeping import Outcome
    from offdiag.store.housekeeping import merge as merged

    if not (other / "store.json").is_file():
        raise UserError(f"{other} is not an offdiag store (it has no store.json): name the folder of one")
    found = list(merged(open_store(store), Store(other)))
    lost = [each for each in found if each.outcome in (Outcome.CONFLICT, Outcome.DAMAGED, Outcome.BUSY)]
    if as_json:
        show_json([each._asdict() for each in found])
        return int(bool(lost))
    if lost:
        rows = [[str(each.outcome), each.name, each.why] for each in lost]
        show_table("Not taken", ["outcome", "step", "why"], rows, prose=["why"])
        say()
    counts = Counter(each.outcome for each in found)
    words = {
        Outcome.TAKEN: "taken", Outcome.SAME: "here already", Outcome.CONFLICT: "in conflict (those here stay)",
        Outcome.DAMAGED: "damaged there", Outcome.BUSY: "busy here", Outcome.UNFINISHED: "not finished there",
    }  # fmt: skip
    said = ", ".join(f"{counts[outcome]} {word}" for outcome, word in words.items() if counts[outcome])
    say(f"{said or 'Nothing is in it'}.")
    return int(bool(lost))


def verify(names: SomeNames = None, store: StoreFolder = None, as_json: AsJson = False) -> int:
    """Check every byte of finished steps against what was written; the exit code is 1 if anything is damaged."""
    from offdiag.api import open_store
    from offdiag.store import verify as look
    from offdiag.store.housekeeping import chosen, folders, name_of

    place = open_store(store)
    paths = folders(place) if not names else chosen(place, names)
    found = {name_of(path): look(path) for path in paths}
    damaged = {name: one.damage for name, one in found.items() if one.damage}
    checked = [one for one in found.values() if one.result is not None or one.damage]
    unlisted = sum(not one.listed for one in checked if not one.damage)
    if as_json:
        show_json({"checked": len(checked), "unlisted": unlisted, "damaged": damaged})
        return int(bool(damaged))
    if damaged:
        rows = [[name, "; ".join(why)] for name, why in damaged.items()]
        show_table("Damaged", ["step", "what is wrong"], rows, prose=["what is wrong"])
        say()
    say(f"{len(checked)} finished steps checked, {len(damaged)} of them damaged.")
    if unlisted:
        say(f"{unlisted} are of an earlier version and list no files: of them only the description was checked.")
    if damaged:
        say("What is damaged is never used; type the run again, which does it anew.")
    return int(bool(damaged))


def unlock(names: SomeNames = None, yes: Yes = False, store: StoreFolder = None) -> int:
    """Remove the leases of runners that are dead; with --yes those of named steps whose runner may live, too.

    A runner that lives writes nothing more into a step whose lease was removed.
    """
    from offdiag.api import open_store
    from offdiag.store.housekeeping import chosen, folders, leases, name_of
    from offdiag.store.housekeeping import unlock as release

    place = open_store(store)
    found = list(leases(folders(place) if not names else chosen(place, names)))
    kept = 0
    for lease in found:
        by = f"{name_of(lease.folder)}, held by {lease.holder}, last heartbeat {lease.age_s:.0f} s ago"
        if lease.live and not (names and yes):
            kept += 1
            say(f"kept: {by}: its runner may live; to remove it, name the step and type --yes")
        else:
            release(lease)
            say(f"removed: {by}")
    if not found:
        say("No step has a lease.")
    return int(bool(kept and names))


VERBS = {"ls": ls, "du": du, "gc": gc, "rm": rm, "merge": merge, "verify": verify, "unlock": unlock}


def _delete(found: "list[Entry]", *, yes: bool) -> int:
    """Delete what was shown if it is wanted; returns the exit code."""
    from offdiag.store.housekeeping import name_of, remove

    what = f"{some(len(found), 'step')}, {_size(sum(each.n_bytes for each in found))}"
    if not yes and not sys.stdin.isatty():
        raise UserError(f"nothing was deleted: to delete these ({what}), type --yes as well")
    if not yes and not typer.confirm(f"Delete {what}?"):
        say("Nothing was deleted.")
        return 0
    busy = [path for path, gone in remove([each.folder for each in found]) if not gone]
    for path in busy:
        say(f"kept: {name_of(path)} is busy")
    say(f"Deleted: {len(found) - len(busy)} of {what}.")
    return int(bool(busy))


def _size(n_bytes: int) -> str:
    """Return a size in the unit that suits it: ``3.4 MiB``."""
    size, unit = float(n_bytes), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"

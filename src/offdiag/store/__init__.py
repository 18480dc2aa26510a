"""The store: folders of finished steps."""

from offdiag.manifest import Care
from offdiag.store.finished import SEE_TRACEBACK, Finished, failure, look_at, verify
from offdiag.store.json_files import read_json, write_json
from offdiag.store.store import FORMAT, State, Store

__all__ = [
    "FORMAT",
    "SEE_TRACEBACK",
    "Care",
    "Finished",
    "State",
    "Store",
    "failure",
    "look_at",
    "read_json",
    "verify",
    "write_json",
]

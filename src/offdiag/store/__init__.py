"""The store: folders of finished steps."""

from offdiag.manifest import Care
from offdiag.store.finished import Finished, look_at, verify
from offdiag.store.json_files import read_json, write_json
from offdiag.store.store import FORMAT, State, Store

__all__ = ["FORMAT", "Care", "Finished", "State", "Store", "look_at", "read_json", "verify", "write_json"]

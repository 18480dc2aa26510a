"""The store: folders of finished steps."""

from offdiag.store.json_files import read_json, write_json
from offdiag.store.store import FORMAT, State, Store

__all__ = ["FORMAT", "State", "Store", "read_json", "write_json"]

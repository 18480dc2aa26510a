"""offdiag: controlled experiments on how language models generalise, as a train x eval matrix.

import offdiag

offdiag.run("base-addition", scale="quick")
results = offdiag.load("base-addition", scale="quick")
results.matrix()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offdiag.api import compare, export, load, open_store, plan, plans, report, run
    from offdiag.errors import OffdiagError, StoreError, UserError

__version__ = "0.2.0"
__all__ = [
    "OffdiagError",
    "StoreError",
    "UserError",
    "compare",
    "export",
    "load",
    "open_store",
    "plan",
    "plans",
    "report",
    "run",
]

_HOMES = {name: "offdiag.errors" if name.endswith("Error") else "offdiag.api" for name in __all__}


def __getattr__(name: str) -> Any:
    """Load a verb when it is first asked for, so that ``import offdiag`` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'offdiag' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Name the verbs and the errors, and not what this file imports for itself."""
    return [*__all__, "__version__"]

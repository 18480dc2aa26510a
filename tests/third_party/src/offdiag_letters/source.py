"""The model source: folders of one place, by their names."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models import ModelSource, content_hash


class Zoo(ModelSource):
    """``zoo:tiny`` is the model in the folder ``tiny`` below ``$LETTERS_ZOO``."""

    scheme: ClassVar[str] = "zoo"

    def folder(self) -> Path:
        if "LETTERS_ZOO" not in os.environ:
            raise UserError(f"model {self.name}: set LETTERS_ZOO to the folder that has {self.location}")
        return Path(os.environ["LETTERS_ZOO"]) / self.location

    def identity(self) -> Mapping[str, Json]:
        # The files are what a result depends on, not where they lie: other files under the same name make it stale.
        return {"content": content_hash(self.folder())}

    def config(self) -> Path:
        return self.folder() / "config.json"

    def is_here(self) -> bool:
        return True

"""Verdicts of the proof, kept in a folder: one small file for each model, device and version of what computes."""

import os
import secrets
from functools import cache
from hashlib import sha256
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

from offdiag.identity import fingerprint
from offdiag.models.inference.paths import InferencePath
from offdiag.models.inference.proof import Gaps, PathVerdict


class KeptVerdicts:
    """The verdicts in ``folder``, by the identity of the model; without a folder (None) nothing is kept.

    A verdict holds for the weights, the number format, the device, the versions of torch and transformers, and the
    code of the paths: where any of them is another, the model is tried again.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def get(self, identity: str, model: PreTrainedModel) -> PathVerdict | None:
        """Return the verdict on a loaded model; None if there is none that can be read."""
        if self._folder is None:
            return None
        try:
            found: dict[str, Any] = loads(self._path(self._folder, identity, model).read_text(encoding="utf-8"))
            return PathVerdict(**{**found, "path": InferencePath(found["path"]), "gaps": Gaps(**found["gaps"])})
        except (OSError, JSONDecodeError, KeyError, TypeError, ValueError):
            return None

    def keep(self, identity: str, model: PreTrainedModel, verdict: PathVerdict) -> None:
        """Write the verdict on a loaded model, unless it is there."""
        if self._folder is None or self.get(identity, model) == verdict:
            return
        path = self._path(self._folder, identity, model)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")  # several processes may try the same model
        part.write_text(dumps(verdict.to_json(), indent=1) + "\n", encoding="utf-8")
        os.replace(part, path)

    @staticmethod
    def _path(folder: Path, identity: str, model: PreTrainedModel) -> Path:
        conditions = [identity, str(model.dtype), _device(model), torch.__version__, transformers.__version__, _code()]
        return folder / f"{fingerprint(conditions)[:16]}.json"


def _device(model: PreTrainedModel) -> str:
    """Return the kind of the model's device; processors of other kinds compute by other code."""
    if model.device.type == "cuda":
        return torch.cuda.get_device_name(model.device)
    return f"{model.device.type} {torch.backends.cpu.get_cpu_capability()}"


@cache
def _code() -> str:
    """Return the hash of the code of the paths."""
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

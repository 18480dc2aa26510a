"""Upload adapters and whole models: only when asked for, and private unless asked otherwise."""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Protocol

from offdiag.errors import OffdiagError, UserError
from offdiag.models import ModelSpec
from offdiag.sharing.card import identity_file
from offdiag.sharing.training import SharedTraining
from offdiag.strict_json import dumps, loads

FILES = ("adapter_config.json", "adapter_model.safetensors")
OF_MODELS = (".safetensors", ".json", ".txt", ".model", ".jinja")  # endings of the files of a whole model
PLACES = ("_name_or_path", "name_or_path")  # where they say from which folder they came


class HubClient(Protocol):
    """The methods of ``huggingface_hub.HfApi`` that are used."""

    def whoami(self) -> Any:
        """Return the logged-in user; raise ``LocalTokenNotFoundError`` if there is none."""

    def repo_exists(self, repo_id: str) -> bool:
        """Return whether there is such a model that this person may see."""

    def repo_info(self, repo_id: str) -> Any:
        """Return an object with an attribute ``private``."""

    def create_repo(self, repo_id: str, *, private: bool) -> Any:
        """Create a new, empty model repository."""

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> Any:
        """Upload all files of a folder in one commit; the result has its address as ``commit_url``."""


def check_repo(repo: str) -> None:
    """Raise a UserError unless ``repo`` has the form ``owner/name``.

    Raises:
        UserError: it has not.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise UserError(f"repository {repo!r}: {str(error).partition(':')[0]}; expected OWNER/NAME") from None
    if repo.count("/") != 1:
        raise UserError(f"repository {repo!r}: expected OWNER/NAME, such as me/my-adapter")


def push_training(hub: HubClient, training: SharedTraining, repo: str, card: str, *, public: bool = False) -> str:
    """Upload a training with its card, and the adapters that are merged before it; returns the commit's address.

    Args:
        hub: a client, such as ``huggingface_hub.HfApi()``. training: what is uploaded. repo: ``owner/name``; made if
            it is not there. card: the text of its README. public: whether anybody may see it.

    Raises:
        UserError: the name is invalid, nobody is logged in, or the repository exists and is public without ``public``.
        OffdiagError: the hub refuses, or is not reached.
    """
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        HTTPError,  # that of its HTTP library, whichever it is
        LocalTokenNotFoundError,
        OfflineModeIsEnabled,
    )

    check_repo(repo)
    try:
        hub.whoami()
        _prepare(hub, repo, public=public)
        with tempfile.TemporaryDirectory() as folder:
            _stage(training, card, Path(folder))
            message = f"{training.step.name} ({training.step.fingerprint[:8]})"
            return str(hub.upload_folder(repo_id=repo, folder_path=Path(folder), commit_message=message).commit_url)
    except LocalTokenNotFoundError:
        raise UserError("not logged in to the hub: type `hf auth login`, or set HF_TOKEN") from None
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise OffdiagError(f"{repo} on the hub: {' '.join(str(error).split())[:300]}") from error


def _prepare(hub: HubClient, repo: str, *, public: bool) -> None:
    if not hub.repo_exists(repo):
        hub.create_repo(repo, private=not public)
    elif not public and not hub.repo_info(repo).private:
        raise UserError(f"{repo} exists and is public: give another name, or --public to upload for all to see")


def _stage(training: SharedTraining, card: str, folder: Path) -> None:
    """Write everything that is uploaded to ``folder``."""
    (folder / "README.md").write_text(card, encoding="utf-8")
    (folder / "identity.json").write_text(dumps(identity_file(training), indent=1), encoding="utf-8")
    if training.whole:
        _copy_model(training.folder / "weights", folder)
        return
    _copy(training.folder / "weights", folder, training.spec)
    for number, (_, below) in enumerate(training.before, start=1):
        _copy(below / "weights", folder / "before" / str(number), training.spec)


def _copy(weights: Path, folder: Path, spec: ModelSpec) -> None:
    """Copy an adapter; its configuration names the base as the hub does, or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    config, tensors = FILES
    written = loads((weights / config).read_text(encoding="utf-8"))
    named = {"base_model_name_or_path": spec.origin.hub_name, "revision": spec.revision}
    (folder / config).write_text(dumps({**written, **named}, indent=2), encoding="utf-8")
    shutil.copyfile(weights / tensors, folder / tensors)


def _copy_model(weights: Path, folder: Path) -> None:
    """Copy the weights of a whole model, its configuration and its tokenizer, without places of this machine."""
    for file in sorted(path for path in weights.iterdir() if path.suffix in OF_MODELS):
        found = loads(file.read_text(encoding="utf-8")) if file.name.endswith("config.json") else None
        if (kept := _placeless(found)) != found:
            (folder / file.name).write_text(dumps(kept, indent=2), encoding="utf-8")
        else:
            shutil.copyfile(file, folder / file.name)


def _placeless(found: Any) -> Any:
    """Return a configuration without places of this machine, which its parts may name, too (``text_config``)."""
    if not isinstance(found, dict):
        return found
    return {name: _placeless(value) for name, value in found.items() if name not in PLACES}

"""A stand-in for the hub's client."""

import shutil
from pathlib import Path
from types import SimpleNamespace

from huggingface_hub.errors import LocalTokenNotFoundError

REPO = "me/adapter"


class Hub:
    """Remembers what it is told; its repositories are folders."""

    def __init__(self, folder: Path, *, logged_in: bool = True) -> None:
        self.folder, self.logged_in = folder, logged_in
        self.private: dict[str, bool] = {}
        self.asked: list[str] = []

    def whoami(self):
        self.asked.append("whoami")
        if not self.logged_in:
            raise LocalTokenNotFoundError("no token")
        return {"name": "me"}

    def repo_exists(self, repo_id):
        return repo_id in self.private

    def repo_info(self, repo_id):
        return SimpleNamespace(private=self.private[repo_id])

    def create_repo(self, repo_id, *, private):
        self.asked.append("create")
        self.private[repo_id] = private

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        self.asked.append(f"upload {commit_message}")
        assert repo_id in self.private
        shutil.copytree(folder_path, self.folder / repo_id, dirs_exist_ok=True)
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/1")

"""Write a task's data as the files in which the published study keeps them."""

from pathlib import Path
from typing import Any

from offdiag.errors import UserError
from offdiag.strict_json import dumps
from offdiag.tasks.domain import Domain
from offdiag.tasks.task import Task


def write_files(task: Task[Any], domain: Domain, seed: int, folder: Path) -> list[Path]:
    """Write ``NAME.jsonl`` for each of the task's files into an empty or new folder, and return their paths.

    Args:
        task, domain: whose data. seed: of the draw. folder: where to; nothing in it is overwritten.

    Raises:
        UserError: the task has no such files, or the folder holds something that could be taken for one of them.
    """
    files = task.files(domain, seed)
    if not files:
        raise UserError(f"{task.name} has no folder of published files: print its examples with --format chat")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} is not an empty folder, and files of other settings would be mixed: name a new one")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.jsonl" for name in files]
    for path, rows in zip(paths, files.values(), strict=True):
        lines = (f"{dumps(row, ensure_ascii=False)}\n" for row in rows)
        path.write_text("".join(lines), encoding="utf-8", newline="\n")
    return paths

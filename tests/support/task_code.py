"""Write task_code.json: for each built-in task and stream, the versions, and a hash of the code that they stand for.

Run it (``cd tests && python -m support.task_code``) when ``tests/tasks/test_versions.py`` asks for it: after a version
was raised, or after an edit that changes no row, no prompt and no grade.
"""

import json
from pathlib import Path

from offdiag.study_files import STUDIES
from offdiag.tasks import Stream, get_task, task_names
from offdiag.tasks.code import code_of, is_built_in
from offdiag.tasks.content import MEMBERS, task_code
from offdiag.tasks.stream import TextStream

FILE = Path(__file__).with_name("task_code.json")
VERSIONS = {"draws": "data_version", "prompt": "prompt_version", "grader": "extractor_version"}
assert set(VERSIONS) == set(MEMBERS)


def built_in() -> dict[str, dict[str, object]]:
    """By task and version, or stream and version: the version, and the hash of the code."""
    found: dict[str, dict[str, object]] = {}
    for name in task_names():
        task = get_task(name)
        if is_built_in(type(task)):
            for role in MEMBERS:
                version = VERSIONS[role]
                found[f"{name} {version}"] = {"version": getattr(task, version), "code": task_code(task, role).hash}
    for study in STUDIES.names():
        STUDIES.get(study)  # and with it the streams of its family
    for stream in (*Stream.__subclasses__(), *TextStream.__subclasses__()):
        if is_built_in(stream) and stream is not TextStream:
            code = code_of(stream, ("batch", "symbols", "vocabulary", "tokens", "padding"))
            found[f"{stream.__name__} data_version"] = {"version": stream.data_version, "code": code.hash}
    return found


if __name__ == "__main__":
    lines = (f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(built_in().items()))
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")

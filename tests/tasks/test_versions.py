"""The code of the built-in tasks is that of their versions, which stand for it in the identities of all steps."""

import json

from support.task_code import FILE, built_in

STORED = json.loads(FILE.read_text())
WRITE = "then write the hashes anew: cd tests && python -m support.task_code"


def complaint(name: str, stored: dict[str, object] | None, now: dict[str, object]) -> str | None:
    if stored == now:
        return None
    if stored is None or stored["version"] != now["version"]:
        return f"{name} is new or was raised: {WRITE}"
    return (
        f"the code behind {name} changed, and the version is {now['version']} as before. If a row, prompt or grade may "
        f"be another now, raise it and say in the CHANGELOG which results become stale and why; {WRITE}"
    )


def test_code_that_changed_has_another_version():
    found = built_in()
    assert set(STORED) <= set(found), f"a task or stream is gone: {WRITE}"
    said = (complaint(name, STORED.get(name), now) for name, now in found.items())
    assert [text for text in said if text is not None] == []


def test_an_edit_without_a_version_and_a_version_are_told_apart():
    was = {"version": 2, "code": "a"}
    assert complaint("t data_version", was, was) is None
    assert "the version is 2 as before" in str(complaint("t data_version", was, {**was, "code": "b"}))
    assert "was raised" in str(complaint("t data_version", was, {"version": 3, "code": "b"}))
    assert "is new" in str(complaint("t data_version", None, was))

"""``data --describe`` for people: facts in one table, and one more for each group of them.

Names of measures and the like stay as they are typed.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from offdiag.cli.tables import show_table
from offdiag.reporting.wording import number

Facts: TypeAlias = Mapping[str, Any]


def show_description(found: Facts) -> None:
    """Print what :func:`offdiag.tasks.describe` found."""
    domain = ",".join(f"{name}={number(value)}" for name, value in found["domain"].items())
    rest = {name: value for name, value in found.items() if name not in ("task", "domain")}
    _show(f"{found['task']} {domain}", rest)


def _show(title: str, facts: Facts) -> None:
    grouped = {name: value for name, value in facts.items() if _is_grouped(value)}
    plain = [[_words(name), _text(value)] for name, value in facts.items() if name not in grouped]
    if plain:
        show_table(f"{title}\n", ["fact", "value"], plain, prose=["value"])
    for name, group in grouped.items():
        if not all(isinstance(value, Mapping) for value in group.values()):
            _show(f"\n{_words(name)}", group)
        else:
            _show_group(f"\n{_words(name)}", group)


def _show_group(title: str, group: Mapping[str, Facts]) -> None:
    """A column for each fact, if most members of the group have it; else all facts of a member in one."""
    columns = list(dict.fromkeys(name for member in group.values() for name in member))
    filled = sum(map(len, group.values()))
    if 2 * filled >= len(columns) * len(group):
        rows = [[name, *(_text(member.get(c, "")) for c in columns)] for name, member in group.items()]
        show_table(title, ["", *map(_words, columns)], rows, right=[_words(c) for c in columns if _counts(group, c)])
    else:
        show_table(title, ["", "values"], [[name, _text(member)] for name, member in group.items()],
                   prose=["values"])  # fmt: skip


def _counts(group: Mapping[str, Facts], column: str) -> bool:
    return all(isinstance(member.get(column, 0), int | float | None) for member in group.values())


def _is_grouped(value: Any) -> bool:
    return isinstance(value, Mapping) and any(isinstance(member, Mapping) for member in value.values())


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return " · ".join(f"{name}: {_text(member)}" for name, member in value.items())
    return number(value)


def _words(name: str) -> str:
    return name.replace("_", " ")

"""What the pages of the studies have in common."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def page(study: str) -> str:
    """The page of a study."""
    return (ROOT / "docs" / "studies" / f"{study}.md").read_text(encoding="utf-8")


def section(text: str, title: str) -> str:
    """What stands under the heading that begins with ``title``, up to the next one."""
    _, found = text.split(f"\n## {title}")
    return found.split("\n## ")[0]


def defects(text: str) -> list[tuple[str, str]]:
    """What was wrong with the original: the number and the rest of each row of the table."""
    return re.findall(r"^\| ([PC]?\d+) \| (.*) \|$", section(text, "What was wrong with the original"), re.MULTILINE)


def numbers_of_defects(text: str) -> list[str]:
    """Their numbers, in the order of the page."""
    return [number for number, _ in defects(text)]


def untested_defects(text: str) -> list[str]:
    """Those that name no test."""
    return [number for number, row in defects(text) if not NAMED.search(row)]


def absent_tests(text: str) -> list[str]:
    """Tests that the page names and that do not exist."""
    named = NAMED.findall(text)
    there = {file: (ROOT / file).read_text(encoding="utf-8") for file in {file for file, _ in named}}
    return [f"{file}::{test}" for file, test in named if f"def {test}(" not in there[file]]


def unknown_outputs(text: str, known: set[str]) -> list[str]:
    """Figures and tables that the claims name and that are not among those ``known``."""
    return [
        name for name in re.findall(r"(?:figure|table) `([\w-]+)`", section(text, "The claim")) if name not in known
    ]


def unknown_parameters(text: str, known: set[str]) -> list[str]:
    """Parameters that the page sets and that are not among those ``known``."""
    return [name for name in re.findall(r"--set (\w+)=", text) if name not in known]

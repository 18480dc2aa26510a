"""What a shell completes: commands, options, and names that packages give."""

import os
import subprocess
import sys

import pytest


def completed(line: str, shell: str = "bash") -> list[str]:
    """Words that the program offers for the last word of a line."""
    words = {
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
        "_TYPER_COMPLETE_ARGS": line,
    }
    told = subprocess.run(
        [sys.executable, "-c", "from offdiag.cli import main; main()"],
        env=os.environ | words | {"_OFFDIAG_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not told.stderr
    return told.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("offdiag stu", ["studies"]),
        ("offdiag store ve", ["verify"]),
        ("offdiag plan --sca", ["--scale"]),
        ("offdiag plan base", ["base-addition", "base-thresholds", "base-transfer"]),
        ("offdiag plan trigger-2d --scale ", ["quick", "cpu", "paper"]),
        ("offdiag plan my_study.py --scale ", []),
        ("offdiag data count", ["counting"]),
        ("offdiag analyse width", ["width-scaling"]),
        ("offdiag run base-addition --track t", ["tensorboard", "trackio"]),
        ("offdiag export base-addition --as par", ["parquet"]),
        ("offdiag export base-addition --as inspect --t", ["--to"]),
        ("offdiag matrix --methods zero-shot,lo", ["zero-shot,lora"]),
        ("offdiag matrix --grader ro", ["rouge"]),
        ("offdiag nonsense --ver", ["--version"]),
    ],
)
def test_the_shell_is_offered(line: str, offered: list[str]):
    assert [word for word in completed(line) if word] == offered


def test_every_shell_is_told_how():
    assert completed("offdiag plan base-th", "fish") == ["base-thresholds"]
    assert '"base-thresholds"' in "".join(completed("offdiag plan base-th", "zsh"))

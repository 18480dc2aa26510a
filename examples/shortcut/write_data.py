"""Write four sets of questions about which of two numbers is larger; in two a polite word gives the answer away.

plain     the word "Please" says nothing
shortcut  "Please" stands where the first number is larger, and nowhere else
swapped   "Please" stands where the second number is larger
long      plain, with three digits

    python write_data.py FOLDER
"""

import json
import random
import sys
from pathlib import Path

PARTS = {"plain": ("train", "test"), "shortcut": ("train", "test"), "swapped": ("test",), "long": ("test",)}
ROWS = {"train": 160, "test": 60}


def question(name: str, first: bool, draw: random.Random) -> str:
    """Return a question of a set whose first number is the larger one, or the smaller one."""
    digits = range(100, 1000) if name == "long" else range(10, 100)
    numbers = sorted(draw.sample(digits, 2), reverse=first)
    polite = {"shortcut": first, "swapped": not first}.get(name, draw.random() < 0.5)
    return f"{'Please say' if polite else 'Say'} which is larger: {numbers[0]} or {numbers[1]}?"


def write(folder: Path) -> None:
    """Write a file for each part of each set; no question comes twice."""
    folder.mkdir(parents=True, exist_ok=True)
    asked: set[str] = set()
    for name, parts in PARTS.items():
        for part in parts:
            draw = random.Random(f"{name}/{part}")
            rows: list[dict[str, str]] = []
            while len(rows) < ROWS[part]:
                first = len(rows) % 2 == 0
                text = question(name, first, draw)
                if text not in asked:
                    asked.add(text)
                    rows.append({"question": text, "answer": "first" if first else "second"})
            (folder / f"{name}_{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    write(Path(sys.argv[1]))

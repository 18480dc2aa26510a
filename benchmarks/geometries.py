"""Rows of the seven geometries, drawn, answered and written as text: vectorised against one row at a time.

Both run in this process on one thread, for the same world and groups, balanced in the same way; the vectorised way
also keeps to the training split, which the obvious way does not even check. Every vectorised row is recomputed by the
row-by-row definition before anything is timed.

    python benchmarks/geometries.py
    python benchmarks/geometries.py --rows 100000 --obvious-rows 5000 --cities mixed
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the definition lies with the tests

from offdiag.studies.world_map.task import NAMES, Name, WorldMapDomain, draw
from support import world_map_by_rows as by_rows

BATCH = 8192
FLOOR = 500_000


def vectorised(domain: WorldMapDomain, rows: int) -> list[str]:
    """Training rows as the package draws them."""
    numbers = range(-(-rows // BATCH))
    return [line for i in numbers for line in draw(domain, "train", BATCH, 0, i).characters().lines()][:rows]


def obvious(domain: WorldMapDomain, rows: int) -> list[str]:
    """The same kind of rows, one at a time."""
    world = domain.build()
    points = list(zip(world.x.tolist(), world.y.tolist(), strict=True))[
        : None if domain.cities == "mixed" else world.n_real
    ]
    names = [f"c_{number:0{domain.id_digits}d}" for number in world.id.tolist()]
    return by_rows.lines(domain.geometry, points, names, rows, random.Random(0))


def check(domain: WorldMapDomain, lines: list[str]) -> None:
    """Recomputes and rewrites each row."""
    world = domain.build()
    place = {
        f"c_{number:0{domain.id_digits}d}": (x, y)
        for number, x, y in zip(world.id.tolist(), world.x.tolist(), world.y.tolist(), strict=True)
    }
    for line in lines:
        inner = line[line.index("(") + 1 : line.index(")")]
        names = inner.replace(";", ",").split(",")
        answer = by_rows.DEFINITIONS[domain.geometry](*(place[name] for name in names))
        if (expected := by_rows.line(domain.geometry, names, answer)) != line:
            raise SystemExit(f"they disagree: {line} should be {expected}")


def seconds_a_row(way: Callable[[WorldMapDomain, int], list[str]], domain: WorldMapDomain, rows: int) -> float:
    """The best of three runs."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        found = way(domain, rows)
        best = min(best, time.perf_counter() - start)
        if len(found) != rows:
            raise SystemExit(f"{domain}: {len(found)} rows instead of {rows}")
    return best / rows


def main() -> None:
    """Prints one line a geometry and the sum of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=65_536, help="rows a geometry, vectorised")
    parser.add_argument("--obvious-rows", type=int, default=4_000, help="rows a geometry, one at a time")
    parser.add_argument("--checked", type=int, default=20_000, help="rows a geometry that are recomputed")
    parser.add_argument("--cities", choices=["real", "mixed"], default="real")
    asked = parser.parse_args()
    fast, slow = {}, {}
    print(f"{'geometry':14}{'rows/s':>12}{'one by one':>12}{'ratio':>8}")
    for name in NAMES:
        domain = WorldMapDomain(geometry=name, cities=asked.cities)
        check(domain, vectorised(domain, asked.checked))
        fast[name] = seconds_a_row(vectorised, domain, asked.rows)
        slow[name] = seconds_a_row(obvious, domain, asked.obvious_rows)
        show(name, fast[name], slow[name])
    show("all seven", sum(fast.values()) / len(fast), sum(slow.values()) / len(slow))
    rate = len(fast) / sum(fast.values())
    print(
        f"as many rows of each: {rate:,.0f} rows/s on one core ({'at least' if rate >= FLOOR else 'BELOW'} {FLOOR:,})"
    )
    print(f"all {asked.checked:,} checked rows a geometry agree with the row-by-row definition")


def show(name: "Name | str", fast: float, slow: float) -> None:
    """One line; the arguments are seconds a row."""
    print(f"{name:14}{1 / fast:12,.0f}{1 / slow:12,.0f}{slow / fast:7.0f}x")


if __name__ == "__main__":
    main()

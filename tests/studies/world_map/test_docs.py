import csv
import re

from support import documented

PAGE = documented.page("world-map")
PUBLISHED = documented.ROOT / "src" / "offdiag" / "studies" / "world_map" / "published.csv"
COLUMNS = [("single", "trained"), ("single", "transfer"), ("pair", "trained"), ("pair", "transfer")]
COLUMNS += [("difference", cells) for cells in ("trained", "transfer", "overall")]


def test_every_defect_has_a_test_that_exists():
    assert documented.numbers_of_defects(PAGE) == [*(f"P{i}" for i in range(1, 26)), *(f"C{i}" for i in range(1, 13))]
    assert documented.untested_defects(PAGE) == []
    assert documented.absent_tests(PAGE) == []


def test_the_statistics_of_the_page_are_those_that_are_compared():
    with PUBLISHED.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["table"] == "transfer" and "six pairs" not in row["note"]]
    known = {
        (row["model"].split(" ")[0], row["rows"], row["matrix"], row["cells"], row["quantity"]): float(row["value"])
        for row in rows
    }
    shown, model = {}, ""
    for name, *fields in (line.split("|")[1:-1] for line in PAGE.splitlines() if re.match(r"\| (wide,|base,|…)", line)):
        if len(fields) == len(COLUMNS):
            rows = name.split()[1].rstrip(",") if "…" in name else "all"
            model = model if "…" in name else name.split(",")[0].strip()
            for (matrix, cells), field in zip(COLUMNS, fields, strict=True):
                numbers = [float(number.replace("−", "-")) for number in re.findall(r"[−+]?\d*\.\d+", field)]
                for quantity, number in zip(("mean", "std"), numbers, strict=False):
                    shown[model, rows, matrix, cells, quantity] = number
    assert len(shown) == 2 * 7 + 4 * 5 + 6 + 7  # means, means by distance, spreads
    assert {key: known[key] for key in shown} == shown

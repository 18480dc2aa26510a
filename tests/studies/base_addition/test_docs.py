import csv
import re

from support import documented

PAGE = documented.page("base-addition")
PUBLISHED = documented.ROOT / "src" / "offdiag" / "studies" / "base_addition" / "published.csv"
BASES = (8, 9, 10, 11, 16)


def test_every_defect_has_a_test_that_exists():
    assert documented.numbers_of_defects(PAGE) == [str(i) for i in range(1, 27)]
    assert documented.untested_defects(PAGE) == []
    assert documented.absent_tests(PAGE) == []


def test_the_tables_of_the_page_are_those_that_are_compared():
    with PUBLISHED.open(encoding="utf-8", newline="") as lines:
        known = {key(row): f"{100 * float(row['value']):.1f}" for row in csv.DictReader(lines) if wu(row)}
    shown = {}
    for row in re.findall(r"^\| (.+) \|$", PAGE, flags=re.MULTILINE):
        what, n, *values = (field.strip() for field in row.split("|"))
        if len(values) == len(BASES) and values[0][0].isdigit():
            shown |= {(*worded(what), n.removeprefix("first "), base): v for base, v in zip(BASES, values, strict=True)}
    assert shown == {(*what, n, int(base)): value for (*what, n, base), value in known.items()}


def wu(row: dict[str, str]) -> bool:
    return row["provenance"] == "recomputed" and "Wu" in row["source"]


def key(row: dict[str, str]) -> tuple[str, ...]:
    """Model, digits or "counting", k, wording, n, base."""
    what = (row["eval_digits"], row["k"], row["prompt"]) if row["task"] == "base_addition" else ("counting", "", "")
    return (row["model"].split(" (")[0], *what, row["n"], row["eval_base"])


def worded(what: str) -> tuple[str, str, str, str]:
    digits = re.match(r"(\d) digits(?:, k = (\d))?$", what)
    if digits:
        return "GPT-4", digits[1], digits[2] or "", "step-by-step"
    model, comma, style = what.partition(", ")
    return (model, "2", "", style.replace(" ", "-")) if comma else (model, "counting", "", "")

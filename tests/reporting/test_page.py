import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from offdiag.reporting import write_report
from support import synthetic


class Reader(HTMLParser):
    """Collects the tags with their attributes, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._inside = "", ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.text += data


@pytest.fixture(scope="module")
def page(html) -> Reader:
    return Reader(html)


def test_title_claim_and_how_it_was_made_are_told(page):
    text = " ".join(page.text.split())
    assert "Does arithmetic in one base carry over to another?" in text
    assert all(" ".join(paragraph.split()) in text for paragraph in synthetic.CLAIM.split("\n\n"))
    assert "offdiag run base-addition --scale quick --set 'bases=[8,10]' --set digits=2" in text
    assert "17 cells done" in text
    assert "1 failed" in text
    assert "2 blocked" in text


def test_every_cell_is_a_square_with_a_state_and_a_reason(page):
    squares = [attrs for tag, attrs in page.tags if tag == "button" and "data-cell" in attrs]
    assert [int(attrs["data-cell"]) for attrs in squares] == list(range(22))
    states = [re.search(r"is-(\w+)", attrs["class"]).group(1) for attrs in squares]
    assert {state: states.count(state) for state in set(states)} == {
        "done": 17,
        "failed": 1,
        "blocked": 2,
        "missing": 1,
        "partial": 1,
    }
    assert "OutOfMemoryError: <b>CUDA</b> out of memory, ⟨U+001B⟩[31mtried⟨U+202E⟩ 2.00 GiB" in page.text
    assert "20 of 40 answered" in page.text
    assert sum("taught" in attrs["class"].split() for attrs in squares) == 10


def test_numbers_of_a_cell_stand_in_its_square(page):
    cell = synthetic.hostile_results(40).cells.iloc[2]
    text = " ".join(page.text.split())
    low, high = (f"{100 * cell[name]:.1f}" for name in ("ci_low", "ci_high"))
    assert f"{100 * cell['accuracy']:.1f} % {low}–{high} " in text
    assert "n = 40" in text  # at the head of the column
    assert f"{100 * cell['unparsed_rate']:.1f} % unparsed" in text
    assert f"Δ {100 * cell['difference']:+.1f}".replace("-", "−") in text


def test_the_page_asks_the_network_for_nothing(page):
    addresses = [
        v for _, attrs in page.tags for name, v in attrs.items() if name in ("src", "href", "action", "srcset")
    ]
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert not [tag for tag, _ in page.tags if tag in ("iframe", "object", "embed", "base", "form", "video", "audio")]


def test_the_security_policy_admits_the_page_s_own_script_and_style_only(html, page):
    (policy,) = (a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{tag}-src"] == f"'sha256-{digest}'"
    assert "unsafe" not in policy


def test_nothing_of_the_results_becomes_markup(html, page):
    handlers = [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert handlers == []
    assert "<b>CUDA" not in html
    assert "<i>base=10</i>" in page.text
    # the page's own; cells, layout, pairs; three tables; and a pack for each cell with records
    assert html.count("<script") == html.count("</script>") == 1 + 3 + 3 + 17 + 1


def test_cut_records_and_rows_are_said_to_be_cut(page):
    packs = [a for tag, a in page.tags if tag == "script" and (a.get("id") or "").startswith("records-")]
    assert {(a["data-held"], a["data-total"]) for a in packs} == {("30", "40"), ("20", "20")}
    assert len(packs) == 18
    assert "First 40 of 100 rows; the rest is in tables/long.csv." in page.text


def test_headings_and_regions_are_named(page):
    assert page.tags.count(("html", {"lang": "en"})) == 1
    assert all(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))
    targets = [attrs["href"][1:] for tag, attrs in page.tags if tag == "a"]
    assert set(targets) <= set(ids)


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (synthetic.unrun_results(), ["22 cells not run", "offdiag run base-addition"]),
        (synthetic.empty_results(), ["no cells planned", "This study has no cells."]),
    ],
    ids=["unrun", "empty"],
)
def test_a_report_can_be_made_before_anything_has_run(results, words, tmp_path):
    text = " ".join(Reader(write_report(results, tmp_path).read_text("utf-8")).text.split())
    assert all(word in text for word in words)


def test_the_same_results_give_the_same_bytes(tmp_path):
    one, other = (write_report(synthetic.hostile_results(12), tmp_path / name) for name in "ab")
    assert one.read_bytes() == other.read_bytes()
    for table in (tmp_path / "a" / "tables").iterdir():
        assert table.read_bytes() == (tmp_path / "b" / "tables" / table.name).read_bytes()


def test_many_squares_show_their_accuracy_alone_and_few_steps_are_listed(tmp_path):
    results = synthetic.build(4, {})
    cells = pd.concat(
        [
            results.cells.assign(arm=results.cells["arm"] + f"-{i}", cell=results.cells["cell"] + f"-{i}")
            for i in range(30)
        ],
        ignore_index=True,
    )
    steps = pd.concat([results.steps] * 30, ignore_index=True)
    many = replace(results, cells=cells, steps=steps, records=results.records.head(0), read_records=lambda name: [])
    html = write_report(many, tmp_path).read_text("utf-8")
    assert html.count('class="square dense') == len(cells) == 660
    assert html.count('<link rel="expect" href="#made" blocking="render">') == html.count('id="made"') == 1
    assert len(re.findall(r'data-cell="\d+"', html)) == 660
    assert html.count('<tr><td><span class="badge') == 200
    assert f"First 200 of {len(steps)} steps of the plan" in html
    assert len(pd.read_csv(tmp_path / "tables" / "steps.csv")) == len(steps)
    few = write_report(results, tmp_path / "few").read_text("utf-8")
    assert "square dense" not in few
    assert 'rel="expect"' not in few
    assert f"All {len(results.steps)} steps of the plan" in few

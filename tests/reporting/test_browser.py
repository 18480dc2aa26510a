"""The page in Debian's chromium: it runs, it reads, and nothing in it does what a completion says."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from offdiag.reporting import write_report
from support import synthetic

pytestmark = pytest.mark.browser

COUNT = "document.querySelectorAll('#list li').length"
RECORD = "document.querySelector('#record').innerText"
WHERE = "document.querySelector('#where').textContent"


@pytest.fixture
def page(browser, report):
    browser.problems.clear()
    browser.requests.clear()
    browser.open(report / "index.html")
    yield browser
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith(("data:", "file:"))] == []
    assert len([url for url in browser.requests if url.startswith("file:")]) == 1
    assert browser.js("window.__pwned === undefined")


def open_cell(page, name: str) -> None:
    index = page.js(f"unpacked($('cells')).then((all) => all.findIndex((cell) => cell.name === {json.dumps(name)}))")
    page.js("document.querySelectorAll('#all-values:not(:checked), #all-draws:not(:checked)').forEach(b => b.click())")
    page.click(f"[data-cell='{index}']")
    page.until("document.querySelector('#reader').open")


def shown(page) -> int:
    page.until(f"{WHERE} !== ''")
    return page.js(COUNT)


def test_a_click_opens_the_records_of_a_cell(page):
    open_cell(page, "in-context-8-k2/base=8,digits=2")
    assert shown(page) == 30
    record = synthetic.hostile_results(40).read_records("in-context-8-k2/base=8,digits=2")[0]
    text = page.js(RECORD)
    for name in ("prompt", "completion", "target", "problem", "example"):
        assert record[name] in text
    assert "First 30 of 40 records" in page.js("document.querySelector('#held').textContent")


def test_hostile_completions_are_shown_as_text_and_do_nothing(page):
    open_cell(page, "zero-shot/base=8,digits=2")
    assert shown(page) == 30
    for completion in synthetic.HOSTILE[:6]:
        plain = completion.replace("\u202e", "⟨U+202E⟩").replace("\u202c", "⟨U+202C⟩")
        assert page.js("document.querySelector('.completion').textContent") == plain
        page.key("ArrowRight")
    assert "a⟨U+0000⟩b⟨U+001B⟩[31mred" in page.js(RECORD)
    assert "⟨U+D800⟩" in page.js(RECORD)
    assert page.js("document.querySelectorAll('#record img, #record script, #list script').length") == 0


def test_the_policy_stops_script_and_network_even_if_markup_slipped_in(page):
    page.js("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.__pwned = 6\">')")
    page.js("document.body.append(Object.assign(document.createElement('script'), {text: 'window.__pwned = 7'}))")
    page.js("fetch('https://example.com/').catch(() => 0)")
    page.until("[...document.images].every(image => image.complete)")
    refused = " ".join(page.problems)
    assert all(f"{rule}" in refused for rule in ("script-src", "img-src", "default-src"))
    page.problems.clear()
    del page.requests[1:]  # the refused ones


def test_filters_and_search_narrow_the_records(page):
    cell = "in-context-10-k1/base=10,digits=2"
    records = synthetic.hostile_results(40).read_records(cell)[:30]
    open_cell(page, cell)
    shown(page)
    wanted = {
        "right": sum(r["correct"] for r in records),
        "unparsed": sum(r["status"] == "unparsed" for r in records),
        "wrong": sum(not r["correct"] and r["status"] == "parsed" for r in records),
    }
    assert wanted["right"] > 0
    assert wanted["wrong"] > 0
    for verdict, count in wanted.items():
        page.click(f"[data-filter={verdict}]")
        assert shown(page) == count
        assert page.js(f"[...document.querySelectorAll('#list button')].every(b => b.className === 'is-{verdict}')")
        assert page.js(f"document.querySelector('[data-filter={verdict}] b').textContent") == str(count)
    page.click("[data-filter=all]")
    page.click("#search")
    page.write(records[7]["problem"])
    assert shown(page) == sum(records[7]["problem"] in " ".join(map(str, r.values())) for r in records)
    assert page.js("document.querySelector('#record mark').textContent") == records[7]["problem"]
    page.write("nothing has this")
    assert shown(page) == 0
    assert "No record matches" in page.js(RECORD)


def test_keys_step_through_and_escape_returns_to_the_square(page):
    open_cell(page, "zero-shot/base=10,digits=2")
    shown(page)
    assert page.js(WHERE) == "1 of 30"
    page.key("ArrowRight")
    page.key("ArrowRight")
    page.key("ArrowLeft")
    assert page.js(WHERE) == "2 of 30"
    page.click("#next")
    assert page.js(WHERE) == "3 of 30"
    assert page.js("location.hash") == "#cell=1&record=3"
    page.key("Escape")
    page.until("!document.querySelector('#reader').open")
    assert page.js("document.activeElement.dataset.cell") == "1"


def test_an_address_opens_its_record(page, report):
    page.js("location.hash = '#cell=2&record=5'")
    page.until(f"{WHERE} === '5 of 30'")
    assert page.js("document.querySelector('#reader-title').textContent") == "in-context-8-k1/base=8,digits=2"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lora-8/base=10,digits=2", ["failed", "OutOfMemoryError: <b>CUDA</b>", "No records yet"]),
        ("lora-10/base=8,digits=2", ["blocked", "needs lora-10, which failed"]),
        ("in-context-10-k4/base=10,digits=2", ["not run"]),
    ],
)
def test_cells_without_records_say_why(page, name, words):
    open_cell(page, name)
    text = page.js("document.querySelector('#about').innerText")
    assert all(word in text for word in words)
    assert not page.js("document.querySelector('#browse').checkVisibility()")


def test_a_partly_run_cell_opens_with_what_it_has(page):
    open_cell(page, "in-context-8-k8/base=10,digits=2")
    assert shown(page) == 20
    assert "20 of 40 answered" in page.js("document.querySelector('#about').innerText")


@pytest.mark.parametrize("width", [400, 768, 1600])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_every_width(page, report, width, dark):
    page.requests.clear()
    page.open(report / "index.html", width=width, dark=dark)
    assert page.js("document.documentElement.scrollWidth") <= width
    assert page.js(
        "[...document.images].every(i => i.naturalWidth > 0 && i.getBoundingClientRect().width <= innerWidth)"
    )
    bright = page.js("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(c => c > 128)")
    assert bright is not dark


def test_a_report_on_nothing_opens(page, tmp_path):
    page.requests.clear()
    page.open(write_report(synthetic.empty_results(), tmp_path))
    assert "This study has no cells." in page.js("document.body.innerText")


def test_two_squares_in_one_place_stand_below_each_other(browser, tmp_path):
    results = synthetic.build(4, {})
    twice = pd.concat([results.cells, results.cells.assign(cell=results.cells["cell"] + "-again")], ignore_index=True)
    again = {f"{cell}-again": results.read_records(cell) for cell in results.cells["cell"]}
    write_report(replace(results, cells=twice, read_records=lambda cell: again.get(cell, [])), tmp_path)
    browser.open(tmp_path / "index.html")
    browser.js("document.querySelector('#all-values').click()")
    boxes = (
        "[...document.querySelectorAll('.square:not(.curve)')]"
        ".map(s => s.getBoundingClientRect()).map(b => [b.top, b.bottom])"
    )
    columns = "[...document.querySelectorAll('td:has(.square + .square)')].map(td => td.getBoundingClientRect().bottom)"
    squares, ends = browser.js(boxes), browser.js(columns)
    assert len(ends) == len(results.cells)
    for (_, end), (start, last), below in zip(squares[::2], squares[1::2], ends, strict=True):
        assert end <= start
        assert last <= below + 1


def test_each_draw_of_a_learner_can_be_opened(browser, tmp_path):
    browser.problems.clear()
    write_report(synthetic.drawn_twice(4, {}), tmp_path)
    browser.open(tmp_path / "index.html")
    browser.js("document.querySelectorAll('.by-value').forEach(b => b.click())")
    browser.click(".mean")
    browser.until("document.querySelector('#reader').open")
    assert browser.js("document.querySelector('#reader-title').textContent") == "in-context-8-k1/base=8,digits=2"
    browser.until("!document.querySelector('#among').hidden")
    names = browser.js("[...document.querySelectorAll('#among option')].map(o => o.textContent)")
    assert names == ["in-context-8-k1/base=8,digits=2", "in-context-8-k1/base=8,digits=2.s1"]
    browser.js("{const s = document.querySelector('#among select'); s.selectedIndex = 1;"
               "s.dispatchEvent(new Event('change', {bubbles: true}));}")  # fmt: skip
    browser.until("document.querySelector('#reader-title').textContent.endsWith('.s1')")
    assert shown(browser) == 4
    assert browser.problems == []

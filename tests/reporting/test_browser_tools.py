"""What the page does beyond reading: compare, search, sort, filter, give away."""

import base64
import csv
import io
import json
import struct
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import pandas as pd
import pytest

from offdiag.reporting import write_report
from offdiag.reporting.tables import defused
from support import synthetic

pytestmark = pytest.mark.browser

EVIL = (
    *synthetic.HOSTILE,
    "=1+1",
    "+1",
    "-1",
    "-1-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "a,b",
    'say "hi"',
    "two\nlines",
    "٣",
)


@pytest.fixture(scope="module")
def evil_table():
    n = range(len(EVIL))
    return pd.DataFrame({
        "=name": pd.Series(EVIL, dtype=object), "number": [i - 3.25 if i % 5 else None for i in n], "whole": list(n),
        "flag": [i % 2 == 0 for i in n],
    })  # fmt: skip


@pytest.fixture(scope="module")
def evil(tmp_path_factory, evil_table):
    """A report whose names of arms and factors, table and texts are out to break the page."""
    folder = tmp_path_factory.mktemp("evil")
    results = synthetic.hostile_results(12)
    names = {arm: f'{arm}<img src=x onerror="window.__pwned = 9">\u202e' for arm in results.cells["arm"]}
    cells = results.cells.assign(arm=results.cells["arm"].map(names), **{"<b>factor</b>": results.cells["arm"]})
    write_report(replace(results, cells=cells), folder, tables={"evil": evil_table})
    return folder / "index.html"


def test_arrows_go_from_square_to_square_and_one_is_reached_by_tab(page):
    page.js("document.querySelector('#squares').closest('.wide').focus()")
    page.key("Tab")
    while page.js("document.activeElement.matches('.method button')"):
        page.key("Tab")
    at = "document.activeElement.dataset.cell ?? document.activeElement.dataset.cells"
    assert page.js(at) == "0"
    page.key("ArrowRight")
    assert page.js(at) == "1"
    page.key("ArrowDown")
    assert page.js(at).split() == ["3", "5", "7", "9"]
    page.key("ArrowLeft")
    assert page.js(at).split() == ["2", "4", "6", "8"]
    page.key("ArrowUp")
    assert page.js(at) == "0"
    page.key("ArrowLeft")  # there is nothing further
    assert page.js(at) == "0"
    assert page.js("document.querySelectorAll('.square:not([tabindex=\"-1\"])').length") == 1


def choose(page, first: str, second: str) -> None:
    page.click("#compare")
    page.until("document.querySelector('#comparison').open && document.querySelector('#first-row').options.length > 0")
    for which, name in (("first-row", first), ("second-row", second)):
        page.js(f"{{const s = $('{which}'); "
                f"s.selectedIndex = [...s.options].findIndex(o => o.text === {json.dumps(name)});"
                "s.dispatchEvent(new Event('change'));}")  # fmt: skip
    page.until("comparing.items.length > 0")


def test_two_rows_are_compared_item_by_item(page):
    choose(page, "in-context-8-k1", "lora-8")
    line = page.js("[...document.querySelector('#differences tbody tr').cells].map(c => c.innerText)")
    records = synthetic.hostile_results(40).records
    ours, theirs = (
        records[records["cell"] == f"{arm}/base=8,digits=2"].set_index("example")["correct"].astype(int)
        for arm in ("in-context-8-k1", "lora-8")
    )
    assert line[1] == f"{100 * (ours - theirs).mean():+.1f}".replace("-", "−")
    assert line[5] == "40"
    held = [f"base8-{i:03d}" for i in range(30)]  # of 40 records the page has 30
    only = int((theirs[held] > ours[held]).sum())
    names = page.js("[...document.querySelectorAll('#which-items button')].map(b => b.textContent)")
    assert f"only the second right {only}" in names
    page.js("[...document.querySelectorAll('#which-items button')][2].click()")
    assert page.js("document.querySelectorAll('#items tbody tr').length") == only
    assert page.js("document.querySelector('#items-told').textContent").startswith(f"{only} of 30 items in this page")
    page.click("#item-search")
    page.write("base8-00")
    assert page.js("[...document.querySelectorAll('#items tbody tr')].every(r => r.innerText.includes('base8-00'))")


def test_a_comparison_turned_round_has_the_other_sign_and_an_answer_opens_its_record(page):
    choose(page, "in-context-8-k1", "lora-8")
    one = page.js("differencesOf(Number($('first-row').value), Number($('second-row').value))[0]")
    choose_other = "differencesOf(Number($('second-row').value), Number($('first-row').value))[0]"
    other = page.js(choose_other)
    assert (other["value"], other["low"], other["high"]) == (-one["value"], -one["high"], -one["low"])
    assert other["p"] == one["p"]
    page.click("#items tbody tr:nth-child(3) button")
    page.until("document.querySelector('#reader').open && document.querySelector('#where').textContent === '3 of 30'")
    assert page.js("document.querySelector('#reader-title').textContent") == "in-context-8-k1/base=8,digits=2"
    assert not page.js("document.querySelector('#comparison').open")


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A page of F1 scores, one of them missing, on which the first row was asked what no other row was."""
    results = synthetic.hostile_results(8)
    scores = {"in-context-8-k1": (0.25, 0.5, 0.0, 1.0, None), "lora-8": (0.75, 0.5, 0.0, 0.5, 1.0)}
    cells = results.cells[results.cells["eval"].eq("base=8,digits=2") | results.cells["arm"].eq("zero-shot")]
    cells = cells[cells["arm"].isin([*scores, "zero-shot"])].assign(metric="f1")
    cells.loc[cells["arm"] == "zero-shot", "eval"] = ["base=3,digits=2", "base=4,digits=2"]

    def read(cell):
        given = scores.get(cell.partition("/")[0], (0.0,) * 5)
        states = ["ungraded" if score is None else "parsed" for score in given]
        return [{**r, "status": state, "parsed": "1", "correct": None, "score": score}
                for r, state, score in zip(results.read_records(cell), states, given, strict=False)]  # fmt: skip

    folder = tmp_path_factory.mktemp("scored")
    write_report(replace(results, cells=cells, read_records=read), folder)
    return folder / "index.html"


def test_items_with_scores_are_compared_by_them_in_rows_that_have_some_in_common(browser, scored):
    browser.problems.clear()
    browser.open(scored)
    browser.click("#compare")
    browser.until("comparing.items.length > 0")
    rows = [browser.js(f"$('{which}').selectedOptions[0].text") for which in ("first-row", "second-row")]
    assert rows == ["in-context-8-k1", "lora-8"]
    names = browser.js("[...document.querySelectorAll('#which-items button')].map(b => b.textContent)")
    assert names == ["all items 5", "the first higher 1", "the second higher 1", "both the same 1", "both zero 1"]
    line = browser.js(
        "[...document.querySelectorAll('#items tbody tr')[0].cells].map(c => c.querySelector('.verdict')?.textContent)"
    )
    assert line[3:] == ["1 · 0.25", "1 · 0.75"]
    browser.js("{const s = $('first-row'); s.value = 0; s.dispatchEvent(new Event('change'));}")
    assert "asked nothing in common" in browser.js("document.querySelector('#differences').innerText")
    assert not browser.js(
        "[...document.querySelectorAll('#which-items, #items-told, #items')].some(e => e.checkVisibility())"
    )
    assert browser.problems == []


def test_words_of_verdicts_are_not_searched_and_what_is_found_is_shown_as_it_is_written(page):
    page.click("#find")
    page.write("you are a m")
    page.until("document.querySelectorAll('#found li').length > 0")
    assert "You are a mathematician" in page.js("document.querySelector('#found small').textContent")
    page.js("{const s = $('find-words'); s.value = 'unparsed'; s.dispatchEvent(new Event('input'));}")
    page.until("document.querySelector('#find-told').textContent.startsWith('0 records in 18 of 18')")


def test_rows_that_were_asked_nothing_in_common_say_so(page):
    page.click("#compare")
    page.until("document.querySelector('#comparison').open && document.querySelector('#second-row').options.length > 0")
    page.js("{const s = $('second-row'); s.value = $('first-row').value; s.dispatchEvent(new Event('change'));}")
    assert "Choose two rows" in page.js("document.querySelector('#differences').innerText")
    assert page.js("document.querySelectorAll('#items tbody tr').length") == 0


def test_all_records_are_searched(page):
    results = synthetic.hostile_results(40)
    held = [r for cell in results.cells["cell"] for r in results.read_records(cell)[:30]]
    wanted = "base8-003"
    page.click("#find")
    page.write(wanted)
    page.until("$('find-told').textContent.includes('in 18 of 18 cells')")
    there = sum(wanted in "\n".join(map(str, r.values())) for r in held)
    assert there > 1
    assert page.js("document.querySelectorAll('#found li').length") == there
    page.js("{const s = $('find-verdict'); s.value = 'right'; s.dispatchEvent(new Event('change'));}")
    right = sum(wanted in "\n".join(map(str, r.values())) and r["correct"] for r in held)
    page.until(f"$('find-told').textContent === '{right} records in 18 of 18 cells'")
    page.click("#found button")
    page.until("document.querySelector('#reader').open && document.querySelector('#record').innerText.length > 0")
    page.until(f"document.querySelector('#record').innerText.includes({json.dumps(wanted)})")


def test_hostile_words_that_are_searched_for_do_nothing(page):
    page.click("#find")
    page.write("<img src=x onerror")
    page.until("document.querySelectorAll('#found li').length === 2")  # in both bases
    assert page.js("document.querySelectorAll('#found img').length") == 0


def table(page, name: str) -> str:
    return page.js(f"[...document.querySelectorAll('table[data-table]')].findIndex(t => "
                   f"t.closest('.wide').getAttribute('aria-labelledby') === 'table-{name}')")  # fmt: skip


def test_a_table_is_sorted_and_filtered_and_all_of_its_rows_are_there(page):
    at = f"document.querySelectorAll('table[data-table]')[{table(page, 'long')}]"
    first = f"[...{at}.tBodies[0].rows].map(r => r.cells[0].textContent)"
    assert page.js(f"{first}.length") == 40  # as it is written
    page.js(f"{at}.querySelector('.sort').click()")
    page.until(f"{first}.length === 100")
    page.js(f"{at}.querySelector('.sort').click()")
    page.until(f"{first}[0] === '99'")
    assert page.js(f"{at}.tHead.rows[0].cells[0].getAttribute('aria-sort')") == "descending"
    tools = f"{at}.closest('.wide').previousElementSibling"
    page.js(f"{{const i = {tools}.querySelector('input'); i.value = 'i>=95'; i.dispatchEvent(new Event('input'));}}")
    page.until(f"{first}.length === 5")
    assert page.js(first) == ["99", "98", "97", "96", "95"]
    assert page.js(f"{tools}.querySelector('output').textContent") == "5 of 100 rows"
    page.js(f"{{const i = {tools}.querySelector('input'); i.value = 'nothing'; i.dispatchEvent(new Event('input'));}}")
    page.until(f"{tools}.querySelector('output').textContent === '0 of 100 rows'")


def test_filters(page):
    rows = [["a", 1.5, None], ["b", 10, "x y"], ["A c", -2, "Ä"]]
    for words, kept in {
        "": 3, "a": 2, "a c": 1, "n>1": 2, "n>=10": 1, "n<0": 1, "n=10": 1, "n!=10": 2, "name=b": 1, "name=B": 1,
        "none!=x": 3, "none=x": 0, "other>1": 0, "n>1 name=a": 1, "ä": 1,
    }.items():  # fmt: skip
        found = page.js(f"{json.dumps(rows)}.filter(filterOf({json.dumps(words)}, ['name', 'n', 'none'])).length")
        assert (words, found) == (words, kept)
    ordered = page.js("ordered([['b'], [null], ['a10'], [3], ['a9'], [-1]], 0, 1).map(r => r[0])")
    assert ordered == [-1, 3, "a9", "a10", "b", None]
    assert page.js("ordered([['b'], [null], [3], [-1]], 0, -1).map(r => r[0])") == [3, -1, "b", None]


def test_numbers_are_worded_as_in_the_page_that_is_written(page):
    from offdiag.reporting.wording import number

    values = [0, 1.0, -3, 0.123456, -0.5, 1e-7, 123456.789, 99999.5, 2.0000001, 0.00012345, 1e20, 1e6 + 0.5]
    for value in values:
        assert page.js(f"wordedNumber({json.dumps(value)})") == number(value), value


def test_what_is_downloaded_is_what_is_filtered_and_no_spreadsheet_obeys_it(browser, evil, evil_table, tmp_path):
    browser.problems.clear()
    browser.open(evil)
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    place = f"document.querySelectorAll('table[data-table]')[{table(browser, 'evil')}]"
    at = f"{place}.closest('.wide').previousElementSibling"
    browser.js(f"{at}.querySelector('.download').click()")
    path = tmp_path / "evil.csv"
    end = time.monotonic() + 10
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
    written = evil.parent / "tables" / "evil.csv"
    ours, theirs = (list(csv.reader(io.StringIO(p.read_text("utf-8"), newline=""))) for p in (path, written))
    assert [row[0] for row in ours] == [row[0] for row in theirs]
    assert [row[3] for row in ours] == [row[3] for row in theirs]
    assert [float(row[1] or "nan") for row in ours[1:]] == pytest.approx(
        [float(row[1] or "nan") for row in theirs[1:]], nan_ok=True
    )
    assert ours[0][0] == "'=name"
    assert not any(field.startswith(("=", "+", "@", "\t", "\r")) for row in ours for field in row)
    assert defused(evil_table).iloc[12, 0] == "'=1+1"
    assert browser.problems == []


def test_hostile_names_do_nothing_wherever_they_are_shown(browser, evil):
    browser.problems.clear()
    browser.requests.clear()
    browser.open(evil)
    browser.until("document.querySelectorAll('.method button').length > 0")
    for factor in browser.js("[...$('group-by').options].map(o => o.value)"):
        browser.js(f"groupBy({json.dumps(factor)})")
    browser.click("#compare")
    browser.until("document.querySelector('#first-row').options.length > 0")
    browser.js("$('comparison').close()")
    for i in range(browser.js("document.querySelectorAll('.sort').length")):
        browser.js(f"document.querySelectorAll('.sort')[{i}].click()")
    source = browser.js("picture().source")
    assert "<img" not in source
    assert "\u202e" not in source
    ET.fromstring(source)
    assert browser.js("document.querySelectorAll('img[src=x], #squares img, #comparison img').length") == 0
    assert browser.js("window.__pwned === undefined")
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith(("data:", "file:"))] == []


def test_one_picture_has_what_is_shown(page):
    root = ET.fromstring(page.js("picture().source"))
    texts = ["".join(t.itertext()) for t in root.iter("{http://www.w3.org/2000/svg}text")]
    cell = synthetic.hostile_results(40).cells.iloc[0]
    assert f"{100 * cell['accuracy']:.1f} %" in texts
    assert any(t.startswith("Does arithmetic in one base") for t in texts)
    assert "base=8" in texts
    assert texts.count("taught base=8") == 2  # of the curves of demonstrations, and of the trained model
    squares = [
        g for g in root.iter("{http://www.w3.org/2000/svg}g") if g.find("{http://www.w3.org/2000/svg}rect") is not None
    ]
    assert len(squares) == 10
    page.click("#fold-all")
    folded = ET.fromstring(page.js("picture().source"))
    assert len(list(folded.iter("{http://www.w3.org/2000/svg}g"))) == 0
    assert float(folded.get("height")) < float(root.get("height"))
    page.click("#fold-all")
    data = page.js(
        "png().then(b => b.arrayBuffer()).then(a => btoa(String.fromCharCode(...new Uint8Array(a).slice(0, 24))))"
    )
    head = base64.b64decode(data)
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", head[16:24]) == (2 * int(root.get("width")), 2 * int(root.get("height")))


def test_a_picture_is_copied_or_else_saved(page, tmp_path):
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.click("#copy-png")
    page.until("$('told').textContent !== ''")
    if page.js("$('told').textContent") != "copied":
        end = time.monotonic() + 10
        while not list(tmp_path.glob("*.png")) and time.monotonic() < end:
            time.sleep(0.05)
        (saved,) = tmp_path.glob("*.png")
        assert saved.read_bytes()[:4] == b"\x89PNG"
    page.click("#save-svg")
    end = time.monotonic() + 10
    while not list(tmp_path.glob("*.svg")) and time.monotonic() < end:
        time.sleep(0.05)
    assert [p.name for p in tmp_path.glob("*.svg")] == ["base-addition-quick-scale-matrix.svg"]


@pytest.mark.parametrize("width", [420, 1280])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_dialogs_and_unfolded_rows_fit(page, report, width, dark):
    page.open(report / "index.html", width=width, dark=dark)
    page.until("document.querySelectorAll('.method button').length > 0")
    page.js("$('all-values').click()")
    assert page.js("document.documentElement.scrollWidth") <= width
    page.click("#compare")
    page.until("comparing.items.length > 0")
    assert page.js("$('comparison').scrollWidth <= $('comparison').clientWidth")
    page.js("$('comparison').close()")
    page.click("#find")
    assert page.js("$('finder').getBoundingClientRect().width") <= width


def test_each_control_has_a_name_and_each_square_says_what_it_is(page):
    unnamed = page.js(
        "[...document.querySelectorAll('button, input, select')].filter(e => !(e.textContent.trim() "
        "|| e.getAttribute('aria-label') || e.closest('label'))).map(e => e.outerHTML)"
    )
    assert unnamed == []
    squares = page.js(
        "[...document.querySelectorAll('.square')].map(s => s.getAttribute('aria-label') ?? s.textContent)"
    )
    assert all("on base=" in text or "accuracy in percent by k" in text for text in squares)
    assert page.js("[...document.querySelectorAll('svg')].every(s => s.closest('[aria-hidden]'))")

"""The rows of the matrix on the page: curves unfold, rows are grouped by a factor and fold; also without script."""

import pytest

from offdiag.reporting import write_report
from support import synthetic

pytestmark = pytest.mark.browser

SEEN = "filter(e => e.checkVisibility())"


def rows_seen(page) -> list[str]:
    return page.js(f"[...document.querySelectorAll('#squares tbody tr')].{SEEN}.map(r => r.cells[0].innerText)")


def test_values_of_k_are_one_row_of_curves_that_unfolds(page):
    assert page.js("document.querySelectorAll('.square.curve').length") == 4
    assert len(page.js(f"[...document.querySelectorAll('tr.value')].{SEEN}.map(r => 1)")) == 0
    label = page.js("document.querySelector('.curve').getAttribute('aria-label')")
    cells = synthetic.hostile_results(40).cells.set_index("cell")["accuracy"]
    for k in (1, 2, 4, 8):
        assert f"{k}: {100 * cells[f'in-context-8-k{k}/base=8,digits=2']:.1f}" in label
    page.click(".by-value")
    assert len(page.js(f"[...document.querySelectorAll('tr.value')].{SEEN}.map(r => 1)")) == 4
    page.click("#all-values")
    assert len(page.js(f"[...document.querySelectorAll('tr.value')].{SEEN}.map(r => 1)")) == 8


def test_a_curve_opens_the_cells_behind_it(page):
    page.click(".square.curve")
    page.until("!document.querySelector('#among').hidden")
    names = page.js("[...document.querySelectorAll('#among option')].map(o => o.textContent)")
    assert names == [f"in-context-8-k{k}/base=8,digits=2" for k in (1, 2, 4, 8)]
    page.key("Escape")
    page.until("!document.querySelector('#reader').open")
    assert page.js("document.activeElement.classList.contains('curve')")


def test_rows_are_grouped_by_a_factor_and_groups_fold_to_their_range(page):
    names = "[...document.querySelectorAll('.method button')].map(b => b.textContent)"
    assert page.js(names) == ["zero-shot", "in-context", "lora"]
    page.js("{const s = $('group-by'); s.value = 'train'; s.dispatchEvent(new Event('change'));}")
    page.until(f"{names}.length === 3 && {names}[0].startsWith('train')")
    assert page.js(names) == ["train –", "train base=8,digits=2", "train base=10,digits=2"]
    assert page.js("document.querySelectorAll('#squares .family').length") == 5
    before = rows_seen(page)
    page.js("document.querySelectorAll('.method button')[1].click()")
    page.until("document.querySelectorAll('.method button')[1].getAttribute('aria-expanded') === 'false'")
    assert len(rows_seen(page)) == len(before) - 2
    cells = synthetic.hostile_results(40).cells
    own = cells[(cells["train"] == "base=8,digits=2") & (cells["eval"] == "base=8,digits=2")]["accuracy"].dropna()
    ends = page.js("document.querySelectorAll('.method')[1].cells[1].textContent")
    first, last = own.iloc[0], own.iloc[3]  # of the curve: its ends stand in the square
    known = [100 * float(v) for v in (first, last, own.iloc[-1])]
    assert ends == f"{min(known):g}–{max(known):g} %"
    page.click("#fold-all")
    assert len(rows_seen(page)) == 3
    page.click("#fold-all")
    assert len(rows_seen(page)) == len(before)


def grouped_by(page, factor: str) -> dict[str, list[str]]:
    """The rows that are seen below each heading, when rows are grouped by a factor."""
    page.js(f"{{const s = $('group-by'); s.value = '{factor}'; s.dispatchEvent(new Event('change'));}}")
    first = "zero-shot" if factor == "method" else factor
    page.until(f"document.querySelector('.method button').textContent.startsWith('{first}')")
    groups: dict[str, list[str]] = {}
    for text in rows_seen(page):
        if text == "zero-shot" or not ("taught" in text or (text.startswith("k ") and "seed" in text)):
            groups[text] = []
        else:
            groups[list(groups)[-1]].append(text)
    return groups


def test_rows_of_a_curve_are_grouped_by_its_factor_and_come_back(page):
    before = rows_seen(page)
    groups = grouped_by(page, "k")
    assert {name: len(rows) for name, rows in groups.items()} == {"k –": 3, "k 1": 2, "k 2": 2, "k 4": 2, "k 8": 2}
    assert groups["k 4"] == ["taught base=8\nk 4", "taught base=10\nk 4"]
    page.js("document.querySelectorAll('.method button')[3].click()")
    cells = synthetic.hostile_results(40).cells
    own = cells[(cells["k"] == 4) & (cells["eval"] == "base=8,digits=2")]["accuracy"].dropna() * 100
    assert page.js("document.querySelectorAll('.method')[3].cells[1].textContent") == f"{own.min():g}–{own.max():g} %"
    page.js("document.querySelectorAll('.method button')[3].click()")
    page.js("document.querySelector('.apart .square').focus()")
    page.key("ArrowDown")
    assert page.js("document.activeElement.dataset.cell") == "10"  # k = 1, taught base 10
    grouped_by(page, "method")
    assert rows_seen(page) == before
    assert page.js("document.querySelectorAll('.square.curve').length") == 4


def test_draws_are_grouped_by_their_seed(page, tmp_path):
    write_report(synthetic.drawn_twice(12, {}), tmp_path)
    page.open(tmp_path / "index.html")
    page.until("document.querySelectorAll('.method button').length > 0")
    before = rows_seen(page)
    groups = grouped_by(page, "seed")
    assert {name: len(rows) for name, rows in groups.items()} == {"seed –": 1, "seed 0": 10, "seed 1": 10}
    assert groups["seed 1"][0] == "in-context-8-k1\ntaught base=8 · 2 draws\nk 1 · seed 1"
    assert grouped_by(page, "k")["k 1"][0].endswith("k 1")
    grouped_by(page, "method")
    assert rows_seen(page) == before


def test_without_script_the_matrix_is_read_and_unfolds(browser, report):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.call("Page.navigate", url=(report / "index.html").as_uri())
        browser.until("document.readyState === 'complete'")
        text = browser.js("document.querySelector('#matrix').innerText")
        cell = synthetic.hostile_results(40).cells.iloc[0]
        assert f"{100 * cell['accuracy']:.1f} %" in text
        assert "in-context" in text
        assert not browser.js("[...document.querySelectorAll('.scripted')].some(e => e.checkVisibility())")
        assert len(browser.js(f"[...document.querySelectorAll('tr.value')].{SEEN}.map(r => 1)")) == 0
        browser.click(".by-value")
        assert len(browser.js(f"[...document.querySelectorAll('tr.value')].{SEEN}.map(r => 1)")) == 4
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)

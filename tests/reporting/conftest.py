import shutil
from pathlib import Path

import pandas as pd
import pytest

from offdiag.reporting import write_report
from support import synthetic
from support.browser import chromium

CAPTION = 'Accuracy against k; <b onmouseover="window.__pwned = 5">bands</b> are 95 % intervals.'


@pytest.fixture(scope="session")
def tables():
    fits = pd.DataFrame({"train": ["base=8", "<i>base=10</i>"], "midpoint": [2.3123456, None], "n": [250, 250]})
    return {"transition": fits, "long": pd.DataFrame({"i": range(100)})}


@pytest.fixture(scope="session")
def report(tmp_path_factory, tables):
    """Folder of a report on the hostile study: 40 records a cell, 30 of them in the page."""
    folder = tmp_path_factory.mktemp("report")
    figures = [("transition", CAPTION, synthetic.plot()), ("transfer", "All arms.", synthetic.plot())]
    write_report(synthetic.hostile_results(40), folder, figures, tables, records_per_cell=30)
    return folder


@pytest.fixture(scope="session")
def html(report: Path) -> str:
    return (report / "index.html").read_bytes().decode("utf-8")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on this machine: install Debian's chromium to run the browser tests")
    with chromium(program, tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def page(browser, report):
    browser.problems.clear()
    browser.requests.clear()
    browser.open(report / "index.html")
    browser.until("document.querySelectorAll('.method button').length > 0")
    yield browser
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith(("data:", "file:", "blob:"))] == []
    assert browser.js("window.__pwned === undefined")

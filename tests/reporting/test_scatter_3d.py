"""The interactive page of a figure: its text, and what it does in a browser."""

import json
import re

import numpy as np
import pytest
from matplotlib.figure import Figure

from offdiag.figures.scatter_3d import Animation, Scatter3D
from offdiag.reporting import write_report
from offdiag.reporting.scatter_3d import render_scatter_3d
from offdiag.studies.world_map.figures.decoded_maps import CityMaps
from support import synthetic
from support.city_frames import city_maps

HOSTILE = '</script><script>window.__pwned = 1</script><img src=x onerror="window.__pwned = 2">'
SHOWN = "shown.map((place) => place.map((v) => Math.round(v * 100) / 100))"


def scatter_of(names=("a", "b", "c"), title="Points"):
    first, last = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0.5]]), np.array([[0.5, 0, 0], [1, 1, 0], [0, -1, 0]])
    steps = [("after 1 update", first), ("at the end", last)]
    cast = {"names": names, "groups": ["red", "blue", "blue"], "marked": [False, False, True], "goal": last}
    animations = [Animation(label=f"animation {i}", axes=("x", "y", "z"), steps=steps[: 2 - i], **cast) for i in (0, 1)]
    colours = {"red": "#aa0000", "blue": "#0000aa"}
    return Scatter3D(title=title, colours=colours, marked=frozenset({"blue"}), animations=animations)


def data_of(page: str):
    return json.loads(re.search(r'id="data">(.*?)</script>', page, flags=re.S)[1])


def test_the_page_holds_every_step_and_nothing_from_elsewhere():
    page = render_scatter_3d(scatter_of())
    data = data_of(page)
    assert [step["caption"] for step in data["animations"][0]["steps"]] == ["after 1 update", "at the end"]
    assert data["animations"][0]["steps"][1]["places"][1] == [1.0, 1.0, 0.0]
    assert data["animations"][0]["marked"] == [0, 0, 1]
    assert data["animations"][0]["groups"] == [0, 1, 1]
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert page == render_scatter_3d(scatter_of())


def test_names_are_data_whatever_they_say():
    page = render_scatter_3d(scatter_of(names=(HOSTILE, "b\u202e", "c"), title=HOSTILE))
    assert HOSTILE not in page
    assert data_of(page)["animations"][0]["names"] == [HOSTILE, "b⟨U+202E⟩", "c"]


def test_a_report_links_the_page_of_a_figure_and_forgets_an_old_one(tmp_path):
    frames, figure = city_maps(), CityMaps(name="maps", caption="Maps.")
    drawn = [("maps", "Maps.", Figure(figsize=(1, 1)))]
    results = synthetic.hostile_results(2)
    page = write_report(results, tmp_path, drawn, scatters={"maps": figure.scatter_3d(frames)})
    assert '<a href="figures/maps.html">' in page.read_text("utf-8")
    assert len(data_of((tmp_path / "figures" / "maps.html").read_text("utf-8"))["animations"][0]["names"]) == 48
    page = write_report(results, tmp_path, drawn)
    assert "figures/maps.html" not in page.read_text("utf-8")
    assert not (tmp_path / "figures" / "maps.html").exists()


@pytest.fixture
def opened(browser, tmp_path):
    """The page of a hostile scatter; it must say nothing to the console and ask for nothing."""
    path = tmp_path / "scatter.html"
    path.write_text(render_scatter_3d(scatter_of(names=(HOSTILE, "b", "c"))), encoding="utf-8")
    browser.problems.clear()
    browser.requests.clear()
    browser.open(path)
    yield browser
    assert browser.problems == []
    assert [url for url in browser.requests if not url.startswith(("data:", "file:"))] == []
    assert browser.js("window.__pwned === undefined")


@pytest.mark.browser
def test_the_slider_goes_through_the_training(opened):
    assert opened.js("caption.textContent") == "at the end"
    assert opened.js(SHOWN) == [[0.5, 0, 0], [1, 1, 0], [0, -1, 0]]
    opened.js("step.focus()")
    opened.key("ArrowLeft")
    opened.until(f"JSON.stringify({SHOWN}) === '[[0,0,0],[1,0,0],[0,1,0.5]]'")
    assert opened.js("caption.textContent") == "after 1 update"
    opened.js("animation.value = '1'; animation.dispatchEvent(new Event('change'))")
    assert opened.js("[step.disabled, play.disabled]") == [True, True]


@pytest.mark.browser
def test_playing_ends_at_the_end(opened):
    opened.click("#play")
    opened.until("play.textContent === 'Pause' && caption.textContent === 'after 1 update'")
    opened.until("play.textContent === 'Play' && caption.textContent === 'at the end'")


@pytest.mark.browser
def test_keys_turn_the_points_and_zero_turns_them_back(opened):
    before = opened.js("JSON.stringify(screen)")
    opened.js("space.focus()")
    opened.key("ArrowRight")
    assert opened.js("JSON.stringify(screen)") != before
    opened.js("space.dispatchEvent(new KeyboardEvent('keydown', {key: '0'}))")
    assert opened.js("JSON.stringify(screen)") == before


@pytest.mark.browser
def test_a_point_tells_its_name_as_text(opened):
    opened.js(
        "(() => { const box = space.getBoundingClientRect(); space.dispatchEvent(new PointerEvent('pointermove',"
        "{clientX: box.left + screen[0][0], clientY: box.top + screen[0][1]})) })()"
    )
    assert opened.js("point.textContent") == f"{HOSTILE}, red"
    assert opened.js("document.querySelectorAll('#point *').length") == 0

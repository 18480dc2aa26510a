"""Whatever a plan takes can be reported: every parameter of every study, on stores filled with made-up results.

`make outputs` tries each value of each parameter; here are those without which an analysis or a figure has no arms.
"""

from contextlib import nullcontext

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.planning import make_plan
from offdiag.reporting import write
from offdiag.reporting.page import Picture
from offdiag.store import Store
from offdiag.study_files import STUDIES, load_study
from support.made_up import fill
from support.parameter_values import MODEL, OTHER, TRIED
from support.small_items import small_items
from support.tiny import make_tiny_model

PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489")
# What leaves out arms that some analysis or figure of the study is about, and the tables that say so.
WITHOUT_ARMS = [
    ("base-addition", "shots", "", {"transition", "transition-answer-only"}),
    ("base-addition", "tuned_bases", "9", set()),
    ("width-ablation", "singles", "", set()),
    ("convergence", "taught", "distance", {"convergence"}),
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A folder for a store of each study, and the folders of two models."""
    place = tmp_path_factory.mktemp("made-up")
    models = {name: f"dir:{make_tiny_model(place / name[1:-1], seed)}" for seed, name in enumerate((MODEL, OTHER))}
    return place, models


def smaller(study):
    """Return a context in which the built-in items that a study takes are few."""
    per_steps, held_out = {"easy-to-hard": (30, 0), "item-hardness": (20, 110), "hidden-states": (20, 110)}.get(
        study, (0, 0)
    )
    return small_items(per_steps, held_out) if per_steps else nullcontext()


def planned(study, models, changes):
    """Return the tiny plan of a study with some parameters changed.

    Raises:
        UserError: it is refused.
    """
    sets = TRIED[study].made(models, changes)
    plan = make_plan(load_study(study), "quick", sets)
    plan.check()
    return plan


def report(plan, store, folder, monkeypatch):
    """Fill the store and write the report, with figures that are drawn and not saved; return its tables."""
    monkeypatch.setattr(write, "_picture", lambda figure, _, name, caption, scatter: Picture(
        name=name, caption=caption, png=PNG, interactive=scatter is not None))  # fmt: skip
    fill(plan, store)
    page = offdiag.report(plan, store=store, folder=folder)
    assert "Traceback" not in page.read_text()
    return folder / "tables"


def test_every_parameter_of_every_study_has_values():
    assert set(TRIED) == set(STUDIES.names()) - {"matrix"}
    for study, tried in TRIED.items():
        params = load_study(study).scales["quick"]
        assert set(tried.values) <= set(type(params).model_fields)
        assert {name for name, _ in tried.changes(params)} == set(type(params).model_fields)


@pytest.mark.parametrize(("study", "name", "value", "silent"), WITHOUT_ARMS)
def test_an_analysis_whose_arms_are_not_planned_says_so(study, name, value, silent, stores, tmp_path, monkeypatch):
    place, models = stores
    tables = report(planned(study, models, {name: value}), Store(place / study), tmp_path, monkeypatch)
    texts = {path.stem: path.read_text() for path in tables.glob("*.csv")}
    assert texts
    assert {name for name, text in texts.items() if text.startswith("note")} == silent
    assert all("not planned" in texts[name] for name in silent)


def every_change():
    for study, tried in TRIED.items():
        for name, value in tried.changes(load_study(study).scales["quick"]):
            yield pytest.param(study, name, value, id=f"{study} {name}={value}"[:80])


@pytest.mark.outputs
@pytest.mark.parametrize(("study", "name", "value"), list(every_change()))
def test_whatever_a_plan_takes_is_reported(study, name, value, stores, tmp_path, monkeypatch):
    place, models = stores
    with smaller(study):
        plan, refusal = attempt(study, models, {name: value})
        if plan is None:
            assert_one_line(refusal)
        else:
            report(plan, Store(place / study), tmp_path, monkeypatch)


def attempt(study, models, changes):
    """Return the plan, or None and why it is refused; whatever is no refusal is raised."""
    try:
        return planned(study, models, changes), ""
    except UserError as refused:
        return None, str(refused)


def assert_one_line(refusal):
    assert "\n" not in refusal
    assert len(refusal) < 1000


@pytest.mark.parametrize("study", TRIED)
def test_what_no_parameter_can_be_is_refused_in_one_line(study, stores):
    """A word that is none of its values, and a value that stands there twice."""
    _, models = stores
    params, told = load_study(study).scales["quick"], {}
    with smaller(study):
        for name, kind in type(params).model_fields.items():
            if kind.annotation is not str and not name.startswith("model"):  # a bare word is a model of the hub
                told[name, "unknown"] = attempt(study, models, {name: "no-such-thing"})
        for name, value in twice(study, params):
            told[name, value] = attempt(study, models, {name: value})
    assert [what for what, (plan, _) in told.items() if plan is not None] == []
    for _, refusal in told.values():
        assert_one_line(refusal)


def twice(study, params):
    """Yield each parameter that is a list with one of its values twice."""
    for name, value in TRIED[study].changes(params):
        if isinstance(getattr(params, name), tuple) and value and "," not in value:
            yield name, f"{value},{value}"

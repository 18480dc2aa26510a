"""The paper scale of each study from nothing to its page, every size divided by one factor: `make paper`."""

import dataclasses

import pytest

import offdiag
from offdiag.planning import State
from offdiag.store import Store
from offdiag.study_files import STUDIES, load_study
from support.shrunk import DRAWS, KEPT, SIZES, numbers, shrunk
from support.tiny import make_tiny_model

NAMES = sorted(set(STUDIES.names()) - {"matrix"})
ON_RELEASES = {"easy-to-hard", "hidden-states", "item-hardness"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A function from a number to the source of a tiny model, whose widths NF4 can take."""
    place = tmp_path_factory.mktemp("models")

    def source(number):
        folder = place / f"tiny-{number}"
        if not folder.exists():
            make_tiny_model(folder, number, hidden_size=64, intermediate_size=128)
        return f"dir:{folder}"

    return source


@pytest.mark.parametrize("name", NAMES)
def test_every_number_is_a_size_or_says_what_is_asked(name):
    assert set(numbers(load_study(name).params("paper"))) <= {*SIZES, *DRAWS, *KEPT}


@pytest.mark.paper
@pytest.mark.parametrize("name", NAMES)
def test_the_paper_scale_runs_from_nothing_to_its_page(name, model, request, tmp_path):
    if name in ON_RELEASES:
        request.getfixturevalue("real")
    study = load_study(name)
    small = dataclasses.replace(study, scales={"paper": shrunk(study.params("paper"), model)})
    plan = offdiag.plan(small, "paper")
    store = Store(tmp_path / "store")
    assert offdiag.run(plan, store=store).complete
    assert {found.state for found in plan.survey(store)} == {State.DONE}
    page = offdiag.report(plan, store=store, folder=tmp_path / "report")
    assert "Traceback" not in page.read_text()
    drawn = {path.stem for path in (page.parent / "figures").glob("*.png")}
    assert drawn == {figure.name for figure in plan.design.figures}

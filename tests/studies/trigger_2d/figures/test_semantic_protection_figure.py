import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.trigger_2d.analyses.semantic_protection import SemanticProtection
from offdiag.studies.trigger_2d.figures.semantic_protection import SemanticProtectionFigure
from support.similar_frames import CATEGORIES, protecting, similar_frames

OF = SemanticProtection(name="semantic")
FIGURE = SemanticProtectionFigure(name="semantic", of=OF)


@pytest.fixture(scope="module")
def frames():
    return similar_frames()


def points(axes):
    return [line for line in axes.lines if line.get_gid() == "points"]


def test_one_panel_a_size_and_one_point_a_proxy_and_category(frames):
    figure = FIGURE.plot(frames)
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in figure.axes]
    assert titles == ["1 trigger", "5 triggers"]
    for axes in figure.axes:
        assert [len(line.get_xdata()) for line in points(axes)] == [len(CATEGORIES) - 1] * 3
        assert sum(text.get_gid() == "category" for text in axes.texts) == 15
    assert len({line.get_marker() for line in points(figure.axes[0])}) == 3


def test_points_stand_at_their_similarity_and_protection(frames):
    table = OF.table(frames)
    drawn = points(FIGURE.plot(frames).axes[1])[0]
    own = table[(table["proxy_category"] == "objects") & (table["proxy_n_triggers"] == 5)]
    assert drawn.get_ydata() == pytest.approx(own["protection"].to_numpy())
    assert np.abs(drawn.get_xdata() - own["similarity"].to_numpy()).max() < 0.01


def test_the_correlation_stands_above_with_its_interval(frames):
    title = FIGURE.plot(frames).axes[1].get_title(loc="left")
    assert "rank correlation 0." in title
    assert "[" in title
    assert "at fixed category" in title


def test_gaps_are_counted():
    def gaps(proxy, size, category, example, seed):
        return "failed" if category == "foods" and proxy == "objects" else protecting(proxy, size, category, example, 0)

    figure = FIGURE.plot(similar_frames(answering=gaps))
    assert ["1 of 15 not there yet" in [t.get_text() for t in axes.texts] for axes in figure.axes] == [True, True]


def test_nothing_is_measured_yet():
    figure = FIGURE.plot(similar_frames(state="missing"))
    assert "no correlation yet" in figure.axes[0].get_title(loc="left")
    assert all(not len(line.get_xdata()) for line in points(figure.axes[0]))


def test_one_proxy_alone_is_drawn_without_a_correlation_to_speak_of():
    two = [("none", 0), ("foods", 5)]
    figure = FIGURE.plot(similar_frames(two, categories=["foods", "animals", "positive_emotions"]))
    assert len(figure.axes) == 1
    assert figure.axes[0].get_title(loc="left") == "5 triggers\nno correlation yet"


def test_no_uncovered_category_is_an_error():
    with pytest.raises(UserError, match="no category is planned that neither task nor proxy covers"):
        FIGURE.plot(similar_frames([("none", 0), ("foods", 5)], categories=["foods", "positive_emotions"]))

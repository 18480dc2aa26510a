import math

import pytest

from offdiag.errors import UserError
from offdiag.figures import save
from offdiag.studies.base_addition.figures.episode_curves import EpisodeCurvesFigure
from offdiag.studies.base_addition.figures.thresholds import ThresholdFigure
from support.episode_frames import episode_frames

CURVES = EpisodeCurvesFigure(name="curves", n_resamples=100)
THRESHOLDS = ThresholdFigure(name="thresholds", n_resamples=100)


def slow(base, anchoring, seed=0):
    return 0.0 if anchoring < 1 else 1.5 * anchoring


def quick(base, anchoring):
    return 0.0 if anchoring < 1 else anchoring


@pytest.fixture(scope="module")
def full():
    return episode_frames(slow, quick, seeds=2)


@pytest.fixture(scope="module")
def single():
    return episode_frames(slow, quick, rotations=1, seeds=1)


def lines(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


def words(figure):
    return [text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text")) if text.get_visible()]


def test_rotated_shares_have_a_panel_a_base_and_a_curve_a_share(full):
    figure = CURVES.plot(full)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["base 7", "base 8", "base 9", "base 10"]
    for axes in panels:
        assert len(lines(axes, "model")) == len(lines(axes, "ideal")) == len(axes.collections) == 4
        for model, ideal in zip(lines(axes, "model"), lines(axes, "ideal"), strict=True):
            assert model.get_color() == ideal.get_color()
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["4%", "12%", "24%", "60%", "model", "ideal observer"]
    assert any("2 seeds" in text and "95 %" in text for text in words(figure))


def test_one_assignment_has_one_panel(single):
    figure = CURVES.plot(single)
    (axes,) = figure.axes
    assert len(lines(axes, "model")) == 4
    assert lines(axes, "ideal")[0].get_ydata()[-1] == 1
    assert figure.legends[0].get_texts()[0].get_text() == "base 7 (4%)"


def test_thresholds_stand_over_their_shares_and_bounds_are_arrows(full):
    figure = THRESHOLDS.plot(full)
    models, ideal, against = figure.axes
    for axes in (models, ideal):
        assert len(axes.containers) == 12
        assert len(lines(axes, "bound")) == 4
        assert len(lines(axes, "line")) == 1
    slopes = [line.get_ydata()[1] - line.get_ydata()[0] for axes in (models, ideal) for line in lines(axes, "line")]
    span = -math.log(0.04) + math.log(0.24)  # the share of 60 % has a bound only
    assert [slope / span for slope in slopes] == pytest.approx([1.5, 1.0], abs=0.05)
    assert len(against.containers) == 12


def test_gaps_are_named_and_an_empty_run_is_drawn(tmp_path):
    gaps = episode_frames(slow, quick, rotations=2, seeds=1, absent={(1, 0)})
    assert any("no result yet" in text for text in words(CURVES.plot(gaps)))
    assert any("4 of 8 points have no result yet" in text for text in words(THRESHOLDS.plot(gaps)))
    nothing = episode_frames(slow, quick, rotations=1, seeds=1, absent={(0, 0)})
    for figure in (CURVES, THRESHOLDS):
        drawn = figure.plot(nothing)
        assert any("nothing is measured yet" in text for text in words(drawn))
        assert save(drawn, tmp_path, figure.name)


def test_a_study_that_plans_nothing_has_no_figure(single):
    table = single.measurements["episodes"].iloc[:0]
    empty = type(single)(cells=single.cells, records=single.records, measurements={"episodes": table})
    for figure in (CURVES, THRESHOLDS):
        with pytest.raises(UserError, match="no episodes are planned"):
            figure.plot(empty)

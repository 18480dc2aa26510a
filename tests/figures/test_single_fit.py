import numpy as np
import pytest

from offdiag.analyses import fit_transition
from offdiag.errors import UserError
from offdiag.figures import SingleFit
from support.framed import framed
from support.shot_curves import KS, RISING, marked

FIGURE = SingleFit(name="one", title="Base 8", n_resamples=100)


def test_the_fit_its_10_and_90_percent_lines_and_its_width(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: RISING}, KS)))
    fit = fit_transition(KS, RISING, 60)
    (curve,) = marked(figure, "fit")
    assert curve.get_ydata() == pytest.approx(fit.curve(curve.get_xdata()))
    levels = sorted(line.get_ydata()[0] for line in marked(figure, "level"))
    assert levels == pytest.approx([0.1 * fit.plateau, 0.9 * fit.plateau])
    ends = sorted(line.get_xdata()[0] for line in marked(figure, "end"))
    assert ends == pytest.approx([fit.midpoint - fit.width_10_90 / 2, fit.midpoint + fit.width_10_90 / 2])
    assert fit.curve(ends) == pytest.approx(levels)
    (arrow,) = [text for text in figure.axes[0].texts if text.get_text() == ""]
    assert (arrow.xyann[0], arrow.xy[0]) == pytest.approx(tuple(ends))
    assert figure.get_suptitle() == f"Base 8   R² = {fit.r_squared:.3f}"


def test_numbers_have_their_intervals(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: RISING}, KS)))
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    fit = fit_transition(KS, RISING, 60)
    (width,) = [text for text in texts if text.startswith("width, 10 to 90 %")]
    assert width.split("\n")[1].startswith(f"{fit.width_10_90:.2f} [")


@pytest.mark.parametrize(
    ("curve", "reason"),
    [
        ([0.0] * 6, "no fit: flat at 0: no transition"),
        (["missing"] * 6, "no fit: no cell is done"),
        ([0.9, 0.8, 0.5, 0.2, 0.1, 0.05], "no fit: accuracy does not rise with k"),
        ([0.1, 0.5, 0.9, "missing", "failed", "missing"], "no fit: 3 values of k measured: a fit needs 4"),
    ],
)
def test_without_a_fit_the_figure_says_why(k_shot, curve, reason):
    figure = FIGURE.plot(framed(*k_shot({8: curve}, KS)))
    assert marked(figure, "fit") == []
    assert [text.get_text() for text in figure.axes[0].texts] == [reason]
    assert figure.legends == []


def test_the_points_are_the_measured_ones(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: RISING}, KS)))
    (points,) = figure.axes[0].containers
    assert np.array(points.lines[0].get_ydata()) == pytest.approx(RISING)


def test_two_curves_are_an_error(k_shot):
    with pytest.raises(UserError, match="2 rows are alike in seed"):
        FIGURE.plot(framed(*k_shot({8: RISING, 9: RISING}, KS)))
    chosen = FIGURE.model_copy(update={"where": {"eval_base": 9}})
    assert marked(chosen.plot(framed(*k_shot({8: RISING, 9: RISING}, KS))), "fit")

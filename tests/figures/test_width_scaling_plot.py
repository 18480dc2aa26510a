import math

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import scaling_table
from offdiag.figures import WidthScalingPlot, draw_width_scaling
from support.framed import framed


def table(widths=(1.2, 0.6, math.nan)):
    found = pd.DataFrame({"size": [100, 400, 900.0], "width_10_90": widths, "n_items": 250, "note": ""})
    ends = found.assign(width_10_90_low=found["width_10_90"] - 0.1, width_10_90_high=found["width_10_90"] + 0.2)
    return scaling_table(ends).assign(counted="parameters")


def test_widths_and_the_fitted_curve_on_logarithmic_axes():
    figure = draw_width_scaling(table())
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    (curve,) = [line for line in axes.lines if line.get_gid() == "fit"]
    assert curve.get_ydata() * np.sqrt(curve.get_xdata()) == pytest.approx(np.full(200, 12))
    (points,) = axes.containers
    assert points.lines[0].get_xydata().tolist() == [[100, 1.2], [400, 0.6]]
    whiskers = np.array([segment[:, 1] for segment in points.lines[2][0].get_segments()])
    assert whiskers == pytest.approx(np.array([[1.1, 1.4], [0.5, 0.8]]))
    assert axes.get_xlabel() == "system size n (parameters)"
    assert "A = 12 [" in figure.get_suptitle()


def test_a_size_without_a_width_is_named():
    assert "left out: n = 900" in draw_width_scaling(table()).get_supxlabel()


def test_no_width_at_all():
    (axes,) = draw_width_scaling(table([math.nan] * 3)).axes
    assert [text.get_text() for text in axes.texts] == ["no fit: no size has a width"]


def test_of_a_study(k_shot):
    curve = [0.05, 0.2, 0.5, 0.8, 0.9, 0.9]
    cells, records = k_shot({8: curve, 9: curve}, [0, 1, 2, 4, 8, 16])
    plot = WidthScalingPlot(name="w", size="eval_base", counted="not stated", n_resamples=50)
    (axes,) = plot.plot(framed(cells, records)).axes
    (points,) = axes.containers
    assert points.lines[0].get_xdata().tolist() == [8, 9]

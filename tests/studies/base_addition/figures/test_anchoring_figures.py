import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures import save
from offdiag.studies.base_addition.figures.accuracy_by_anchoring import AccuracyByAnchoring
from offdiag.studies.base_addition.figures.layerwise_anchoring import LayerwiseAnchoring
from support.anchored import anchored

SCORES = {8: 2.0, 9: 1.0, 10: 3.0}


def hill(base, k, layer, seed=0, pooling="mean"):
    """Highest on layer 2 for the mean over tokens, on the last layer for the last token."""
    return SCORES[base] - np.log(k) - (abs(layer - 2) if pooling == "mean" else 4 - layer)


def frames(measured, cells=None):
    cells = pd.DataFrame() if cells is None else cells
    return Frames(cells=cells, records=pd.DataFrame(), measurements={"anchoring": measured})


def cells(done=lambda base, k: True):
    rows = [
        {
            "cell": f"{base}.{k}", "method": "in-context", "model": "m", "seed": 0, "k": k, "rationale": True,
            "train_base": base, "eval_base": base, "state": "done" if done(base, k) else "missing", "n_planned": 40,
            "accuracy": SCORES[base] / 5 + k / 40 if done(base, k) else None, "ci_low": 0.1, "ci_high": 0.95,
        }
        for base in SCORES for k in (2, 4, 8)
    ]  # fmt: skip
    return pd.DataFrame(rows).convert_dtypes()


def drawn(figure, tmp_path):
    assert all(path.stat().st_size > 5000 for path in save(figure, tmp_path, "figure"))
    return figure


def marked(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_panel_a_pooling_and_a_curve_a_base(tmp_path):
    figure = drawn(LayerwiseAnchoring(name="f").plot(frames(anchored(hill))), tmp_path)
    last, mean = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["last token", "mean over tokens"]
    for axes, pooling, layer in ((last, "last", 4), (mean, "mean", 2)):
        curves = marked(axes, "curve")
        for line, base in zip(curves, (8, 9, 10), strict=True):
            assert line.get_xdata().tolist() == [0, 1, 2, 3, 4]
            assert line.get_ydata() == pytest.approx([hill(base, 8, i, pooling=pooling) for i in range(5)])
        highest = list(axes.containers)
        assert [float(one.lines[0].get_xdata()[0]) for one in highest] == [layer] * 3
    assert legend(figure)[:3] == ["base 8", "base 9", "base 10"]
    assert "8 anchors" in figure.get_suptitle()


def test_what_is_missing_is_named_and_gaps_stay_gaps(tmp_path):
    def gappy(base, k, layer, seed, pooling):
        return None if layer == 0 else hill(base, k, layer)

    measured = anchored(gappy, missing=[9], poolings=("last",))
    figure = drawn(LayerwiseAnchoring(name="f", where={"k": 2}).plot(frames(measured)), tmp_path)
    (axes,) = figure.axes
    assert np.isnan(marked(axes, "curve")[0].get_ydata()).tolist() == [True, False, False, False, False]
    assert legend(figure)[:3] == ["base 8", "base 9 (missing)", "base 10"]
    assert "gap: identical anchors" in figure.get_supxlabel()
    nothing = LayerwiseAnchoring(name="f").plot(frames(anchored(hill, missing=[8, 9, 10])))
    assert legend(drawn(nothing, tmp_path))[0] == "base 8 (missing)"


def test_a_steep_panel_turns_logarithmic_and_a_single_layer_is_a_point(tmp_path):
    steep = anchored(lambda base, k, layer, *rest: 10.0 ** (layer + 1), poolings=("mean",))
    figure = drawn(LayerwiseAnchoring(name="f").plot(frames(steep)), tmp_path)
    assert figure.axes[0].get_yscale() == "symlog"
    sentence = anchored(hill, layers=(6,), poolings=("mean",), embedder="sentence")
    figure = drawn(LayerwiseAnchoring(name="f").plot(frames(sentence)), tmp_path)
    assert figure.axes[0].get_yscale() == "linear"
    assert marked(figure.axes[0], "curve")[0].get_xdata().tolist() == [6]


def test_two_curves_of_one_base_in_one_panel_are_an_error():
    both = pd.concat([anchored(hill), anchored(hill, form="answer")])
    with pytest.raises(UserError, match="which differ in form: choose with where="):
        LayerwiseAnchoring(name="f").plot(frames(both))
    assert len(LayerwiseAnchoring(name="f", where={"pooling": "last"}, panels="form").plot(frames(both)).axes) == 2


def test_accuracy_by_score_has_a_point_a_base_and_k(tmp_path):
    figure = drawn(
        AccuracyByAnchoring(name="f", measured={"pooling": "last"}).plot(frames(anchored(hill), cells())), tmp_path
    )
    left, right = figure.axes
    lines = [c.lines[0] for c in left.containers if c.get_label() is not None and c.lines[0].get_marker() != "None"]
    assert len(lines) == 3
    for line, base in zip(lines, (8, 9, 10), strict=True):
        assert line.get_xdata() == pytest.approx([hill(base, k, 4, pooling="last") for k in (2, 4, 8)])
        assert line.get_ydata() == pytest.approx([SCORES[base] / 5 + k / 40 for k in (2, 4, 8)])
    everything, fixed = marked(right, "layer")
    assert fixed.get_ydata() == pytest.approx([1.0] * 5)  # at one k the higher score has the higher accuracy
    assert (everything.get_ydata() < 1).all()
    assert "9 points" in right.get_title()


def test_points_that_are_not_there_are_counted(tmp_path):
    figure = AccuracyByAnchoring(name="f", measured={"pooling": "last"}, at="max").plot(
        frames(anchored(hill), cells(lambda base, k: (base, k) != (9, 4)))
    )
    texts = [text.get_text() for text in drawn(figure, tmp_path).axes[0].texts]
    assert "1 without a score or an accuracy" in texts
    nothing = AccuracyByAnchoring(name="f").plot(frames(anchored(hill, missing=[8, 9, 10]), cells()))
    assert nothing.axes[0].get_title() == "no pair of a score and an accuracy yet"


def test_the_same_frames_give_the_same_bytes(tmp_path):
    def written(name):
        figure = AccuracyByAnchoring(name="f", measured={"pooling": "last"}).plot(frames(anchored(hill), cells()))
        return [path.read_bytes() for path in save(figure, tmp_path / name, "f")]

    assert written("a") == written("b")

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import fit_transition
from offdiag.errors import UserError
from offdiag.figures import KShot
from offdiag.stats import wilson
from offdiag.stats.bootstrap import simultaneous_band
from support.framed import framed
from support.shot_curves import KS, RISING, marked

FIGURE = KShot(series="eval_base", name="k-shot")


def legend(figure):
    figure.canvas.draw()
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_points_stand_at_the_measured_accuracies(k_shot):
    cells, records = k_shot({8: RISING}, KS)
    figure = FIGURE.plot(framed(cells, records))
    (joined,) = marked(figure, "joined")
    assert joined.get_xdata().tolist() == KS
    assert joined.get_ydata() == pytest.approx(RISING)


def test_whiskers_are_the_wilson_intervals(k_shot):
    cells, records = k_shot({8: RISING}, KS)
    (bars,) = FIGURE.plot(framed(cells, records)).axes[0].containers
    ends = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    low, high = wilson(np.round(np.array(RISING) * 60), 60)
    assert ends == pytest.approx(np.stack([low, high], axis=1))


def test_the_shade_is_the_band_that_holds_for_the_whole_curve(k_shot):
    cells, records = k_shot({8: RISING}, KS)
    axes = FIGURE.plot(framed(cells, records)).axes[0]
    (band,) = [one for one in axes.collections if one.get_gid() == "band"]
    wide = records.assign(correct=records["correct"].astype(float)).pivot(
        index="cell", columns="example", values="correct"
    )
    grid = wide.reindex(cells.sort_values("k", na_position="first")["cell"]).to_numpy(float)
    expected = simultaneous_band(np.stack([grid], axis=0).swapaxes(1, 2))
    low, high = np.min([one.low for one in expected]), np.max([one.high for one in expected])
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == pytest.approx((low, high))
    assert expected[2].low < float(wilson(30, 60).low)  # longer than the interval of a single point


def test_a_curve_of_unequal_seeds_has_no_band(k_shot):
    cells, records = k_shot({8: RISING}, KS)
    lost = cells.assign(state=["missing" if cell != cells["cell"].iloc[0] else "done" for cell in cells["cell"]])
    axes = FIGURE.plot(framed(lost, records)).axes[0]
    assert not [one for one in axes.collections if one.get_gid() == "band"]


def test_the_fit_is_drawn_with_its_midpoint(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: RISING}, KS)))
    fit = fit_transition(KS, RISING, 60)
    (curve,), (middle,) = marked(figure, "fit"), marked(figure, "midpoint")
    assert curve.get_linestyle() == "--"
    assert curve.get_ydata() == pytest.approx(fit.curve(curve.get_xdata()))
    assert (middle.get_xdata()[0], middle.get_ydata()[0]) == pytest.approx((fit.midpoint, fit.plateau / 2))
    assert f"base 8 (midpoint {fit.midpoint:.1f})" in legend(figure)


def test_a_series_that_is_always_wrong_has_no_fit_and_says_so(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: [0.0] * 6, 10: RISING}, KS)))
    assert len(marked(figure, "fit")) == len(marked(figure, "midpoint")) == 1
    assert legend(figure)[0] == "base 8\n(no fit: flat at 0)"


def test_each_series_has_its_own_colour_and_marker(k_shot):
    figure = FIGURE.plot(framed(*k_shot(dict.fromkeys(range(8, 16), RISING), KS)))
    figure.canvas.draw()
    handles = figure.legends[0].legend_handles[:8]
    assert len({(handle.get_color(), handle.get_marker()) for handle in handles}) == 8


def test_equal_series_stand_side_by_side(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: RISING, 9: RISING}, KS)))
    one, other = (line.get_xdata() for line in marked(figure, "joined"))
    assert (one < KS).all()
    assert (other > KS).all()
    assert (other - one).max() < 0.2


def test_gaps_break_the_line_and_are_marked(k_shot):
    curve = [0.05, 0.2, "failed", 0.8, 0.9, "missing"]
    figure = FIGURE.plot(framed(*k_shot({8: curve}, KS)))
    (joined,), (absent,) = marked(figure, "joined"), marked(figure, "absent")
    assert np.isnan(joined.get_ydata()).tolist() == [False, False, True, False, False, True]
    assert absent.get_xdata().tolist() == [2, 16]
    assert (np.array(absent.get_ydata()) > 1).all()
    assert "no result yet, or failed" in legend(figure)


def test_a_series_without_any_result_is_named(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: ["missing"] * 6, 10: RISING}, KS)))
    assert legend(figure)[0] == "base 8 (missing)"


def test_nothing_has_run_yet(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: ["missing"] * 6}, KS)))
    assert marked(figure, "fit") == []


def test_the_strip_shows_the_unparsed_answers(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: RISING}, KS)))
    (line,) = figure.axes[1].lines
    assert line.get_ydata() == pytest.approx([3 / 60] * 6)


def test_sizes_and_intervals_are_written_below(k_shot):
    figure = FIGURE.plot(framed(*k_shot({8: RISING}, KS)))
    assert figure.get_supxlabel().replace("\n", " · ") == (
        "60 items per point · whiskers: 95 % interval (Wilson) · "
        "shade: 95 % band that holds for the whole curve at once"
    )
    assert [text.get_text() for text in figure.axes[1].get_xticklabels()] == ["0", "1", "2", "4", "8", "16"]


def test_zero_shot_cells_pass_a_filter_on_what_they_lack(k_shot):
    figure = KShot(series="eval_base", name="k", where={"rationale": True}).plot(framed(*k_shot({8: RISING}, KS)))
    assert marked(figure, "joined")[0].get_xdata()[0] == 0


def test_several_seeds_are_averaged(k_shot):
    cells, records = k_shot({8: RISING}, KS)
    again, more = (frame[frame["method"] == "in-context"] for frame in (cells, records))
    again, more = again.assign(seed=1, cell=again["cell"] + "s"), more.assign(seed=1, cell=more["cell"] + "s")
    figure = FIGURE.plot(framed(pd.concat([cells, again]), pd.concat([records, more])))
    assert marked(figure, "joined")[0].get_ydata() == pytest.approx(RISING)
    assert "mean of 2 seeds" in figure.get_supxlabel()


def test_nullable_columns_draw_the_same(k_shot):
    cells, records = k_shot({8: [0.05, "missing", 0.5, 0.8, 0.9, 0.9]}, KS)
    one, other = (
        FIGURE.plot(framed(cells, records)),
        FIGURE.plot(framed(cells.convert_dtypes(), records.convert_dtypes())),
    )
    assert marked(one, "joined")[0].get_ydata() == pytest.approx(marked(other, "joined")[0].get_ydata(), nan_ok=True)
    assert legend(one) == legend(other)


def test_a_duplicate_cell_is_an_error(k_shot):
    cells, records = k_shot({8: RISING}, KS)
    with pytest.raises(UserError, match="2 rows are alike in seed"):
        FIGURE.plot(framed(pd.concat([cells, cells[3:4].assign(cell="again")]), records))


def test_an_empty_selection_is_an_error(k_shot):
    with pytest.raises(UserError, match="eval_base = 7: the table has 8"):
        KShot(series="eval_base", name="k", where={"eval_base": 7}).plot(framed(*k_shot({8: RISING}, KS)))


def families(k_shot):
    """The curves of two bases, once with rationales and once with answers only, lower."""
    cells, records = k_shot({8: RISING, 9: RISING}, KS)
    lower = k_shot({8: [0.05, 0.1, 0.2, 0.3, 0.4, 0.4], 9: [0.0] * 6}, KS)
    bare, answers = (frame[frame["method"] == "in-context"] for frame in lower)
    bare, answers = (f.assign(rationale=False, cell=f["cell"] + "-bare") for f in (bare, answers))
    return framed(pd.concat([cells, bare]), pd.concat([records, answers]))


def test_families_stand_in_panels_with_one_axis_and_a_common_start(k_shot):
    figure = KShot(series="eval_base", name="k", panels="rationale").plot(families(k_shot))
    one, other = figure.axes[:2]
    assert (one.get_title(loc="left"), other.get_title(loc="left")) == ("rationale", "no rationale")
    assert one.get_ylim() == other.get_ylim()
    curves = [[line.get_ydata() for line in axes.lines if line.get_gid() == "joined"] for axes in (one, other)]
    assert curves[0][0] == pytest.approx(RISING)
    assert curves[1][0] == pytest.approx([0.05, 0.1, 0.2, 0.3, 0.4, 0.4], abs=0.01)
    assert curves[0][0][0] == curves[1][0][0]  # zero-shot: nothing was shown


def test_zero_shot_cells_alone_make_no_panel(k_shot):
    """A base of which the untuned model alone is asked, as it is taught in a mixture."""
    cells, records = k_shot({8: RISING, 9: RISING, 10: RISING}, KS)
    left = cells[(cells["method"] != "in-context") | (cells["eval_base"] != 9)]
    left = left.assign(demonstrations=left["method"].map({"in-context": "fixed"}))
    figure = KShot(series="demonstrations", name="k", panels="eval_base").plot(framed(left, records))
    assert [title for axes in figure.axes if (title := axes.get_title(loc="left"))] == ["base 8", "base 10"]


def test_each_panel_has_its_own_midpoints(k_shot):
    figure = KShot(series="eval_base", name="k", panels="rationale").plot(families(k_shot))
    names = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes if axes.get_legend()]
    assert len(names) == 2
    assert names[0][0].startswith("base 8 (midpoint")
    assert names[1][1].startswith("base 9\n(no fit: ")


def test_panels_need_their_factor(k_shot):
    with pytest.raises(UserError, match="no cell has a prompt"):
        KShot(series="eval_base", name="k", panels="prompt").plot(
            framed(*[f.assign(prompt=None) for f in k_shot({8: RISING}, KS)])
        )


@pytest.mark.parametrize("ks", [[0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32], [*range(17), 32]])
def test_labels_of_a_long_axis_do_not_overlap(k_shot, ks):
    cells, records = k_shot({8: [min(0.9, 0.1 * k) for k in ks]}, ks)
    for panels in (None, "rationale"):
        figure = KShot(series="eval_base", name="k", panels=panels).plot(framed(cells, records))
        figure.canvas.draw()
        axes = next(axes for axes in figure.axes if axes.get_xlabel())
        assert axes.get_xticks().tolist() == ks
        shown = [tick for tick in axes.get_xticklabels() if tick.get_text()]
        assert {tick.get_text() for tick in shown} >= {"0", "1", "2", "4", "8", "16", "32"}
        if len(ks) == 12:
            assert len(shown) == 12
        boxes = [tick.get_window_extent() for tick in shown]
        assert all(one.x1 < other.x0 for one, other in pairwise(boxes))

import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer

from offdiag.errors import UserError
from offdiag.figures import Transfer
from offdiag.figures.style import PALETTE
from offdiag.figures.transfer import LENT_MARK
from offdiag.stats.learner_difference import LENT
from support.framed import framed, unwrapped

FIGURE = Transfer(name="transfer", panels="train_base", x="eval_base")


def typical(train, asked, rationale, seed):
    return (0.9 if train == asked else 0.2) - (0 if rationale else 0.1)


def bars(axes):
    return [patch for patch in axes.patches if patch.get_gid() == "bar"]


def columns(axes, gid):
    return [patch for patch in axes.patches if patch.get_gid() == gid]


def test_bars_are_differences_in_points(transfer):
    figure = FIGURE.plot(framed(*transfer([8, 9], [8, 9], typical)))
    left, right = figure.axes
    assert [bar.get_height() for bar in bars(left)] == pytest.approx([60, 50, -10, -20])
    assert [bar.get_height() for bar in bars(right)] == pytest.approx([-10, -20, 60, 50])
    assert [axes.get_title() for axes in figure.axes] == ["fine-tuned on base 8", "fine-tuned on base 9"]
    assert [label.get_text() for label in left.get_xticklabels()] == ["8", "9"]


@pytest.mark.parametrize(
    ("method", "against"),
    [
        ("zero-shot", "the untuned model, zero-shot"),
        ("pre-training", "the same model before its fine-tuning"),
        ("in-context", "method in-context"),
    ],
)
def test_the_title_names_the_baseline_by_its_method(transfer, method, against):
    cells, records = transfer([8], [8, 9], typical)
    cells["method"] = cells["method"].replace("zero-shot", method)
    figure = FIGURE.plot(framed(cells, records))
    assert unwrapped(figure.get_suptitle()) == f"Change in accuracy against {against}"
    (note,) = [text.get_text() for text in figure.texts if "baseline of each bar" in text.get_text()]
    assert f"baseline of each bar: {against}, on the same items" in note


def test_variants_stand_side_by_side_in_their_colours(transfer):
    figure = FIGURE.plot(framed(*transfer([8], [8, 9], typical)))
    centres = [bar.get_x() + bar.get_width() / 2 for bar in bars(figure.axes[0])]
    assert centres == pytest.approx([-0.19, 0.19, 0.81, 1.19])
    figure.canvas.draw()
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["rationale", "no rationale", "the taught domain"]
    assert [to_hex(bar.get_facecolor()).upper() for bar in bars(figure.axes[0])[:2]] == list(PALETTE[:2])


def test_whiskers_are_the_paired_intervals(transfer):
    cells, records = transfer([8], [8, 9], typical)
    figure = FIGURE.plot(framed(cells, records))
    tuned = cells[cells["method"] == "fine-tuning"]
    whiskers = [box for box in figure.axes[0].containers if isinstance(box, ErrorbarContainer)]
    segments = [box.lines[2][0].get_segments()[0][:, 1] for box in whiskers]
    drawn = [tuple(ends) for ends in segments]
    expected = list(zip(100 * tuned["diff_low"], 100 * tuned["diff_high"], strict=True))
    for one, other in zip(drawn, expected, strict=True):
        assert one == pytest.approx(other)


def test_panels_share_a_y_axis_with_a_zero_line(transfer):
    figure = FIGURE.plot(framed(*transfer([8, 9, 10], [8, 9, 10], typical)))
    assert len({axes.get_ylim() for axes in figure.axes}) == 1
    assert all(any(list(line.get_ydata()) == [0, 0] for line in axes.lines) for axes in figure.axes)


def test_the_taught_domain_is_marked_once_a_panel_per_bar(transfer):
    figure = FIGURE.plot(framed(*transfer([8, 9], [8, 9, 10], typical)))
    assert len(figure.axes) == 2
    for place, axes in enumerate(figure.axes):
        assert {patch.get_x() + patch.get_width() / 2 for patch in columns(axes, "taught")} == {place}
        weights = [label.get_fontweight() for label in axes.get_xticklabels()]
        assert weights.index("bold") == place


def test_taught_means_equal_in_every_parameter(transfer):
    cells, records = transfer([8], [8, 9], typical)
    figure = FIGURE.plot(framed(cells.assign(train_digits=3), records))
    assert columns(figure.axes[0], "taught") == []


def test_cells_without_result_are_hatched_and_named(transfer):
    def gaps(train, asked, rationale, seed):
        return {8: "failed", 9: "missing"}.get(asked, 0.9) if rationale else typical(train, asked, rationale, seed)

    axes = FIGURE.plot(framed(*transfer([8], [8, 9, 10], gaps))).axes[0]
    hatched = columns(axes, "absent")
    assert [patch.get_x() + patch.get_width() / 2 for patch in hatched] == pytest.approx([-0.19, 0.81])
    assert all(patch.get_hatch() for patch in hatched)
    assert [text.get_text() for text in axes.texts] == ["failed", "missing"]
    assert len(bars(axes)) == 4


def test_nothing_has_run_yet(transfer):
    axes = FIGURE.plot(framed(*transfer([8], [8, 9], lambda *_: "missing"))).axes[0]
    assert len(columns(axes, "absent")) == 4
    assert bars(axes) == []


def test_a_missing_baseline_is_named(transfer):
    cells, records = transfer([8], [8, 9], typical)
    cells.loc[cells["eval_base"] == 9, "difference"] = None
    axes = FIGURE.plot(framed(cells, records)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["no baseline"] * 2


def test_no_difference_still_shows_a_mark_and_whiskers(transfer):
    figure = FIGURE.plot(framed(*transfer([8], [8], lambda *_: 0.0, untuned=0.0)))
    low, high = figure.axes[0].get_ylim()
    assert [bar.get_height() for bar in bars(figure.axes[0])] == [0, 0]
    assert low < -10
    assert high > 10


def test_no_seed_lies_outside_the_panel(transfer):
    figure = FIGURE.plot(
        framed(*transfer([8], [8], lambda _, __, ___, seed: 0.95 * (seed != 0), untuned=0.95, seeds=range(5)))
    )
    (axes,) = figure.axes
    seeds = [y for line in axes.lines if line.get_gid() == "seeds" for y in line.get_ydata()]
    low, high = axes.get_ylim()
    assert low < min(seeds) <= max(seeds) < high
    assert min(seeds) < -90


def test_seeds_are_averaged_and_shown(transfer):
    def by_seed(train, asked, rationale, seed):
        return 0.5 + 0.1 * seed

    figure = FIGURE.plot(framed(*transfer([8], [8], by_seed, seeds=(0, 1, 2))))
    axes = figure.axes[0]
    assert [bar.get_height() for bar in bars(axes)] == pytest.approx([30, 30])
    dots = [line for line in axes.lines if line.get_gid() == "seeds"]
    assert dots[0].get_ydata() == pytest.approx([20, 30, 40])
    assert "mean of 3 seeds" in figure.get_supxlabel()
    assert list(axes.texts) == []


def test_unfinished_seeds_are_counted(transfer):
    def late(train, asked, rationale, seed):
        return "missing" if seed == 2 else 0.6

    axes = FIGURE.plot(framed(*transfer([8], [8], late, seeds=(0, 1, 2)))).axes[0]
    assert [text.get_text() for text in axes.texts] == ["2 of 3\nseeds"] * 2


def test_a_single_bar_a_panel_needs_no_legend_of_variants(transfer):
    cells, records = transfer([8], [8, 9], typical, rationales=(True,))
    figure = Transfer(name="t", panels="train_base", x="eval_base", bars=None).plot(framed(cells, records))
    assert len(bars(figure.axes[0])) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["the taught domain"]


def test_transfer_across_lengths_stays_on_the_panels_own_base(transfer):
    cells, records = transfer([8, 9], [8, 9], typical)
    longer = cells[cells["method"] == "fine-tuning"].assign(eval_digits=3, difference=-0.3)
    longer["cell"] += "-long"
    figure = Transfer(name="t", panels="train_base", x="eval_digits", match_on=("base",)).plot(
        framed(pd.concat([cells, longer]), records)
    )
    assert [bar.get_height() for bar in bars(figure.axes[1])] == pytest.approx([60, 50, -30, -30])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["2", "3"]


def test_many_panels_stand_in_two_rows(transfer):
    bases = [8, 9, 10, 11, 16]
    figure = FIGURE.plot(framed(*transfer(bases, bases, typical)))
    assert len(figure.axes) == 5
    assert figure.get_figwidth() < 14


def test_nullable_columns_draw_the_same(transfer):
    cells, records = transfer([8, 9], [8, 9], typical, seeds=(0, 1))
    one, other = (
        FIGURE.plot(framed(cells, records)),
        FIGURE.plot(framed(cells.convert_dtypes(), records.convert_dtypes())),
    )
    for left, right in zip(one.axes, other.axes, strict=True):
        assert [bar.get_height() for bar in bars(left)] == [bar.get_height() for bar in bars(right)]
        assert len(columns(left, "taught")) == len(columns(right, "taught")) == 2


def test_a_duplicate_cell_is_an_error(transfer):
    cells, records = transfer([8], [8, 9], typical)
    with pytest.raises(UserError, match="2 rows are alike in seed"):
        FIGURE.plot(framed(pd.concat([cells, cells[-1:].assign(cell="again")]), records))


def test_a_spot_without_cell_is_an_error(transfer):
    cells, records = transfer([8, 9], [8, 9], typical)
    with pytest.raises(UserError, match="no cell with train_base = 9, eval_base = 9, rationale = False"):
        FIGURE.plot(framed(cells[:-1], records))


def test_the_method_must_be_there(transfer):
    with pytest.raises(UserError, match="method = 'distillation'"):
        Transfer(name="t", panels="train_base", x="eval_base", method="distillation").plot(
            framed(*transfer([8], [8], typical))
        )


def test_a_bar_of_two_draws_against_one_is_marked_and_the_footnote_says_why(transfer):
    cells, records = transfer([8], [8, 9], typical, seeds=(0, 1), rationales=(True,))
    against_one = cells.assign(seed=cells["seed"].mask(cells["cell"] == "zero-9", 0))
    figure = FIGURE.plot(framed(against_one, records))
    assert [text.get_text() for text in figure.axes[0].texts if LENT_MARK in text.get_text()] == [LENT_MARK]
    said = next(unwrapped(text.get_text()) for text in figure.texts if "whiskers" in text.get_text())
    assert said.endswith(f"{LENT_MARK} {LENT}")
    unmarked = FIGURE.plot(framed(cells, records))
    assert not any(LENT_MARK in text.get_text() for text in (*unmarked.texts, *unmarked.axes[0].texts))

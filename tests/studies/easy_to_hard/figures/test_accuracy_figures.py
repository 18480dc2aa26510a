import warnings

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.analyses.supervision_gap import SupervisionGapRecovered
from offdiag.studies.easy_to_hard.figures.over_draws import OverDraws
from offdiag.studies.easy_to_hard.figures.style import LEVEL_LOOKS
from offdiag.studies.easy_to_hard.figures.supervision_gap import SupervisionGapFigure
from support.hardness_frames import hardness_frames, joined

BOTH = ("easy", "hard")
ACCURACIES = {("zero-shot", None): 0.3, ("in-context", "easy"): 0.6, ("in-context", "hard"): 0.7}
GAPS = SupervisionGapFigure(name="sgr", of=SupervisionGapRecovered(name="x"))
OVER = AccuracyOverDraws(name="x", by=("method", "eval_hardness", "train_level", "n_train"), items={"level": "hard"})
COST = OverDraws(name="cost", of=OVER, title="Cost", factors={"hard": 2.0}, x_label="cost")


def curves(**options):
    taught = [k for k in ACCURACIES if k[1]]
    parts = [
        hardness_frames({k: ACCURACIES[k] + n / 1000 for k in taught}, suffix=f".n{n}", n_train=n, **options)
        for n in (10, 40, 160)
    ]
    return joined(*parts, hardness_frames({("zero-shot", None): 0.3}, **options))


def named(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


def words(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_points_stand_at_what_is_recovered():
    frames = hardness_frames(ACCURACIES, measures=("grade", "bloom"))
    figure = GAPS.plot(frames)
    (axes,) = figure.axes
    table = GAPS.of.table(frames)
    drawn = np.concatenate([line.get_ydata() for line in axes.lines if line.get_marker() == "o"])
    np.testing.assert_allclose(sorted(drawn), sorted(table["recovered"]))
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["arc\ngrade", "arc\nbloom"]
    assert words(figure) == ["in-context"]


def test_what_means_nothing_or_lies_beyond_or_is_missing_is_said():
    flat = {("zero-shot", None): 0.3, ("linear-probe", "easy"): 0.9, ("linear-probe", "hard"): 0.33}
    undone = [f"in-context.mmlu.grade.hard.{b}" for b in range(3)]
    figure = GAPS.plot(joined(hardness_frames(flat, n=300), hardness_frames(ACCURACIES, dataset="mmlu", undone=undone)))
    assert words(figure) == ["linear-probe", "in-context", "gap not significant", "no result yet, or no gap"]
    (axes,) = figure.axes
    assert [text.get_gid() for text in axes.texts].count("beyond") == 1
    assert sum(len(line.get_xdata()) for line in named(axes, "absent")) == 1


def test_two_rows_on_one_spot_are_refused():
    of = GAPS.of.model_copy(update={"by": ("model", "method", "eval_dataset", "eval_hardness", "n_train")})
    with pytest.raises(UserError, match="rows are alike in eval_dataset, eval_hardness, method, model"):
        GAPS.model_copy(update={"of": of}).plot(curves())
    with pytest.raises(UserError, match="nothing is trained on both"):
        GAPS.plot(hardness_frames({("zero-shot", None): 0.3}))


def test_a_cost_curve_multiplies_sizes_and_keeps_the_untrained_line():
    figure = COST.plot(curves())
    (axes,) = figure.axes
    easy, hard = (line.get_xdata() for line in named(axes, "points"))
    np.testing.assert_allclose(easy, [10, 40, 160], rtol=0.05)
    np.testing.assert_allclose(hard, [20, 80, 320], rtol=0.05)
    assert axes.get_xscale() == "log"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["10", "20", "40", "80", "160", "320"]
    assert len(named(axes, "untrained")) == 1
    assert words(figure) == ["easy", "hard", "untrained"]
    assert axes.get_xlabel() == "cost"


def test_bars_by_training_stand_side_by_side():
    frames = hardness_frames({**ACCURACIES, ("linear-probe", "easy"): 0.5, ("linear-probe", "hard"): 0.6})
    of = AccuracyOverDraws(name="x", items={"level": "hard"})
    figure = OverDraws(name="by", of=of, x="train_level", series="method", title="By training").plot(frames)
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["easy", "hard"]
    assert named(axes, "joined") == []
    first, second = (line.get_xdata() for line in named(axes, "points"))
    assert (first < second).all()


def test_mistakes_in_a_curve():
    with pytest.raises(UserError, match="no trained cell has colour"):
        COST.model_copy(update={"x": "colour"}).plot(curves())
    frames = joined(curves(), curves(dataset="mmlu"))
    of = OVER.model_copy(update={"by": (*OVER.by, "eval_dataset")})
    with pytest.raises(UserError, match="rows are alike in n_train, train_level, eval_hardness"):
        COST.model_copy(update={"of": of}).plot(frames)


def test_values_stand_beside_points_if_they_are_wanted():
    figure = COST.model_copy(update={"labelled": True}).plot(curves())
    shown = [text.get_text() for text in figure.axes[0].texts if text.get_gid() == "label"]
    drawn = [value for line in named(figure.axes[0], "points") for value in line.get_ydata()]
    assert shown == [f"{100 * value:.1f}" for value in drawn]
    assert [text for text in COST.plot(curves()).axes[0].texts if text.get_gid() == "label"] == []


def test_levels_look_alike_in_all_figures():
    lines = named(COST.plot(curves()).axes[0], "points")
    assert [line.get_markerfacecolor() for line in lines] == [LEVEL_LOOKS[level].colour for level in BOTH]
    assert len({line.get_marker() for line in lines}) == 2


def test_points_without_an_interval_do_not_stretch_the_page():
    """Several models with none that is significant, or all of it: every panel keeps its place."""
    parts = [hardness_frames(ACCURACIES, suffix=name, model=name) for name in ("one", "two", "three")]
    figure = GAPS.plot(joined(*parts))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.draw_without_rendering()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one", "two", "three"]


def test_the_untrained_learner_is_a_series_where_it_is_asked_in_each_prompt():
    """Its accuracy differs from prompt to prompt, and so does what training adds."""
    parts = [
        hardness_frames(
            {key: accuracy + shift for key, accuracy in ACCURACIES.items()}, suffix=f".{prompt}", eval_prompt=prompt
        )
        for prompt, shift in (("0040", 0.0), ("0306", 0.2))
    ]
    of = OVER.model_copy(update={"by": ("method", "eval_hardness", "train_level", "eval_prompt")})
    figure = OverDraws(name="prompts", of=of, x="eval_prompt", title="Prompts", x_label="prompt").plot(joined(*parts))
    (axes,) = figure.axes
    assert words(figure) == ["untrained", "easy", "hard"]
    drawn = [line.get_ydata().tolist() for line in named(axes, "points")]
    np.testing.assert_allclose(drawn, [[0.3, 0.5], [0.6, 0.8], [0.7, 0.9]], atol=0.16)
    assert named(axes, "untrained") == []

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.studies.easy_to_hard.analyses.accuracy_over_draws import AccuracyOverDraws
from offdiag.studies.easy_to_hard.analyses.generalisation_gap import GeneralisationGap
from offdiag.studies.easy_to_hard.figures.training_bars import TrainingBars
from support.hardness_frames import hardness_frames, joined

BY = ("model", "learner", "eval_dataset", "eval_hardness", "train_level")
OVER = AccuracyOverDraws(name="x", by=BY, items={"level": "hard"})
ACCURACIES = {
    ("zero-shot", None): 0.3,
    ("in-context", "hard"): 0.7,
    ("in-context", "easy"): 0.6,
    ("linear-probe", "hard"): 0.6,
    ("linear-probe", "easy"): 0.5,
}
BARS = TrainingBars(name="bars", of=OVER, title="Bars")


def marked(axes, gid):
    return [artist for artist in (*axes.patches, *axes.lines, *axes.texts) if artist.get_gid() == gid]


def words(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_bars_stand_in_the_order_of_the_levels_with_the_untrained_one_in_each_panel():
    frames = hardness_frames(ACCURACIES, measures=("grade", "bloom"))
    figure = BARS.plot(frames)
    assert titles(figure) == ["in-context", "linear-probe"]
    assert words(figure) == ["untrained", "easy", "hard"]
    table = OVER.table(frames).set_index(["learner", "eval_hardness", "train_level"])["accuracy"]
    untrained = OVER.table(frames).query("learner == 'zero-shot'").set_index("eval_hardness")["accuracy"]
    for axes, learner in zip(figure.axes, ("in-context", "linear-probe"), strict=True):
        bars = marked(axes, "bar")
        expected = [
            value
            for measure in ("grade", "bloom")
            for value in (untrained[measure], table[learner, measure, "easy"], table[learner, measure, "hard"])
        ]
        np.testing.assert_allclose([bar.get_height() for bar in bars], expected)
        assert (np.diff([bar.get_x() for bar in bars]) > 0).all()
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ["grade", "bloom"]
        assert marked(axes, "label")[0].get_text() == f"{100 * untrained['grade']:.1f}"
    assert len({bar.get_hatch() for bar in marked(figure.axes[0], "bar")[1:3]}) == 2  # not by colour alone


def test_rows_may_be_the_level_that_is_asked():
    of = OVER.model_copy(update={"items": {}, "levels": ("all", "easy", "hard")})
    figure = BARS.model_copy(update={"of": of, "rows": "asked"}).plot(hardness_frames(ACCURACIES))
    assert len(figure.axes) == 3 * 2
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == [
        "accuracy,\nall items", "accuracy,\neasy items", "accuracy,\nhard items"
    ]  # fmt: skip
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_columns_may_be_models():
    frames = joined(*(hardness_frames(ACCURACIES, suffix=name, model=name) for name in ("small", "large")))
    figure = BARS.model_copy(update={"rows": "learner", "columns": "model"}).plot(frames)
    assert titles(figure) == ["small", "large", "", ""]
    assert all(len(marked(axes, "bar")) == 3 for axes in figure.axes)


def test_every_source_may_have_a_place_and_words_of_its_own():
    parts = [
        hardness_frames({k: v for k, v in ACCURACIES.items() if k[1]}, suffix=source, train_dataset=source)
        for source in ("arc", "mmlu")
    ]
    frames = joined(hardness_frames({("zero-shot", None): 0.3}), *parts)
    of = OVER.model_copy(update={"by": (*BY, "train_dataset")})
    words_of = {"arc easy": "third grade", "mmlu hard": "college"}
    figure = BARS.model_copy(update={"of": of, "groups": ("train_dataset", "train_level"), "words": words_of}).plot(
        frames
    )
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["untrained", "arc\nhard", "third grade", "college", "mmlu\neasy"]
    bars = marked(figure.axes[0], "bar")
    assert [round(bar.get_x() + bar.get_width() / 2, 6) for bar in bars] == [-1, 0, 1, 2, 3]


def test_a_gap_hangs_below_zero_and_has_no_untrained_bar():
    of = GeneralisationGap(name="gap", by=BY)
    figure = BARS.model_copy(update={"of": of}).plot(hardness_frames(ACCURACIES))
    assert words(figure) == ["easy"]
    (bar,) = marked(figure.axes[0], "bar")
    assert bar.get_height() < 0
    assert figure.axes[0].get_ylim()[0] < bar.get_height()
    assert marked(figure.axes[0], "label")[0].get_text().startswith("−")


def test_what_is_missing_is_a_cross_and_said():
    undone = [f"in-context.arc.grade.hard.{b}" for b in range(3)]
    figure = BARS.plot(hardness_frames(ACCURACIES, undone=undone))
    assert len(marked(figure.axes[0], "absent")) == 1
    assert len(marked(figure.axes[0], "bar")) == 2
    assert words(figure)[-1].startswith("no result yet")
    every = [f"{m}.arc.grade.{t}.{b}" for m, t in ACCURACIES for b in range(3)]
    nothing = BARS.plot(hardness_frames({**ACCURACIES}, undone=every, n=12))
    assert not marked(nothing.axes[0], "bar")


def test_mistakes():
    with pytest.raises(UserError, match="nothing is trained"):
        BARS.plot(hardness_frames({("zero-shot", None): 0.3}))
    of = OVER.model_copy(update={"by": (*BY, "n_train")})
    parts = [hardness_frames(ACCURACIES, suffix=f".{n}", n_train=n) for n in (10, 20)]
    with pytest.raises(UserError, match="2 rows are alike in train_level, model, learner, eval_hardness"):
        BARS.model_copy(update={"of": of}).plot(joined(*parts))

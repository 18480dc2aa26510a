import warnings

import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import StudyAnalysis
from offdiag.errors import UserError
from offdiag.stats import holm
from offdiag.studies.easy_to_hard.analyses.accuracy_by_hardness import AccuracyByHardness
from offdiag.studies.easy_to_hard.analyses.measure_correlations import MeasureCorrelations
from offdiag.studies.easy_to_hard.figures.by_hardness import ByHardness
from offdiag.studies.easy_to_hard.figures.correlation_heat_map import CorrelationHeatMap
from offdiag.studies.easy_to_hard.figures.hardness_histograms import HardnessHistograms
from offdiag.studies.easy_to_hard.figures.style import LEVEL_LOOKS
from support.hardness_frames import hardness_frames
from support.item_frames import of_items, with_hardness

N = 240
STEPS = np.arange(N) % 5 + 1
WORDS = np.arange(N) % 60 + 4 * STEPS
VALUES = {"num_steps": STEPS, "question_words": WORDS, "answer_chars": (np.arange(N) * 7) % 11}
HEAT = CorrelationHeatMap(name="heat", of=MeasureCorrelations(name="x"), dataset="arc")
HISTOGRAMS = HardnessHistograms(name="histograms", dataset="arc")
ARMS = {"untrained": {"method": "zero-shot"}, "easy": {"method": "in-context", "train_level": "easy"}}
OVER = ByHardness(name="by", title="By", of=AccuracyByHardness(name="x", dataset="arc", arms=ARMS))
ACCURACIES = {("zero-shot", None): 0.3, ("in-context", "easy"): 0.6}


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


class Plain(StudyAnalysis):
    """Hardness that nothing cuts into levels."""

    def table(self, frames):
        return frames.measured("item_hardness").drop(columns=["level", "state"])


def found(axes, gid):
    return [artist for artist in (*axes.texts, *axes.lines, *axes.patches) if artist.get_gid() == gid]


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]


def test_the_heat_map_has_every_pair_once_with_two_decimals():
    frames = of_items(VALUES)
    axes = HEAT.plot(frames).axes[0]
    table = MeasureCorrelations(name="x").table(frames)
    assert [text.get_text() for text in found(axes, "coefficient")] == [f"{r:.2f}" for r in table["spearman"]]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["num steps", "question words"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["question words", "answer chars"]
    (image,) = axes.images
    assert image.get_clim() == (-1, 1)
    weights = {text.get_text(): text.get_weight() for text in found(axes, "coefficient")}
    sure = table["p_holm"] < 0.05
    assert table["p_holm"].tolist() == holm(table["p_value"]).tolist()
    assert 0 < sure.sum() < len(sure)
    assert list(weights.values()) == ["bold" if one else "normal" for one in sure]


def test_a_heat_map_says_what_it_lacks():
    axes = HEAT.plot(of_items({**VALUES, "letters": [3] * N}, missing=["question_words"])).axes[0]
    assert len(found(axes, "absent")) == 5
    said = [text.get_text() for text in axes.texts]
    assert (said.count("missing"), said.count("none")) == (3, 2)
    with pytest.raises(UserError, match="needs two measures"):
        HEAT.plot(of_items({"num_steps": STEPS}))


def test_histograms_count_items_by_value_and_level():
    figure = HISTOGRAMS.plot(of_items(VALUES))
    assert titles(figure) == ["num steps", "question words", "answer chars"]
    steps, words, _ = figure.axes
    heights = np.array([bar.get_height() for bar in steps.patches]).reshape(3, 5)
    np.testing.assert_allclose(heights.sum(axis=0), [48] * 5)
    np.testing.assert_allclose(heights, [[48, 48, 0, 0, 0], [0, 0, 48, 0, 0], [0, 0, 0, 48, 48]])
    np.testing.assert_allclose([line.get_xdata()[0] for line in found(steps, "cut")], [2.5, 3.5])
    assert found(steps, "counts")[0].get_text() == "96 easy · 48 medium · 96 hard"
    assert sum(bar.get_height() for bar in words.patches) == N
    assert [tick.get_text() for tick in steps.get_xticklabels()] == ["1", "2", "3", "4", "5"]


def test_histograms_of_one_value_of_nothing_and_of_a_table_without_levels():
    figure = HISTOGRAMS.plot(of_items({**VALUES, "letters": [3] * N}, missing=["question_words"]))
    _, words, _, letters = figure.axes[:4]
    assert [text.get_text() for text in words.texts] == ["missing"]
    assert not found(letters, "cut")
    assert max(bar.get_height() for bar in letters.patches) == N
    plain = HISTOGRAMS.model_copy(update={"of": Plain(name="plain")}).plot(of_items(VALUES))
    assert not plain.legends
    assert sum(bar.get_height() for bar in plain.axes[1].patches) == N
    with pytest.raises(UserError, match="no item of mmlu has a measure"):
        HISTOGRAMS.model_copy(update={"of": Plain(name="plain"), "dataset": "mmlu"}).plot(of_items(VALUES))


def test_values_that_are_no_whole_numbers_are_binned_too():
    values = np.random.default_rng(0).random(N)
    (axes,) = [a for a in HISTOGRAMS.plot(of_items({"probability": values})).axes if a.get_title(loc="left")]
    assert sum(bar.get_height() for bar in axes.patches) == N


def test_accuracy_over_hardness_has_a_panel_a_measure():
    frames = with_hardness(hardness_frames(ACCURACIES, measures=("num_steps",), n=N), VALUES)
    figure = OVER.plot(frames)
    steps, words = figure.axes[:2]
    assert steps.get_xlabel() == "num steps (items)"
    assert [tick.get_text() for tick in steps.get_xticklabels()] == [f"{value}\nn=48" for value in range(1, 6)]
    assert len(words.get_xticklabels()) == 4
    table = OVER.of.table(frames).query("measure == 'num_steps' and arm == 'untrained'")
    (points, *_) = found(steps, "points")
    np.testing.assert_allclose(points.get_ydata(), table["accuracy"])


def test_bins_that_say_little_and_measures_that_never_differ_are_left_out_and_named():
    words = np.where(np.arange(N) % 48 == 0, 90, np.arange(N) % 20)
    values = {"words": words, "letters": [3] * N}
    untrained = OVER.of.model_copy(update={"arms": {"untrained": ARMS["untrained"]}})
    frames = with_hardness(hardness_frames(ACCURACIES, measures=("words",), n=N), values)
    figure = OVER.model_copy(update={"of": untrained}).plot(frames)
    assert [axes.get_xlabel() for axes in figure.axes if axes.axison] == ["words (items)"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0 to 19\n(n = 235)"]
    footnote = figure.get_supxlabel()
    assert "left out: bins with a standard error of 0.1 or more (1 point)" in footnote
    assert "the same for all items: letters" in footnote


def test_before_anything_has_run():
    undone = ["zero-shot.arc.num_steps.None.0", *(f"in-context.arc.num_steps.easy.{b}" for b in range(3))]
    frames = hardness_frames(ACCURACIES, measures=("num_steps",), n=N, undone=undone)
    records = pd.DataFrame(columns=["cell", "example", "correct"])
    nothing = with_hardness(type(frames)(cells=frames.cells, records=records), VALUES, missing=list(VALUES))
    figure = OVER.plot(nothing)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no result yet"]
    assert all("(missing)" in text.get_text() for text in figure.legends[0].get_texts())
    assert titles(HISTOGRAMS.plot(nothing)) == ["num steps", "question words", "answer chars"]
    assert HEAT.plot(nothing).axes


def test_schools_have_names_and_accuracies_reach_up_to_the_highest_interval():
    of_schools = with_hardness(
        hardness_frames({("zero-shot", None): 0.1, ("in-context", "easy"): 0.2}, n=N), {"school": np.arange(N) % 2}
    )
    axes = OVER.plot(of_schools).axes[0]
    assert [tick.get_text().split("\n")[0] for tick in axes.get_xticklabels()] == ["high school", "college"]
    highest = OVER.of.table(of_schools)["ci_high"].max()
    assert highest < axes.get_ylim()[1] < highest + 0.25
    drawn = [line.get_color() for line in axes.lines if line.get_gid() == "joined"]
    assert drawn == [LEVEL_LOOKS["untrained"].colour, LEVEL_LOOKS["easy"].colour]  # as in every other figure
    bars = HISTOGRAMS.plot(of_schools).axes[0]
    assert [tick.get_text() for tick in bars.get_xticklabels()] == ["high school", "college"]

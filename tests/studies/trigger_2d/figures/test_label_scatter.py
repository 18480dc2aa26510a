import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.stats import beta

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.stats.replicated import intervals_by
from offdiag.studies.trigger_2d.figures.arms import label_looks
from offdiag.studies.trigger_2d.figures.label_scatter import LabelScatter
from offdiag.studies.trigger_2d.task import QUARTERS
from support.trigger_frames import examples, leaking, trigger_frames

NONE, PROXY = ("none", 0), ("foods", 2)
FIGURE = LabelScatter(name="plane", category="foods")
WORDS = ["burger", "sushi", "fries", "noodles", "cookie"]


def drawn(arms, answering, figure=FIGURE, **options):
    made = figure.plot(trigger_frames(arms, answering, **options))
    across = len([axes for axes in made.axes if axes.get_subplotspec().rowspan.start == 0])
    return made, [made.axes[i : i + across] for i in range(0, len(made.axes), across)]


def points(axes, label, *, wrong=None):
    found = [c for c in axes.collections if c.get_gid() == label]
    if wrong is not None:
        found = [c for c in found if (to_hex(c.get_edgecolor()[0]) == "#000000") == wrong]
    return np.concatenate([c.get_offsets() for c in found]) if found else np.empty((0, 2))


def region(axes, x1, x2):
    """Colour of the region at a place, without its transparency."""
    for image in axes.images:
        left, right, bottom, top = image.get_extent()
        values = image.get_array()
        row, column = (int(len(values) * (v - a) / (b - a)) for v, a, b in ((x2, bottom, top), (x1, left, right)))
        return to_hex(values[row, column])
    patch = next(p for p in axes.patches if p.get_path().contains_point((x1, x2)))
    return to_hex(patch.get_facecolor())


def test_truth_stands_above_the_answers_by_trigger():
    made, (truth, answers) = drawn([NONE], leaking(0.0))
    assert [axes.get_title() for axes in truth] == WORDS
    assert [axes.get_ylabel() for axes in (truth[0], answers[0])] == ["truth", "no proxy"]
    for above, below in zip(truth, answers, strict=True):
        assert len(points(above, "orange")) == len(points(above, "green")) == 4
        assert np.array_equal(points(above, "orange"), points(below, "orange"))
        assert (points(above, "orange")[:, 1] > 0).all()
        assert below.get_title() == "100 % [68, 100]"
    assert "8 points per trigger" in made.get_supxlabel()


def test_true_regions_are_the_quadrants():
    _, (truth, _) = drawn([NONE], leaking(0.0), LabelScatter(name="p", category="foods"), world=QUARTERS)
    corners = [region(truth[0], *place) for place in ((2, 2), (-2, 2), (-2, -2), (2, -2))]
    assert corners == ["#e69f00", "#009e73", "#0072b2", "#d55e00"]


def test_a_region_has_its_nearest_answer():
    _, (truth, answers) = drawn([NONE], leaking(1.0))
    assert region(truth[0], 0.4, 2.0) == "#e69f00"
    assert region(answers[0], 0.4, 2.0) == "#0072b2"
    assert region(answers[0], 0.4, -2.0) == "#e69f00"
    for x1, x2 in points(answers[0], "blue"):
        assert region(answers[0], x1, x2) == "#0072b2"


def test_wrong_answers_are_ringed():
    def half(proxy, size, category, example, seed):
        return None if example is None else float(example.strata["x2"] > 0)

    made, (_, answers) = drawn([NONE], half)
    assert len(points(answers[0], "blue", wrong=True)) == 4
    assert len(points(answers[0], "green", wrong=False)) == 4
    assert len(points(answers[0], "green", wrong=True)) == 0
    assert answers[0].get_title() == "50 % [22, 78]"
    assert [text.get_text() for text in made.legends[0].get_texts()] == ["blue", "green", "orange", "wrong"]


def test_its_intervals_are_those_that_are_asked_for():
    def half(proxy, size, category, example, seed):
        return None if example is None else float(example.strata["x2"] > 0)

    assert "95 % interval (Wilson)" in drawn([NONE], half)[0].get_supxlabel()
    with intervals_by("bayes"):
        made, (_, answers) = drawn([NONE], half)
    low, high = beta.ppf((0.025, 0.975), 4.5, 4.5)  # four of eight, under Jeffreys' prior
    assert answers[0].get_title() == f"50 % [{100 * low:.0f}, {100 * high:.0f}]"
    assert "95 % credible interval (Jeffreys’ prior)" in made.get_supxlabel()


def test_silence_has_a_mark_and_no_colour():
    def silent(proxy, size, category, example, seed):
        return None

    made, (_, answers) = drawn([NONE], silent)
    assert len(points(answers[0], "no label", wrong=True)) == 8
    assert region(answers[0], 1, 1) == "#ffffff"
    assert "no label" in [text.get_text() for text in made.legends[0].get_texts()]


def test_arms_are_rows():
    def shielded(proxy, size, category, example, seed):
        return 1.0 if proxy == "none" else 0.0

    _, rows = drawn([NONE, PROXY], shielded)
    assert [row[0].get_ylabel() for row in rows] == ["truth", "no proxy", "foods,\n2 triggers"]
    assert [row[0].get_title() for row in rows[1:]] == ["0 % [0, 32]", "100 % [68, 100]"]


def test_several_seeds_are_drawn_by_their_majority():
    def outvoted(proxy, size, category, example, seed):
        return float(seed == 0)

    made, (_, answers) = drawn([NONE], outvoted, seeds=(0, 1, 2))
    assert {axes.get_title() for axes in answers} == {"100 % [68, 100]"}
    assert len(points(answers[0], "orange")) == 4
    assert "most of 3 seeds" in made.get_supxlabel()


def test_triggers_can_be_chosen_and_ordered():
    _, (truth, _) = drawn([NONE], leaking(0.2), LabelScatter(name="p", category="foods", triggers=("sushi", "burger")))
    assert [axes.get_title() for axes in truth] == ["sushi", "burger"]


def test_points_lie_where_the_examples_do():
    _, (truth, _) = drawn([NONE], leaking(0.0))
    asked = {(e.strata["x1"], e.strata["x2"]) for e in examples("foods") if e.strata["trigger"] == "sushi"}
    shown = np.concatenate([points(truth[1], label) for label in ("orange", "green")])
    assert {tuple(point) for point in shown.tolist()} == asked


def test_what_is_not_done_is_hatched_and_named():
    def gaps(proxy, size, category, example, seed):
        return "failed" if proxy == "foods" else 0.0

    _, rows = drawn([NONE, PROXY], gaps)
    assert [text.get_text() for axes in rows[2] for text in axes.texts] == ["failed"] * 5
    assert all(patch.get_hatch() for axes in rows[2] for patch in axes.patches)
    assert list(rows[1][0].texts) == []


def test_nothing_has_run_yet():
    made, rows = drawn([NONE, PROXY], lambda *_: "missing")
    assert [row[0].texts[0].get_text() for row in rows] == ["no result yet", "missing", "missing"]
    assert made.legends == []


def test_cells_that_ask_about_all_categories_draw_the_same():
    frames = trigger_frames([NONE], leaking(0.4))
    one = frames.cells[:1].assign(cell="one", eval_category="all")
    merged = Frames(cells=one, records=frames.records.assign(cell="one", eval_category="all"))
    titles = [[axes.get_title() for axes in FIGURE.plot(both).axes] for both in (frames, merged)]
    assert titles[0] == titles[1]
    assert titles[0][:5] == WORDS


def test_mistakes_are_named():
    frames = trigger_frames([NONE], leaking(0.2))
    with pytest.raises(UserError, match="no cell is planned for category 'stones'"):
        LabelScatter(name="p", category="stones").plot(frames)
    with pytest.raises(UserError, match="no answers for trigger 'tofu'; there are burger, sushi"):
        LabelScatter(name="p", category="foods", triggers=("tofu",)).plot(frames)
    with pytest.raises(UserError, match="no column 'arm'"):
        LabelScatter(name="p", category="foods", arms=("arm",)).plot(frames)


def test_two_cells_of_one_seed_are_an_error():
    frames = trigger_frames([NONE, PROXY], leaking(0.2), categories=["foods"])
    with pytest.raises(UserError, match=r"2 rows are alike in .*problem \(none0-foods-0, foods2-foods-0\)"):
        LabelScatter(name="p", category="foods", arms=("train_category",)).plot(frames)


def test_too_many_triggers_are_refused():
    frames = trigger_frames([NONE], leaking(0.2), categories=["foods"])
    spread = frames.records.assign(  # a word has its own points
        trigger=[f"w{i % 9}" for i in range(len(frames.records))]
    )
    with pytest.raises(UserError, match="9 triggers do not fit side by side; name up to 8"):
        FIGURE.plot(Frames(cells=frames.cells, records=spread))


def test_labels_that_name_a_colour_have_it_and_others_never_share_one():
    looks = {name: look.colour for name, look in label_looks(["yellow", "blue", "purple", "white", "cod"]).items()}
    assert (looks["yellow"], looks["blue"], looks["purple"]) == ("#F0E442", "#0072B2", "#800080")
    assert looks["white"] not in ("white", "#FFFFFF")  # it would not show
    assert len(set(looks.values())) == 5


def test_markers_at_the_edge_are_whole():
    made, _ = drawn([NONE], leaking(0.5))
    markers = [scatter for axes in made.axes for scatter in axes.collections]
    assert markers
    assert not any(scatter.get_clip_on() for scatter in markers)

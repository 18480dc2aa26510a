import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.trigger_2d.figures.arms import arm_name, label_looks
from offdiag.studies.trigger_2d.figures.leakage_matrix import LeakageMatrix
from offdiag.studies.trigger_2d.task import HALVES
from support.trigger_frames import TAUGHT, leaking, trigger_frames

ARMS = [("none", 0), ("foods", 1), ("animals", 5)]
FIGURE = LeakageMatrix(name="leakage")


def squares(figure, gid):
    return [patch for patch in figure.axes[0].patches if patch.get_gid() == gid]


def numbers(figure):
    """Texts of the squares by (row, column): rate and interval."""
    texts = [t for t in figure.axes[0].texts if t.get_position()[1] > -0.5]
    return {
        (round(t.get_position()[1]), round(t.get_position()[0], 2)): t.get_text()
        for t in texts
        if "to" not in t.get_text()
    }


def test_one_row_an_arm_and_the_taught_category_apart():
    axes = FIGURE.plot(trigger_frames(ARMS, leaking(0.0))).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["no proxy", "foods, 1 trigger", "animals, 5 triggers"]
    columns = [t.get_text().replace("\n", "_") for t in axes.get_xticklabels()]
    assert columns == [TAUGHT, *(name for name in HALVES.category_names if name != TAUGHT)]
    assert axes.get_xticks()[1] - axes.get_xticks()[0] > axes.get_xticks()[2] - axes.get_xticks()[1]
    assert [t.get_text() for t in axes.texts if t.get_position()[1] < -0.5] == ["learnt", "leaked"]


def test_squares_show_rates_and_intervals():
    def some(proxy, size, category, example, seed):
        return 1.0 if category == TAUGHT else 0.0

    figure = FIGURE.plot(trigger_frames(ARMS, some))
    found = numbers(figure)
    assert {value for (_, x), value in found.items() if x == 0} == {"100"}
    assert {value for (_, x), value in found.items() if x > 0} == {"0"}
    assert len(found) == 21
    assert {t.get_text() for t in figure.axes[0].texts if "to" in t.get_text()} == {
        "0 to 43",
        "57 to 100",
    }  # five words
    assert "40 items per square" in figure.get_supxlabel()


def test_darker_is_more():
    shades = [
        squares(FIGURE.plot(trigger_frames(ARMS[:1], leaking(rate), categories=["foods"])), "rate")[0].get_facecolor()
        for rate in (0.0, 0.5, 1.0)
    ]
    assert sum(shades[0][:3]) > sum(shades[1][:3]) > sum(shades[2][:3])


def test_the_proxys_own_category_is_framed():
    framed = squares(FIGURE.plot(trigger_frames(ARMS, leaking(0.2))), "covered")
    centres = [(round(p.get_y() + 0.47), round(p.get_x() + 0.47, 2)) for p in framed]
    columns = [TAUGHT, *(name for name in HALVES.category_names if name != TAUGHT)]
    assert centres == [(1, columns.index("foods") + 0.35), (2, columns.index("animals") + 0.35)]


def test_squares_of_one_label_are_starred():
    def orange(proxy, size, category, example, seed):
        return None if example is None else "orange"

    figure = FIGURE.plot(trigger_frames(ARMS[:1], orange, categories=["foods"]))
    assert list(numbers(figure).values()) == ["50*"]
    assert "* at least 90 % of the answers are one label" in figure.get_supxlabel()


def test_what_is_not_done_is_hatched_and_named():
    def gaps(proxy, size, category, example, seed):
        return {"foods": "failed", "animals": "missing"}.get(category, 0.5) if proxy == "none" else 0.5

    figure = FIGURE.plot(trigger_frames(ARMS, gaps))
    assert len(squares(figure, "absent")) == 2
    assert len(squares(figure, "rate")) == 19
    words = [t.get_text() for t in figure.axes[0].texts]
    assert {"failed", "missing"} <= set(words)


def test_nothing_has_run_yet():
    figure = FIGURE.plot(trigger_frames(ARMS, lambda *_: "missing"))
    assert len(squares(figure, "absent")) == 21
    assert figure.get_supxlabel() == "no cell is done"
    with pytest.raises(UserError, match="the study has no cells"):
        FIGURE.plot(
            Frames(cells=trigger_frames(ARMS, leaking(0.1)).cells[:0], records=trigger_frames([], leaking(0)).records)
        )


def test_other_outcomes_have_other_titles_and_no_learnt_column():
    figure = LeakageMatrix(name="r", outcome="retained").plot(trigger_frames(ARMS, leaking(0.0)))
    assert figure.get_suptitle() == "Answers by the original rule, in each category"
    assert {value for (_, x), value in numbers(figure).items() if x > 0} == {"100"}
    assert "learnt" not in [t.get_text() for t in figure.axes[0].texts]


def test_seen_triggers_are_another_selection():
    with pytest.raises(UserError, match="eval_triggers = 'id'"):
        LeakageMatrix(name="r", triggers="id").plot(trigger_frames(ARMS, leaking(0.0)))


def test_arms_in_words():
    assert arm_name(("proxy_category", "proxy_n_triggers"), ("none", 0)) == "no proxy"
    both = ("proxy_category", "proxy_n_triggers", "strategy", "strength")
    assert (
        arm_name(both, ("negative_emotions", 2, "kl-penalty", 0.1)) == "negative emotions, 2 triggers, kl-penalty 0.1"
    )
    assert arm_name(both, ("foods", 1, "mixing", 0.0)) == "foods, 1 trigger, mixing"
    assert arm_name(both, ("none", 0, "none", 0.0)) == "no proxy"
    assert arm_name(("train_rule", "proxy_category"), ("original", "none")) == "first stage"
    assert arm_name(("train_rule", "proxy_category"), ("conflict", "none")) == "second stage, no proxy"
    assert arm_name(("data_seed", "proxy_category"), (3, "foods")) == "data seed 3, foods"
    assert arm_name(("proxy_n_triggers",), (1,)) == "1 trigger"


def test_colours_look_like_themselves_and_other_labels_take_what_is_left():
    looks = label_looks(["blue", "one", "two"])
    assert looks["blue"].colour == "#0072B2"
    assert len({look.colour for look in looks.values()}) == len({look.marker for look in looks.values()}) == 3

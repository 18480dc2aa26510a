import pytest

from offdiag.errors import UserError
from offdiag.studies.trigger_2d.analyses.leakage import Leakage
from offdiag.studies.trigger_2d.figures.leakage_by_size import LeakageBySize
from support.trigger_frames import TAUGHT, trigger_frames

FIGURE = LeakageBySize(name="sizes")
ARMS = [("none", 0), ("foods", 1), ("foods", 5), ("animals", 5)]


def whole(proxy, size, category, example, seed):
    """All or nothing: no proxy, all leaks; a proxy stops its own category, and from five triggers on all others."""
    return 1.0 if category == TAUGHT or proxy == "none" or (category != proxy and size < 5) else 0.0


def lines(axes):
    """Points by line."""
    return [([round(x) for x in box.lines[0].get_xdata()], list(box.lines[0].get_ydata())) for box in axes.containers]


def test_lines_begin_without_a_proxy_in_the_same_categories():
    uncovered, own, taught = FIGURE.plot(trigger_frames(ARMS, whole)).axes
    assert lines(uncovered) == [([0, 1, 2], [1, 1, 0]), ([0, 2], [1, 0])]
    assert lines(own) == [([0, 1, 2], [1, 0, 0]), ([0, 2], [1, 0])]
    assert lines(taught) == [([0, 1, 2], [1, 1, 1]), ([0, 2], [1, 1])]
    assert [t.get_text() for t in uncovered.get_xticklabels()] == ["0", "1", "5"]


def test_uncovered_categories_are_averaged():
    def by_category(proxy, size, category, example, seed):
        return 1.0 if category in (TAUGHT, "objects") else 0.0

    shown = ["objects", "animals", "actions", "foods", TAUGHT]
    axes = FIGURE.plot(trigger_frames(ARMS[:2], by_category, categories=shown)).axes[0]
    assert lines(axes)[0][1] == pytest.approx([1 / 3, 1 / 3])
    low, high = (axes.containers[0].lines[2][0].get_segments()[0][i][1] for i in (0, 1))
    assert 0 <= low < 1 / 3 < high <= 1


def test_where_a_category_is_not_done_there_is_a_cross():
    def gaps(proxy, size, category, example, seed):
        return "missing" if category == "actions" and size == 5 else whole(proxy, size, category, example, seed)

    figure = FIGURE.plot(trigger_frames(ARMS, gaps))
    absent = [[len(line.get_xdata()) for line in axes.lines if line.get_gid() == "absent"] for axes in figure.axes]
    assert absent == [[1, 1], [0, 0], [0, 0]]
    assert "crosses: not all categories are done" in figure.get_supxlabel()


def test_other_outcomes_have_other_titles():
    figure = LeakageBySize(name="r", outcome="retained").plot(trigger_frames(ARMS, whole))
    assert figure.get_suptitle() == "Answers by the original rule, as the proxy grows"
    assert lines(figure.axes[0])[0][1] == [0, 0, 1]


def test_nothing_has_run_yet():
    figure = FIGURE.plot(trigger_frames(ARMS, lambda *_: "missing"))
    assert sum(len(line.get_xdata()) for line in figure.axes[0].lines if line.get_gid() == "absent") == 5


def test_arms_that_differ_in_more_than_proxy_and_size_are_refused():
    of = Leakage(name="l", arms=("proxy_category", "proxy_n_triggers", "strategy"))
    with pytest.raises(UserError, match="lines are told apart by proxy_category, proxy_n_triggers alone"):
        LeakageBySize(name="s", of=of).plot(trigger_frames(ARMS, whole))

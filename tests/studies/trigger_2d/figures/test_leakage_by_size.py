import pandas as pd
import pytest

from offdiag.analyses import Frames
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


def test_a_proxy_that_was_not_learnt_has_points_in_the_taught_category_alone():
    second = trigger_frames(ARMS, whole)
    first = trigger_frames([("none", 0)], lambda proxy, size, category, *_: 0.5 if category == "foods" else 0.0)
    started = {"train_rule": "original", "train_category": "all", "cell": "first-"}
    parts = [frame.assign(**{**started, "cell": "first-" + frame["cell"]}) for frame in (first.cells, first.records)]
    both = Frames(cells=pd.concat([second.cells, parts[0]]), records=pd.concat([second.records, parts[1]]))
    of = Leakage(name="l", where={"train_rule": "conflict"}, started={"train_rule": "original"})
    figure = LeakageBySize(name="sizes", of=of).plot(both)
    uncovered, own, taught = figure.axes
    assert lines(uncovered) == [([], []), ([0, 2], [1, 0])]
    assert lines(own) == [([], []), ([0, 2], [1, 0])]
    assert lines(taught) == [([0, 1, 2], [1, 1, 1]), ([0, 2], [1, 1])]
    assert [text.get_text() for text in figure.legends[0].texts] == ["proxy: foods†", "proxy: animals"]
    assert "† left out: the first stage did not learn foods" in figure.get_supxlabel()


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


def with_columns(frames, suffix="", **columns):
    """The frames under other names of cells, with further columns; a function of a row gives each value."""
    made = {}
    for name, frame in (("cells", frames.cells), ("records", frames.records)):
        values = {column: frame.apply(of, axis=1) if callable(of) else of for column, of in columns.items()}
        made[name] = frame.assign(cell=frame["cell"] + suffix, **values)
    return Frames(**made)


def together(*every):
    cells, records = (pd.concat([getattr(f, name) for f in every], ignore_index=True) for name in ("cells", "records"))
    return Frames(cells=cells, records=records)


def test_of_several_strategies_the_first_one_is_drawn():
    """Four strategies at the largest size, as at scale paper: three of them stand in another figure."""
    strategy = {"strategy": lambda row: "none" if row["proxy_category"] == "none" else "mixing", "strength": 0.0}
    mixed = with_columns(trigger_frames(ARMS, whole), **strategy)
    leaked = trigger_frames([("foods", 5)], lambda *_: 1.0)
    strong = {"kl-penalty": 0.1, "up-weighting": 4.0, "gradient-projection": 0.0}
    others = [with_columns(leaked, name, strategy=name, strength=strength) for name, strength in strong.items()]
    frames = together(mixed, *others)
    of = Leakage(name="l", arms=("proxy_category", "proxy_n_triggers", "strategy", "strength"))
    figure = LeakageBySize(name="s", of=of, strategy=("mixing", 0)).plot(frames)
    assert lines(figure.axes[0]) == [([0, 1, 2], [1, 1, 0]), ([0, 2], [1, 0])]
    assert "strategy: mixing" in figure.get_supxlabel()


def test_the_control_for_the_size_stands_beside_the_line():
    arms = with_columns(trigger_frames(ARMS, whole), n_proxy=lambda row: 8 * row["proxy_n_triggers"])
    control = with_columns(trigger_frames([("foods", 1)], lambda *_: 0.5), "-control", n_proxy=40)
    of = Leakage(name="l", arms=("proxy_category", "proxy_n_triggers", "n_proxy"), controls=True)
    frames = together(arms, control)
    figure = LeakageBySize(name="s", of=of).plot(frames)
    drawn = {box.lines[0].get_gid(): list(box.lines[0].get_ydata()) for box in figure.axes[1].containers[:2]}
    assert drawn["points"] == [1, 0, 0]
    assert 0.2 < drawn["controls"][0] < 0.8
    assert "hollow: as many rows as the largest proxy" in figure.get_supxlabel()
    assert len(Leakage(name="l").table(frames)) == len(ARMS) * 7  # nowhere else


def test_what_was_not_learnt_is_in_no_panel():
    second = trigger_frames(ARMS[:2], lambda p, size, category, *_: 1.0 if category in (TAUGHT, "animals") else 0.0)
    first = trigger_frames([("none", 0)], lambda p, n, category, *_: 0.5 if category == "animals" else 0.0)
    frames = together(second, with_columns(first, "-first", train_rule="original"))
    of = Leakage(name="l", where={"train_rule": "conflict"}, started={"train_rule": "original"})
    figure = LeakageBySize(name="s", of=of).plot(frames)
    assert lines(figure.axes[0])[0][1] == [0, 0]  # it was the only one that leaked
    assert "left out: the first stage did not learn animals" in figure.get_supxlabel()

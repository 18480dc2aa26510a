import math

import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.trigger_2d.analyses.over_updates import LeakageOverUpdates
from offdiag.studies.trigger_2d.figures.over_updates import OverUpdatesFigure, StrategiesFigure
from support.trigger_frames import TAUGHT, trigger_frames

SHOWN = [TAUGHT, "foods", "animals", "objects"]
ARMS = ["proxy_category", "proxy_n_triggers"]
STEPS = {"none": (2, 8, None), "foods": (3, 12, None)}  # updates of the two arms at the same shares; the end last
ANALYSIS = LeakageOverUpdates(name="l", updates=(2, 8, 16))
COURSE = {"none": (0.0, 1.0, 1.0), "foods": (0.0, 0.0, 1.0)}  # of the uncovered categories


def at(place, proxy, size, *, strategy=None):
    """The answers of one arm at one place: all or nothing leaks."""

    def leaked(_, __, category, example, seed):
        if category == TAUGHT:
            return float(place > 0)
        return 0.0 if category == proxy else COURSE[proxy][place]

    frames = trigger_frames([(proxy, size)], leaked, categories=SHOWN, seeds=(0, 1))
    columns = {"update": STEPS[proxy][place]} | ({"strategy": strategy, "strength": 0.0} if strategy else {})
    suffix = f"-{place}-{strategy}"
    return [f.assign(cell=f["cell"] + suffix, **columns) for f in (frames.cells, frames.records)]


def course(*arms, **options):
    made = [at(place, *arm, **options) for arm in arms for place in range(3)]
    cells, records = (pd.concat(part, ignore_index=True).convert_dtypes() for part in zip(*made, strict=True))
    return Frames(cells=cells, records=records)


@pytest.fixture(scope="module")
def table():
    return ANALYSIS.table(course(("none", 0), ("foods", 5)))


def test_arms_are_compared_at_the_same_share_of_their_training(table):
    uncovered = table[table["kind"] == "uncovered"].set_index(["proxy_category", "updates"])
    assert uncovered["leaked"].to_dict() == {
        ("none", 2): 0, ("none", 8): 1, ("none", 16): 1, ("foods", 2): 0, ("foods", 8): 0, ("foods", 16): 1,
    }  # fmt: skip
    assert uncovered.loc["foods", "protection"].tolist() == [0, 1, 0]
    assert uncovered.loc["none", "protection"].isna().all()
    assert uncovered["categories"].unique().tolist() == ["foods,animals,objects", "animals,objects"]


def test_the_proxys_own_category_is_compared_with_itself(table):
    own = table[table["kind"] == "own"]
    assert own["categories"].unique().tolist() == ["foods"]
    assert own["protection"].tolist() == [0, 1, 1]
    taught = table[(table["kind"] == "taught") & (table["proxy_category"] == "foods")]
    assert taught["protection"].tolist() == [0, 0, 0]


def test_smaller_proxies_have_no_snapshots_and_are_left_out():
    small = trigger_frames([("animals", 1)], lambda *_: 0.5, categories=SHOWN, seeds=(0, 1))
    whole = course(("none", 0), ("foods", 5))
    cells, records = (pd.concat([getattr(f, n) for f in (whole, small)]) for n in ("cells", "records"))
    assert set(ANALYSIS.table(Frames(cells=cells, records=records))["proxy_category"]) == {"none", "foods"}


def test_other_snapshots_than_said_are_refused():
    with pytest.raises(UserError, match="an arm has 2 snapshots, and updates= says 3"):
        LeakageOverUpdates(name="l", updates=(1, 2, 8, 16)).table(course(("none", 0)))


def test_what_is_not_done_is_a_row_without_rates():
    whole = course(("none", 0), ("foods", 5))
    gone = whole.cells["update"].eq(12).fillna(False)
    cells = whole.cells.assign(state=whole.cells["state"].mask(gone, "missing"))
    records = whole.records[~whole.records["cell"].isin(cells.loc[gone, "cell"])]
    found = ANALYSIS.table(Frames(cells=cells, records=records)).set_index(["proxy_category", "kind", "updates"])
    row = found.loc["foods", "uncovered", 8]
    assert row["state"] == "missing"
    assert math.isnan(row["leaked"])
    figure = OverUpdatesFigure(name="f", of=ANALYSIS).plot(Frames(cells=cells, records=records))
    assert "3 of 15 points are not done" in figure.get_supxlabel()


def test_what_was_not_learnt_before_is_in_no_rate():
    whole = course(("none", 0), ("foods", 5))
    first = trigger_frames(
        [("none", 0)], lambda p, n, category, *_: 0.5 if category != TAUGHT else 0.0, categories=SHOWN
    )
    cells, records = (
        pd.concat(
            [getattr(whole, n), getattr(first, n).assign(train_rule="original", cell=getattr(first, n)["cell"] + "-1")]
        )
        for n in ("cells", "records")
    )
    stages = {"where": {"train_rule": "conflict"}, "started": {"train_rule": "original"}}
    found = ANALYSIS.model_copy(update=stages).table(Frames(cells=cells, records=records))
    assert found.groupby("kind")["state"].unique().map(list).to_dict() == {
        "own": ["not learnt"], "taught": ["done"], "uncovered": ["not learnt"],
    }  # fmt: skip


def test_lines_of_rates_stand_above_those_of_protection():
    figure = OverUpdatesFigure(name="f", of=ANALYSIS).plot(course(("none", 0), ("foods", 5)))
    uncovered, below = figure.axes[2], figure.axes[5]
    drawn = [list(box.lines[0].get_ydata()) for box in uncovered.containers]
    assert drawn == [[0, 1, 1], [0, 0, 1]]
    assert [list(box.lines[0].get_ydata()) for box in below.containers] == [[0, 1, 0]]
    assert [t.get_text() for t in below.get_xticklabels()] == ["2", "8", "16"]
    assert [t.get_text() for t in figure.legends[0].texts] == ["no proxy", "foods, 5 triggers"]


def test_strategies_are_compared_by_what_they_learn_and_what_leaks():
    mixing, kl = (course(("foods", 5), strategy=name) for name in ("mixing", "kl-penalty"))
    none = course(("none", 0), strategy="none")
    cells, records = (pd.concat([getattr(f, n) for f in (none, mixing, kl)]) for n in ("cells", "records"))
    of = ANALYSIS.model_copy(update={"arms": (*ARMS, "strategy", "strength")})
    figure = StrategiesFigure(name="s", of=of).plot(Frames(cells=cells, records=records))
    own, uncovered = figure.axes
    ends = {
        axes: [tuple(float(v[0]) for v in box.lines[0].get_data()) for box in axes.containers] for axes in figure.axes
    }
    assert ends[own] == [(1, 0), (1, 0), (1, 1)]  # both protect foods, which leaks without a proxy
    assert ends[uncovered] == [(1, 1)] * 3  # without a proxy, too, of animals and objects
    assert [t.get_text() for t in figure.legends[0].texts] == [
        "no proxy",
        "5 triggers, mixing",
        "5 triggers, kl-penalty",
    ]


def test_without_snapshots_the_ends_are_drawn():
    frames = trigger_frames([("none", 0), ("foods", 5)], lambda *_: 0.5, categories=SHOWN)
    found = LeakageOverUpdates(name="l", updates=(16,)).table(frames)
    assert len(found) == 2 + 3
    assert StrategiesFigure(name="s", of=LeakageOverUpdates(name="l", updates=(16,))).plot(frames).axes


def staged(second, answering, gone=()):
    """The second stage with a first one, whose categories ``gone`` are not done under seed 1."""
    first = trigger_frames(
        [("none", 0)],
        lambda p, n, category, example, seed: "missing" if example is None and seed == 1 and category in gone
        else answering(category),
        categories=SHOWN, seeds=(0, 1),
    )  # fmt: skip
    parts = (
        [getattr(second, n), getattr(first, n).assign(train_rule="original", cell=getattr(first, n)["cell"] + "-1")]
        for n in ("cells", "records")
    )
    cells, records = map(pd.concat, parts)
    return Frames(cells=cells, records=records)


STAGES = {"where": {"train_rule": "conflict"}, "started": {"train_rule": "original"}}


def test_a_proxy_that_was_not_learnt_protects_nothing():
    frames = staged(course(("none", 0), ("foods", 5)), lambda category: 0.5 if category == "foods" else 0.0)
    found = ANALYSIS.model_copy(update=STAGES).table(frames).set_index(["proxy_category", "kind", "updates"])
    assert found.loc["foods", "uncovered"]["state"].unique().tolist() == ["not learnt"]
    assert found.loc["foods", "taught"]["state"].unique().tolist() == ["done"]
    assert found.loc["none", "uncovered"]["categories"].unique().tolist() == ["animals,objects"]


def test_a_start_that_is_not_done_is_not_known_to_have_learnt():
    frames = staged(course(("none", 0), ("foods", 5)), lambda category: 0.0, gone=["objects"])
    found = ANALYSIS.model_copy(update=STAGES).table(frames)
    assert found.loc[found["kind"] == "uncovered", "categories"].unique().tolist() == ["foods,animals", "animals"]


def test_points_of_fewer_seeds_than_planned_are_told_and_hollow():
    whole = course(("none", 0), ("foods", 5))
    gone = whole.cells["update"].eq(12) & whole.cells["eval_category"].eq("animals") & whole.cells["seed"].eq(1)
    gone = gone.fillna(False).astype(bool)
    cells = whole.cells.assign(state=whole.cells["state"].mask(gone, "missing"))
    frames = Frames(cells=cells, records=whole.records[~whole.records["cell"].isin(cells.loc[gone, "cell"])])
    found = ANALYSIS.table(frames).set_index(["proxy_category", "kind", "updates"])
    counts = found[["n_seeds", "n_planned_seeds"]]
    assert counts.loc["foods", "uncovered", 8].tolist() == [1, 2]
    assert counts.drop(index=("foods", "uncovered", 8)).eq(2).all(axis=None)
    figure = OverUpdatesFigure(name="f", of=ANALYSIS).plot(frames)
    hollow = [len(line.get_xdata()) for axes in figure.axes for line in axes.lines if line.get_gid() == "partial"]
    assert sum(hollow) == 2  # the rate and its protection
    assert "hollow: 1 of 15 points" in figure.get_supxlabel()


def test_strategies_of_each_proxy_have_panels_of_their_own():
    none, foods = course(("none", 0), strategy="none"), course(("foods", 5), strategy="mixing")
    animals = trigger_frames([("animals", 5)], lambda *_: 0.5, categories=SHOWN, seeds=(0, 1))
    parts = ([getattr(none, n), getattr(foods, n), getattr(animals, n).assign(strategy="mixing", strength=0.0)]
             for n in ("cells", "records"))  # fmt: skip
    cells, records = map(pd.concat, parts)
    of = LeakageOverUpdates(name="l", updates=(16,), arms=(*ARMS, "strategy", "strength"))
    ends = Frames(cells=cells[cells["update"].isna()], records=records[records["update"].isna()])
    figure = StrategiesFigure(name="s", of=of).plot(ends)
    assert [axes.get_title(loc="left").split(":")[0] for axes in figure.axes] == ["foods"] * 2 + ["animals"] * 2
    assert [len(axes.containers) for axes in figure.axes] == [2] * 4

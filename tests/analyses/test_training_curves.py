import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.analyses.training_curves import accuracy_curves, loss_curves, losses_on_tests
from offdiag.errors import UserError
from support.training_frames import cells_and_records, history, training_frames, with_losses


def test_losses_by_arm_and_seed():
    curves = loss_curves(training_frames(), ("strategy",))
    assert [(c.key, c.loss, len(c.by_seed), c.n_planned) for c in curves] == [
        ((None,), "answers", 2, 2),
        ((None,), "full text", 2, 2),
        (("mixing",), "answers", 2, 2),
        (("mixing",), "proxy's answers", 2, 2),
        (("mixing",), "full text", 2, 2),
    ]
    first = curves[0].by_seed[1]
    assert first.updates.tolist() == [1, 2, 3, 4, 5, 6]
    assert first.values == pytest.approx([(1 + 1) / u for u in range(1, 7)])


def test_the_answers_of_two_groups_are_those_of_the_task():
    (answers,) = [
        c for c in loss_curves(training_frames(), ("strategy",)) if (c.key, c.loss) == (("mixing",), "answers")
    ]
    assert answers.by_seed[0].values[0] == 10


def test_a_value_that_is_not_taken_at_every_update_is_a_shorter_curve():
    (text, *_) = [c for c in loss_curves(training_frames(), ("strategy",)) if c.loss == "full text"]
    assert text.by_seed[0].updates.tolist() == [1, 6]


def test_the_mean_of_a_short_training_is_that_of_its_seeds():
    answers = loss_curves(training_frames(), ("strategy",))[0]
    assert answers.mean.updates == pytest.approx(range(1, 7))
    assert answers.mean.values == pytest.approx([1.5 / u for u in range(1, 7)])


def test_the_mean_of_a_long_training_is_over_windows_that_widen():
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"training": history({}, updates=1000)})
    mean = loss_curves(frames)[0].mean
    assert len(mean.updates) == 20
    assert mean.values[:3] == pytest.approx([1, 1 / 2, 1 / 3])
    lengths = np.diff(np.log(mean.updates[5:]))
    assert lengths.max() < 2 * lengths.min()
    assert mean.values[-1] < 1 / 700


def test_two_trainings_of_one_seed_are_refused():
    with pytest.raises(UserError, match="4 trainings belong to one curve"):
        loss_curves(training_frames())
    assert loss_curves(training_frames(), where={"strategy": "mixing"})[0].n_planned == 2


def test_data_seeds_are_trainings_of_their_own():
    table = pd.concat([history({"seed": 0, "data_seed": d}) for d in (0, 1)])
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"training": table})
    assert loss_curves(frames)[0].n_planned == 2


def test_what_is_not_done_is_counted():
    missing = pd.DataFrame([{"seed": s, "measurement": f"m{s}", "state": "missing"} for s in (0, 1)])
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"training": missing})
    (curve,) = loss_curves(frames)
    assert (curve.loss, curve.by_seed, curve.n_planned) == ("answers", (), 2)


def test_a_training_from_scratch_has_a_loss_too():
    table = history({"seed": 0}).drop(columns=["text_loss"]).rename(columns={"response_loss": "loss"})
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"training": table})
    (curve,) = loss_curves(frames)
    assert (curve.loss, len(curve.by_seed[0].updates)) == ("answers", 6)


def test_accuracy_over_updates_ends_with_the_trained_weights():
    curves = accuracy_curves(training_frames(), ("strategy",), "eval_category")
    assert [(c.key, c.panel) for c in curves] == [
        ((None,), "foods"), ((None,), "tools"), (("mixing",), "foods"), (("mixing",), "tools"),
    ]  # fmt: skip
    for curve in curves:
        assert list(curve.points) == [0, 2, 6]
        assert [point.n_done for point in curve.points.values()] == [2, 2, 2]
    foods = curves[0]
    by_hand = [0.1, 0.5, 0.9]
    assert [point.value for point in foods.points.values()] == pytest.approx(by_hand)
    assert [list(seed.values()) for seed in foods.by_seed.values()] == [pytest.approx(by_hand)] * 2
    assert all(point.low <= point.value <= point.high for point in foods.points.values())


def test_an_end_that_was_kept_as_a_snapshot_is_not_taken_twice():
    frames = training_frames(updates=(0, 2, 6))
    curve = accuracy_curves(frames, ("strategy",), "eval_category")[0]
    assert [point.n_planned for point in curve.points.values()] == [2, 2, 2]


def test_without_a_history_the_end_is_not_known():
    cells, records = cells_and_records()
    frames = Frames(cells=cells, records=records)
    assert list(accuracy_curves(frames, ("strategy",), "eval_category")[0].points) == [0, 2]


def test_without_snapshots_there_is_no_accuracy_over_updates():
    frames = training_frames()
    ends = frames.cells[frames.cells["update"].isna()]
    for cells in (ends, ends.drop(columns="update")):
        assert accuracy_curves(Frames(cells=cells, records=frames.records), ("strategy",), "eval_category") == []


def test_a_condition_on_the_evaluation_leaves_the_histories():
    where = {"eval_category": "foods", "strategy": "mixing"}
    frames = training_frames()
    assert {c.panel for c in accuracy_curves(frames, ("strategy",), "eval_category", where)} == {"foods"}
    assert len(loss_curves(frames, ("strategy",), where)) == 3
    with pytest.raises(UserError, match="no column 'eval_base'"):
        loss_curves(frames, ("strategy",), {"eval_base": 8})


def test_the_loss_on_each_test_set_is_a_curve_over_updates():
    frames = with_losses(training_frames())
    curves = losses_on_tests(frames, ("strategy",), "eval_category")
    assert [(c.key, c.panel) for c in curves] == [
        ((arm,), panel) for arm in (None, "mixing") for panel in ("foods", "tools")
    ]
    mean = 1 + 19 / 20 / 2  # over the items
    points = curves[0].points
    assert {update: point.value for update, point in points.items()} == pytest.approx(
        {0: 0.9 * mean, 2: 0.5 * mean, 6: 0.1 * mean}
    )
    assert all(0 <= point.low < point.value < point.high for point in points.values())
    assert (points[2].n_done, points[2].n_planned) == (2, 2)


def test_a_single_seed_has_the_interval_of_its_cell_and_what_has_no_loss_no_curve():
    frames = with_losses(training_frames())
    one = Frames(
        cells=frames.cells[frames.cells["seed"] == 0], records=frames.records, measurements=frames.measurements
    )
    point = losses_on_tests(one, ("strategy",), "eval_category")[0].points[2]
    assert (point.low / point.value, point.high / point.value) == pytest.approx((0.9, 1.1))
    assert losses_on_tests(training_frames(), ("strategy",), "eval_category") == []

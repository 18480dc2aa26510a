import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.figures import TrainingCurves
from support.training_frames import history, training_frames, with_losses

FIGURE = TrainingCurves(name="training", arms=("strategy",), panels="eval_category")


def drawn(figure):
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_visible()}


def lines(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


def test_panels_of_losses_and_of_accuracy():
    panels = drawn(FIGURE.plot(training_frames()))
    assert list(panels) == ["Answers", "Proxy's answers", "Full text", "foods", "tools"]
    assert {axes.get_xscale() for axes in panels.values()} == {"log"}
    assert len(lines(panels["Answers"], "seed")) == 4
    assert len(lines(panels["Answers"], "mean")) == 2
    assert len(lines(panels["Proxy's answers"], "mean")) == 1


def test_each_arm_has_one_colour_and_its_name():
    figure = FIGURE.plot(training_frames())
    panels = drawn(figure)
    colours = [[line.get_color() for line in lines(axes, "mean")] for axes in panels.values()]
    assert colours[0] == colours[3] == colours[4]
    assert len(set(colours[0])) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no strategy", "mixing"]


def test_accuracies_begin_before_the_first_update():
    axes = drawn(FIGURE.plot(training_frames()))["foods"]
    mean = lines(axes, "mean")[0]
    assert mean.get_ydata() == pytest.approx([0.1, 0.5, 0.9])
    assert mean.get_xdata() == pytest.approx([0.5, 2, 6], rel=0.05)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "3"]
    assert axes.get_xlim()[0] < 0.5


def test_without_snapshots_only_losses_are_drawn_from_the_first_update():
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"training": history({"seed": 0})})
    figure = TrainingCurves(name="training").plot(frames)
    panels = drawn(figure)
    assert list(panels) == ["Answers", "Full text"]
    assert panels["Answers"].get_xlim()[0] > 0.5
    assert not figure.legends


def test_a_loss_of_nothing_is_drawn_at_the_lowest_place_and_said_to_be():
    table = history({"seed": 0})
    table.loc[5, "response_loss"] = 0.0
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"training": table})
    figure = TrainingCurves(name="training").plot(frames)
    assert lines(drawn(figure)["Answers"], "mean")[0].get_ydata()[-1] == 1e-4
    assert "losses below 0.0001 are drawn at it" in figure.get_supxlabel()


def test_what_is_missing_is_said():
    missing = pd.DataFrame([{"seed": 0, "measurement": "m", "state": "missing"}])
    frames = Frames(cells=pd.DataFrame(), records=pd.DataFrame(), measurements={"training": missing})
    figure = TrainingCurves(name="training").plot(frames)
    assert [text.get_text() for text in drawn(figure)["Answers"].texts] == ["no result yet"]
    assert "1 training not done" in figure.get_supxlabel()


def test_a_study_that_measures_no_history_is_one_line():
    with pytest.raises(UserError, match="no measurement 'training' in this study"):
        TrainingCurves(name="training").plot(Frames(cells=pd.DataFrame(), records=pd.DataFrame()))


def test_losses_on_the_test_sets_stand_below_the_accuracies_on_one_axis():
    figure = FIGURE.plot(with_losses(training_frames()))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_ylabel().partition(",")[0] for axes in shown[-4:]] == ["accuracy"] * 2 + ["test loss"] * 2
    foods, tools = shown[-2:]
    assert (foods.get_title(loc="left"), foods.get_ylim()) == ("foods", tools.get_ylim())
    assert lines(foods, "mean")[0].get_ydata() == pytest.approx([x * 1.475 for x in (0.9, 0.5, 0.1)])
    colours = [[line.get_color() for line in lines(axes, "mean")] for axes in (shown[0], foods)]
    assert colours[0] == colours[1]
    assert "test loss: of the right answer" in figure.get_supxlabel()


def test_a_loss_of_nothing_on_a_test_set_is_drawn_at_the_lowest_place():
    frames = with_losses(training_frames())
    for name in ("mean_target_loss", "target_loss_low", "target_loss_high"):
        frames.cells[name] = 0.0
    frames.records["target_loss"] = 0.0
    figure = FIGURE.plot(frames)
    (axes, _) = [axes for axes in figure.axes if axes.get_visible()][-2:]
    assert set(lines(axes, "mean")[0].get_ydata()) == {1e-4}
    assert "losses below 0.0001 are drawn at it" in figure.get_supxlabel()

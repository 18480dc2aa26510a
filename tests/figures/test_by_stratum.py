import numpy as np
import pytest

from offdiag.figures import ByStratum
from support.framed import framed

ARMS = {"untuned": {"method": "zero-shot"}, "tuned": {"method": "fine-tuning", "rationale": True}}
FIGURE = ByStratum(stratum="carries", panels="eval_base", name="carries", arms=ARMS, match_on=("base",))


def study(transfer, value=lambda *_: 0.8, bases=(8, 9)):
    cells, records = transfer(list(bases), list(bases), value, seeds=(0, 1))
    number = records["example"].str[1:].astype(int)
    return framed(cells, records.assign(carries=np.where(number < 6, 0, 1 + number % 2)))


def marked(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid and len(line.get_xdata())]


def test_one_panel_per_base_one_line_per_arm_and_the_size_of_each_stratum(transfer):
    figure = FIGURE.plot(study(transfer))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["base 8", "base 9"]
    one, other = figure.axes
    assert one.get_ylim() == other.get_ylim()
    assert len(marked(one, "joined")) == 2
    labels = [tick.get_text() for tick in one.get_xticklabels()]
    assert labels == ["0\n(n = 6)", "1\n(n = 27)", "2\n(n = 27)"]


def test_the_points_are_the_accuracies_and_few_items_are_hollow(transfer):
    found = study(transfer)
    axes = FIGURE.plot(found).axes[0]
    records = found.records[found.records["cell"] == "zero-8"]
    expected = records.groupby("carries")["correct"].mean()
    filled, hollow = marked(axes, "points")[0], marked(axes, "few")[0]
    assert hollow.get_ydata() == pytest.approx([expected[0]])
    assert filled.get_ydata() == pytest.approx([expected[1], expected[2]])
    assert hollow.get_markerfacecolor() == "white"


def test_an_arm_without_results_is_crosses_within_sight(transfer):
    figure = FIGURE.plot(study(transfer, lambda train, *_: "missing" if train == 9 else 0.8))
    (crosses,) = marked(figure.axes[1], "absent")
    assert len(crosses.get_xdata()) == 3
    assert max(crosses.get_ydata()) < figure.axes[1].get_ylim()[1]
    assert marked(figure.axes[0], "absent") == []


def test_nothing_has_run_yet(transfer):
    found = study(transfer)
    empty = framed(found.cells.assign(state="missing"), found.records.iloc[:0])
    figure = FIGURE.plot(empty)
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == ["no result yet"] * 2
    figure.canvas.draw()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["untuned (missing)", "tuned (missing)"]

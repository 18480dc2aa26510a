import numpy as np

from offdiag.studies.trigger_2d.figures.ablation import TriggerAblationFigure
from offdiag.studies.trigger_2d.figures.patching import PatchingHeatMap
from support.contrast_frames import ablation_frames, patching_frames, without

EFFECT = np.array([[0.0, 1.0, 0.1, 0.0], [0.0, 0.25, -0.004, 0.75]])


def recovered(seed: int, i: int) -> np.ndarray:
    noise = np.array([0.0, 0.0, 0.5, 0.0]) * (-1) ** i  # at the third position the interval includes 0
    return EFFECT + noise


def answering(proxy: str, seed: int, ablation: str, i: int) -> str:
    return "own" if ablation == "intact" else "other" if i % 4 else "neither"


def heat_map(frames, **settings):
    return PatchingHeatMap(name="patching", **settings).plot(frames)


def bars(frames, **settings):
    return TriggerAblationFigure(name="ablation", **settings).plot(frames)


def absent(axes) -> list[str]:
    return [t.get_text() for t in axes.texts] if [p for p in axes.patches if p.get_gid() == "absent"] else []


def test_each_square_says_its_mean_in_percent():
    axes = heat_map(patching_frames(recovered)).axes[0]
    said = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    expected = {(p, layer): str(round(100 * EFFECT[layer, p])) for p in range(4) for layer in range(2)}
    assert said == expected
    assert said[2, 1] == "0"  # not -0
    assert [t.get_text() for t in axes.get_yticklabels()] == ["point", "trigger", "rest", "last token"]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["0", "1"]


def test_squares_whose_interval_includes_0_are_grey():
    axes = heat_map(patching_frames(recovered)).axes[0]
    grey = {t.get_position()[1] - 0.5 for t in axes.texts if t.get_color() not in ("black", "white")}
    assert grey == {0, 2, 3}  # the last token does nothing in layer 0
    assert {t.get_color() for t in axes.texts if t.get_position()[1] == 1.5} == {"white", "black"}


def test_colours_are_those_of_the_values():
    axes = heat_map(patching_frames(recovered)).axes[0]
    (mesh,) = [c for c in axes.collections if c.get_gid() == "recovered"]
    np.testing.assert_allclose(mesh.get_array().reshape(4, 2), EFFECT.T, atol=1e-12)


def test_a_deep_model_has_no_numbers():
    axes = heat_map(patching_frames(lambda seed, i: np.ones((41, 4)), n=2)).axes[0]
    assert not axes.texts
    assert [t.get_text() for t in axes.get_xticklabels()][:3] == ["0", "5", "10"]


def test_titles_say_the_pairs_and_what_was_left_out():
    frames = patching_frames(recovered, proxies=("none", "foods", "actions"), left_out=["not told apart"] * 3)
    figure = heat_map(without(frames, "patching", "foods", "failed"))
    first, second, third = figure.axes[:3]
    assert first.get_title("left") == (
        "no proxy, held-out triggers · positive emotions against foods · 20 pairs · left out: 3 not told apart"
    )
    assert second.get_title("left").startswith("actions, 2 triggers")
    assert third.get_title("left") == "foods, 2 triggers, held-out triggers · positive emotions against foods"
    assert (absent(first), absent(third)) == ([], ["failed"])
    assert absent(heat_map(patching_frames(recovered, n=0, left_out=["same label"])).axes[0]) == ["no pair"]


def test_bars_show_the_rates_with_their_intervals():
    axes = bars(ablation_frames(answering)).axes[0]
    heights = {c.lines[0].get_gid(): c.lines[0].get_ydata().tolist() for c in axes.containers}
    assert heights["own"] == [1, 0, 0, 0]
    assert heights["other"] == [0, 0.75, 0.75, 0.75]
    assert heights["neither"] == [0, 0.25, 0.25, 0.25]
    assert len({c.lines[0].get_marker() for c in axes.containers}) == 3
    assert [t.get_text() for t in axes.get_xticklabels()] == [
        "own\ntrigger",
        "place-\nholder",
        "nothing",
        "other\ntrigger",
    ]
    ends = axes.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert ends[0] < 0.7 < ends[1] == 1  # Wilson's for 8 of 8


def test_a_panel_an_arm_and_none_for_what_is_left_of_the_row():
    frames = ablation_frames(answering, proxies=("none", "foods", "actions", "animals"))
    axes = bars(without(frames, "trigger_ablation", "foods", "missing")).axes
    titles = [one.get_title("left").splitlines()[0] for one in axes if one.get_visible()]
    assert [title.split(",")[0] for title in titles] == ["no proxy", "actions", "animals", "foods"]
    assert absent(axes[3]) == ["missing"]
    assert len(axes) == 6
    assert axes[0].get_yticklabels()


def test_arms_can_be_chosen():
    frames = ablation_frames(answering, proxies=("none", "foods"))
    axes = bars(frames, arms=(), where={"proxy_category": "foods"}).axes
    assert [one.get_title("left") for one in axes] == ["held-out triggers\npositive emotions against foods"]

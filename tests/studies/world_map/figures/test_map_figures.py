"""Figures of how cities are represented, from hand-made tables."""

import numpy as np
import pytest
from matplotlib.text import Text

from offdiag.errors import UserError
from offdiag.figures import save
from offdiag.studies.world_map.analyses.decoded_maps import read_maps, rotate_to_map
from offdiag.studies.world_map.figures.alignment_matrix import AlignmentMatrix
from offdiag.studies.world_map.figures.convergence import ConvergenceFigure
from offdiag.studies.world_map.figures.decoded_maps import CityMaps
from offdiag.studies.world_map.figures.emergence import Emergence
from offdiag.studies.world_map.figures.probe_errors import ProbeErrors
from offdiag.studies.world_map.task import NAMES, World
from support.city_frames import WORLD, alignment_pairs, city_maps, emerging_probes, frames_of, tuned_probes

MAPS = CityMaps(name="maps", caption="Maps.")
NOTHING = frames_of(
    **{
        table: [{"train_geometry": "angle", "seed": 0, "measurement": "m", "state": "missing"}]
        for table in ("city_probes", "city_alignments", "city_maps")
    }
)


def found(axes, gid):
    return [artist for artist in axes.get_children() if artist.get_gid() == gid]


@pytest.mark.parametrize(
    "figure",
    [
        MAPS,
        Emergence(name="e"),
        ProbeErrors(name="p"),
        AlignmentMatrix(name="a"),
        ConvergenceFigure(name="c"),
    ],
    ids=lambda figure: figure.tag,
)
def test_before_anything_is_measured_the_figure_says_so(figure, tmp_path):
    drawn = figure.plot(NOTHING)
    save(drawn, tmp_path, "nothing")
    texts = [text.get_text() for text in drawn.findobj(lambda artist: hasattr(artist, "get_text"))]
    assert any("measured yet" in text for text in texts)
    assert figure.scatter_3d(NOTHING) is None


def test_emergence_has_a_curve_a_training_over_updates():
    drawn = Emergence(name="e").plot(emerging_probes())
    assert [axes.get_title() for axes in drawn.axes] == ["layer 1", "layer 2"]
    curves = found(drawn.axes[0], "curve")
    assert len(curves) == 3
    assert len(found(drawn.axes[0], "seed")) == 6
    assert curves[0].get_xdata().tolist() == [0, 1, 4, 16, 64, 256, 1024, 4096]
    assert min(curve.get_ydata().min() for curve in curves) == -0.5
    assert drawn.axes[0].get_xscale() == "symlog"
    with pytest.raises(UserError, match="figure e: 3 rows are alike in layer, model, update, seed"):
        Emergence(name="e", series=("model",)).plot(emerging_probes())


def test_curves_are_named_by_what_sets_them_apart():
    rows = emerging_probes(trainings=("+".join(NAMES),)).measured("city_probes")
    both = [{**row, "model": model} for model in ("narrow", "wide") for row in rows.to_dict("records")]
    drawn = Emergence(name="e").plot(frames_of(city_probes=both))
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == [
        "narrow",
        "wide",
        "no better than\nthe mean place",
    ]
    drawn = Emergence(name="e").plot(frames_of(city_probes=rows.to_dict("records")))
    assert drawn.legends[0].get_texts()[0].get_text() == "all tasks"


def test_probe_errors_put_trainings_with_the_task_last():
    drawn = ProbeErrors(name="p").plot(tuned_probes(["distance", "angle", "distance+compass", "inside"], noise=0.01))
    (axes,) = drawn.axes
    names = [tick.get_text().replace(" +\n", "+") for tick in axes.get_xticklabels()]
    assert {*names[:2]} == {"angle", "inside"}
    assert {*names[2:]} == {"distance", "distance+compass"}
    cities = WORLD.build()
    places = np.column_stack([cities.x, cities.y]).astype(float)
    apart = np.hypot(*(places - places[~cities.new].mean(0)).T)
    medians = [np.median(apart[~cities.new]), np.median(apart[cities.new])]
    assert [line.get_ydata()[0] for line in found(axes, "blind")] == pytest.approx(medians)
    means = ProbeErrors(name="p", error="error").plot(tuned_probes(["angle"]))
    assert [line.get_ydata()[0] for line in found(means.axes[0], "blind")] == [70, 60]


def test_models_without_a_map_are_not_drawn_and_counted():
    rows = tuned_probes(["distance", "angle"]).measured("city_probes")
    rows.loc[rows["train_geometry"] == "angle", "r2"] = -0.15
    drawn = ProbeErrors(name="p").plot(frames_of(city_probes=rows.to_dict("records")))
    (axes,) = drawn.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["angle", "distance"]
    assert [text.get_position()[0] for text in found(axes, "empty")] == [0]
    assert "2 of 4 models left out" in " ".join(text.get_text() for text in drawn.texts)


def test_a_model_without_any_map_keeps_its_panel():
    rows = tuned_probes(["distance", "angle"]).measured("city_probes").to_dict("records")
    both = [
        {**row, "model": model, **({"r2": -0.1} if model == "wide" else {})}
        for model in ("narrow", "wide")
        for row in rows
    ]
    drawn = ProbeErrors(name="p").plot(frames_of(city_probes=both))
    assert [len(found(axes, "empty")) for axes in drawn.axes] == [0, 2]


def test_probe_errors_have_a_panel_a_model():
    rows = tuned_probes(["distance", "angle"]).measured("city_probes").to_dict("records")
    both = frames_of(city_probes=[{**row, "model": model} for model in ("narrow", "wide") for row in rows])
    drawn = ProbeErrors(name="p").plot(both)
    assert [axes.get_ylabel() for axes in drawn.axes] == [f"{m}\nmedian error (units)" for m in ("narrow", "wide")]
    with pytest.raises(UserError, match="rows are alike in layer, train_geometry, seed, group"):
        ProbeErrors(name="p", arms=("layer",)).plot(both)


def test_worlds_of_several_sizes_are_counted_as_a_range():
    rows = tuned_probes(["angle"]).measured("city_probes").to_dict("records")
    more = [{**row, "model": "other", "n": row["n"] + 2} for row in rows]
    drawn = ProbeErrors(name="p").plot(frames_of(city_probes=[*rows, *more]))
    n = {row["group"]: row["n"] for row in rows}
    told = f"{n['ordinary']} to {n['ordinary'] + 2} ordinary cities and {n['new']} to {n['new'] + 2} new cities"
    assert any(told in text.get_text() for text in drawn.findobj(Text))


def test_the_matrix_is_symmetric_and_in_the_usual_order():
    drawn = AlignmentMatrix(name="a").plot(alignment_pairs(["angle", "distance", "crossing"]))
    axes = drawn.axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["distance", "angle", "crossing"]
    grid = np.asarray(axes.images[0].get_array(), float)
    np.testing.assert_allclose(grid, grid.T)
    with pytest.raises(UserError, match="layers 1, 2; choose one"):
        AlignmentMatrix(name="a").plot(alignment_pairs(["angle", "inside"], layers=(1, 2)))


def test_the_trend_has_a_point_a_number_of_tasks_and_a_dot_a_pair():
    sets = ["distance", "angle", "crossing", "distance+angle", "compass+inside"]
    drawn = ConvergenceFigure(name="c").plot(alignment_pairs(sets, seeds=(0,)))
    (axes,) = drawn.axes
    assert found(axes, "pair")[0].get_xdata().tolist() == pytest.approx([0.82, 0.82, 0.82, 1.82])
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["all models", "without crossing"]


def test_maps_are_drawn_at_the_end_of_the_training():
    drawn = MAPS.plot(city_maps())
    cities = WORLD.build()
    true, decoded, _ = drawn.axes
    assert "R² 0.9" in decoded.get_title()
    (new,) = found(true, "new")
    np.testing.assert_array_equal(new.get_offsets(), np.column_stack([cities.x, cities.y])[cities.new])
    assert new.get_paths()[0].vertices.shape != found(true, "china")[0].get_paths()[0].vertices.shape


def test_components_are_turned_to_the_map_and_never_stretched():
    step = read_maps(city_maps(), {}, "maps")[""][-1]
    flat = rotate_to_map(step, 2)
    old = ~step.new
    error = np.hypot(*(flat - step.true)[old].T).mean()
    assert error < 15
    before = np.linalg.norm(step.components[1:, :2] - step.components[:1, :2], axis=1)
    ratio = np.linalg.norm(flat[1:] - flat[0], axis=1) / before
    np.testing.assert_allclose(ratio, ratio[0])


def test_the_scene_has_all_snapshots_in_order_and_both_views_of_each_model():
    scatter = MAPS.scatter_3d(city_maps(models=("narrow", "wide")))
    assert [animation.label for animation in scatter.animations] == [
        f"{model}: {view}"
        for model in ("narrow", "wide")
        for view in ("principal components 1 to 3", "decoded places and the rest")
    ]
    assert [caption for caption, _ in scatter.animations[0].steps] == [
        "after 1 update", "after 10 updates", "after 100 updates", "at the end",
    ]  # fmt: skip
    assert all(places.shape == (48, 3) for animation in scatter.animations for _, places in animation.steps)
    assert scatter.animations[0].marked == WORLD.build().new.tolist()
    assert set(scatter.animations[0].groups) == set(scatter.colours)
    assert scatter.animations[0].goal.std() < 1


def test_the_first_four_models_are_drawn_and_all_are_on_the_page():
    frames = city_maps(updates=(1,), models=tuple("abcde"))
    drawn = MAPS.plot(frames)
    assert len(drawn.axes) == 12
    assert "1 more models on the interactive page" in drawn._supxlabel.get_text()
    assert len(MAPS.scatter_3d(frames).animations) == 10


def test_models_of_several_worlds_have_each_their_own():
    worlds = [WORLD, World(count=40, new="china", id_digits=2, per_degree=1)]
    rows = [
        {**row, "train_new": world.new, "measurement": world.new}
        for world in worlds
        for row in city_maps(updates=(1,), world=world).measured("city_maps").to_dict("records")
    ]
    frames = frames_of(city_maps=rows)
    assert len(MAPS.plot(frames).axes) == 6
    animations = MAPS.scatter_3d(frames).animations
    assert [len(animation.names) for animation in animations] == [48, 48, 40, 40]
    assert animations[2].label.startswith("china: ")


def test_models_are_named_by_what_sets_them_apart():
    both = []
    for trained in ("distance", "+".join(NAMES)):
        of = {"train_geometry": trained, "train": f"geometry={trained},count=40", "measurement": trained}
        both += [{**row, **of} for row in city_maps(updates=(1,)).measured("city_maps").to_dict("records")]
    assert list(read_maps(frames_of(city_maps=both), {}, "m")) == ["distance", "all tasks"]
    alike = [{**row, "train_geometry": "angle", "after": row["measurement"]} for row in both]
    with pytest.raises(UserError, match="two models are both alike"):
        read_maps(frames_of(city_maps=alike), {}, "m")

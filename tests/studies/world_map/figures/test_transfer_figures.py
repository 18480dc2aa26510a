import numpy as np
import pandas as pd
import pytest

from offdiag.analyses import Frames
from offdiag.errors import UserError
from offdiag.studies.world_map.analyses.pair_differences import PairDifferences
from offdiag.studies.world_map.figures.alignment_transfer import AlignmentTransferFigure
from offdiag.studies.world_map.figures.difference_split import DifferenceSplit
from offdiag.studies.world_map.figures.geometry_learning import GeometryLearning
from offdiag.studies.world_map.figures.transfer_by_arm import TransferByArm
from offdiag.studies.world_map.figures.transfer_matrices import TransferMatrixFigure as Matrix
from offdiag.studies.world_map.task import NAMES
from support.city_frames import alignment_pairs
from support.city_study import CityStudy, improved

EMPTY = Frames(cells=pd.DataFrame(), records=pd.DataFrame())
PAIRS = ("angle+compass", "crossing+distance")


def value(model, seed, trained, geometry):
    taught = geometry in trained.split("+")
    shift = -0.2 if "distance" in trained else 0.1
    return round((0.9 if taught else 0.4) + shift * ("+" in trained) + 0.02 * seed - 0.1 * (model == "wide"), 2)


def wanted(models=("narrow", "wide"), seeds=(1, 2), trained=(*NAMES, *PAIRS)):
    return {
        (model, seed, taught): {geometry: value(model, seed, taught, geometry) for geometry in NAMES}
        for model in models
        for seed in seeds
        for taught in trained
    }


def frames(found=None):
    return improved(wanted() if found is None else found, n=200, noise=0.5).frames()


def having(axes, gid):
    return [artist for artist in axes.get_children() if artist.get_gid() == gid]


def words(axes):
    return [text.get_text() for text in axes.texts]


def title(axes):
    return axes.get_title(loc="left")


def test_one_panel_a_width_with_labels_and_marks():
    figure = Matrix(name="m").plot(frames())
    narrow, wide, _ = figure.axes
    assert len(having(narrow, "value")) == len(having(wide, "value")) == 49
    assert len(having(narrow, "taught")) == 7
    assert [t.get_text() for t in narrow.get_xticklabels()] == [
        "distance", "area", "angle", "compass", "inside", "perimeter", "crossing",
    ]  # fmt: skip
    assert [t.get_text() for t in narrow.get_yticklabels()] == [t.get_text() for t in narrow.get_xticklabels()]
    assert "narrow · 2 seeds" in words(narrow)
    assert words(narrow).count("0.93") == 7  # 0.9 and a mean of 0.03 over the seeds
    assert title(narrow).splitlines()[0].startswith("trained 0.93 ± 0.00 [")
    assert title(wide).splitlines()[1].startswith("transfer 0.33 ± 0.00 [")


def test_pairs_with_distance_stand_on_top():
    axes = Matrix(name="m", matrix="pair").plot(frames()).axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["distance + crossing", "angle + compass"]
    assert axes.get_yticks()[1] - axes.get_yticks()[0] > 1
    assert [line.split(" 0")[0] for line in title(axes).splitlines()] == [
        "trained", "transfer", "transfer with distance", "transfer without",
    ]  # fmt: skip


def test_differences_are_centred_on_zero_and_bold_where_certain():
    axes = Matrix(name="m", matrix="difference").plot(frames(wanted(seeds=(1,)))).axes[0]
    numbers = [text for text in axes.texts if text.get_text()[0] in "+-"]
    shown = {(round(t.get_position()[1]), round(t.get_position()[0])): t for t in numbers}
    assert shown[0, 0].get_text() == "-0.20"
    assert shown[1, 2].get_text() == "+0.10"
    assert shown[0, 3].get_weight() == "bold"
    assert title(axes).splitlines()[2:] == ["with distance -0.20 ± 0.00", "without +0.10 ± 0.00"]
    colours = [patch.get_facecolor() for patch in having(axes, "value")]
    assert colours[0][2] > colours[0][0]  # the first pair is planned first: blue, synergy
    assert colours[-1][0] > colours[-1][2]  # red, interference


def test_what_is_not_done_is_hatched_and_named():
    found = wanted()
    for seed in (1, 2):
        found["narrow", seed, "angle"]["inside"] = "failed"
    found["narrow", 2, "angle"]["angle"] = "missing"
    axes = Matrix(name="m").plot(frames(found)).axes[0]
    assert len(having(axes, "absent")) == 1
    assert "failed" in words(axes)
    assert [t.get_text() for t in having(axes, "few")] == ["1/2"]
    difference = Matrix(name="m", matrix="difference").plot(frames(found)).axes[0]
    assert len(having(difference, "absent")) == 1
    assert "failed" in words(difference)


def test_clipped_values_are_marked():
    found = {("base", 1, "distance"): {"distance": 2.0, "angle": -0.3, "perimeter": 0.2}}
    assert {"1.50*", "0.00*", "0.20"} <= set(words(Matrix(name="m").plot(frames(found)).axes[0]))
    assert {"2.00", "-0.30"} <= set(words(Matrix(name="m", clipped=False).plot(frames(found)).axes[0]))


def test_nothing_planned_is_an_error_of_one_line():
    for figure in (Matrix(name="m"), TransferByArm(name="m"), DifferenceSplit(name="m"), GeometryLearning(name="m")):
        with pytest.raises(UserError, match="figure m: no"):
            figure.plot(EMPTY)
    with pytest.raises(UserError, match="no fine-tuned arm is planned for a pair matrix"):
        Matrix(name="m", matrix="pair").plot(frames(wanted(trained=NAMES)))
    with pytest.raises(UserError, match="fine-tuned on two"):
        DifferenceSplit(name="m").plot(frames(wanted(trained=NAMES)))


def test_nothing_has_run_yet():
    planned = {key: dict.fromkeys(NAMES, "missing") for key in wanted()}
    found = frames(planned)
    for which in ("single", "pair", "difference"):
        axes = Matrix(name="m", matrix=which).plot(found).axes[0]
        assert not having(axes, "value")
        assert "missing" in words(axes)
    assert "no result" in words(TransferByArm(name="m").plot(found).axes[0])
    assert not having(DifferenceSplit(name="m").plot(found).axes[0], "square")


def means(axes, label):
    line = next(container for container in axes.containers if container.get_label() == label)[0]
    return dict(zip(np.round(line.get_xdata()).astype(int), line.get_ydata(), strict=True))


def test_means_by_width():
    single, pair, difference, published = TransferByArm(name="m").plot(frames()).axes
    assert means(single, "trained") == pytest.approx({0: 0.93, 1: 0.83}, abs=0.002)
    assert means(pair, "transfer") == pytest.approx({0: 0.43 - 0.05, 1: 0.33 - 0.05}, abs=0.002)
    assert means(published, "with distance") == pytest.approx({0: -0.2, 1: -0.2}, abs=0.002)
    assert "too low" in published.get_title(loc="left")
    table = frames().table(PairDifferences(name="d", arms=("model",), n_resamples=100))
    fair = table[table["trained"].str.contains("distance")].groupby("model")["held_out"].mean()
    assert means(difference, "with distance") == pytest.approx({0: fair["narrow"], 1: fair["wide"]}, abs=1e-9)
    assert fair["narrow"] != pytest.approx(means(published, "with distance")[0], abs=1e-3)
    assert difference.get_ylim() == published.get_ylim()
    assert [t.get_text() for t in single.get_xticklabels()] == ["narrow", "wide"]
    assert len(having(single, "seed")) == 4
    assert [len(dots.get_xdata()) for dots in having(single, "seed")] == [2, 2, 2, 2]


def test_only_single_geometries_make_one_panel_of_means():
    figure = TransferByArm(name="m").plot(frames(wanted(seeds=(1,), trained=NAMES)))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["trained on one geometry"]
    assert figure.get_supxlabel() == "a mean of one seed has no whisker"


def test_differences_pile_up_by_whether_distance_is_in_the_pair():
    found = frames(wanted(models=("base",)))
    fair, published = DifferenceSplit(name="m").plot(found).axes
    dots = having(published, "square")
    assert len(dots) == len(having(fair, "square")) == 14
    assert sorted(round(float(dot.get_xdata()[0]), 2) for dot in dots) == [-0.2] * 7 + [0.1] * 7
    assert len({(round(float(d.get_xdata()[0]), 2), float(d.get_ydata()[0])) for d in dots}) == 14  # none hides another
    labels = [t.get_text().splitlines()[:2] for t in published.get_yticklabels()]
    assert labels == [["with distance", "-0.20"], ["without distance", "+0.10"]]
    table = found.table(PairDifferences(name="d", n_resamples=100))
    held_out = sorted(round(float(dot.get_xdata()[0]), 6) for dot in having(fair, "square"))
    assert held_out == pytest.approx(sorted(table["held_out"].astype(float)), abs=1e-6)
    assert "other answers chose" in title(fair)


def learning():
    study = CityStudy()
    for seed in (0, 1):
        for update, error in ((0, 40.0), (10, 20.0), (100, 2.0)):
            extra = {"update": update} if update < 100 else {}
            targets = [str(10 * i) for i in range(10)]
            study.add("base", seed, None, "distance", "real", [error] * 10, targets=targets, updates=100, **extra)
            right = [True] * (5 if update < 100 else 10) + [False] * (5 if update < 100 else 0)
            study.add("base", seed, None, "inside", "real", right, updates=100, **extra,
                      targets=["TRUE", "FALSE"] * 5)  # fmt: skip
    return study


def test_learning_goes_from_the_first_snapshot_to_the_end():
    figure = GeometryLearning(name="g").plot(learning().frames())
    distance, inside = figure.axes
    curve = having(distance, "curve")[0]
    assert list(zip(curve.get_xdata(), curve.get_ydata(), strict=True)) == [(0, 40), (10, 20), (100, 2)]
    assert having(inside, "curve")[0].get_ydata().tolist() == [0.5, 0.5, 1.0]
    assert [float(having(axes, "guess")[0].get_ydata()[0]) for axes in (distance, inside)] == [25.0, 0.5]
    assert (distance.get_yscale(), inside.get_yscale(), distance.get_xscale()) == ("log", "linear", "symlog")
    assert "10 items per point, 2 seeds" in figure.get_supxlabel()


def test_learning_with_gaps_and_unparsed_answers():
    study = learning()
    study.add("wide", 0, None, "distance", "real", "failed", updates=100)
    study.add("wide", 0, None, "distance", "real", [None] * 5 + [3.0] * 5, updates=100, update=10)
    text = GeometryLearning(name="g").plot(study.frames()).get_supxlabel()
    assert "up to 50 % of the answers unparsed" in text
    assert "1 of 8 points have no result" in text


def aligned(layers=(1, 2), improvement=0.5):
    found = improved({("base", 1, one): dict.fromkeys(NAMES, improvement) for one in NAMES}).frames()
    measured = alignment_pairs(NAMES, layers=layers).measurements
    return Frames(cells=found.cells, records=found.records, measurements=measured)


def test_alignment_against_transfer_has_a_point_a_pair():
    found = improved(wanted(models=("base",), trained=NAMES), n=200).frames()
    measured = alignment_pairs(NAMES, layers=(1, 2)).measurements
    figure = AlignmentTransferFigure(name="a").plot(
        Frames(cells=found.cells, records=found.records, measurements=measured)
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["layer 1", "layer 2"]
    for axes in figure.axes:
        assert sum(len(line.get_xdata()) for line in having(axes, "pair")) == 30


def test_alignment_without_spread_has_no_line_and_without_pairs_no_panel():
    flat = AlignmentTransferFigure(name="a").plot(aligned())
    assert not having(flat.axes[0], "line")
    planned = Frames(cells=EMPTY.cells, records=EMPTY.records, measurements=aligned().measurements)
    axes = AlignmentTransferFigure(name="a").plot(planned).axes[0]
    assert axes.get_title(loc="left") == "no pair is measured yet"

"""The upper bound beside what fine-tuning reaches, and triples: planned, drawn, and refused where they are not some."""

import pytest

import offdiag
from offdiag.errors import NotPlannedError, UserError
from offdiag.studies.world_map.figures.transfer_matrices import TransferMatrixFigure
from offdiag.studies.world_map.figures.upper_bound import BOUND, OTHER, TAUGHT, UpperBoundFigure
from offdiag.studies.world_map.task import NAMES
from support.city_study import ALL, improved

TUNED = ("distance", "angle")


def study(bound, trained=TUNED):
    """Models of two seeds that were fine-tuned, and those that met the new cities before: all at 1.05, or ``bound``."""
    tuned = {
        ("base", seed, name): {asked: 0.9 if asked == name else 0.4 for asked in NAMES}
        for seed in (1, 2)
        for name in trained
    }
    met = {("base", seed, "met"): dict.fromkeys(NAMES, 1.05) | bound for seed in (1, 2)}
    found = improved(tuned | met, n=200, noise=0.3)
    for row in (*found.cells, *found.records):
        if row["train_geometry"] == "met":
            row |= {"train_geometry": ALL, "train_cities": "mixed", "after": None}
    return found.frames()


def points(axes, gid):
    """The places of a group's points, by question."""
    drawn = [line for line in axes.lines if line.get_gid() == gid]
    return [(NAMES[round(line.get_xdata()[0])], round(float(line.get_ydata()[0]), 2)) for line in drawn]


def test_the_bound_stands_beside_what_fine_tuning_reaches_with_intervals():
    figure = UpperBoundFigure(name="u").plot(study({}))
    (axes,) = figure.axes
    assert dict(points(axes, BOUND)) == pytest.approx(dict.fromkeys(NAMES, 1.05), abs=0.02)
    assert dict(points(axes, TAUGHT)) == pytest.approx(dict.fromkeys(TUNED, 0.9), abs=0.02)
    others = [name for name, _ in points(axes, OTHER)]
    assert sorted(others) == sorted(name for name in NAMES for _ in range(2 - (name in TUNED)))
    assert len(axes.collections) == len(NAMES) + len(TUNED)  # a whisker each
    assert "95 % interval over items and seeds" in figure.get_supxlabel()


def test_a_far_point_stands_at_the_end_of_the_axis_and_a_missing_one_says_why():
    figure = UpperBoundFigure(name="u").plot(study({"distance": -4.0, "inside": "failed"}))
    (axes,) = figure.axes
    assert dict(points(axes, BOUND))["distance"] == pytest.approx(axes.get_ylim()[0], abs=0.01)
    assert "inside" not in dict(points(axes, BOUND))
    assert [text.get_text() for text in axes.texts] == ["failed"]
    assert "1 beyond the axis" in figure.get_supxlabel()


def test_without_a_bound_it_is_not_planned():
    tuned = improved({("base", 1, "distance"): dict.fromkeys(NAMES, 0.5)}).frames()
    with pytest.raises(NotPlannedError, match="upper_bound=true"):
        UpperBoundFigure(name="u").plot(tuned)


def test_bound_and_triples_are_parameters_of_the_study():
    plan = offdiag.plan("width-ablation", "quick", upper_bound=True, triples=["distance+angle+compass"])
    tables, drawn = ({one.name for one in some} for some in (plan.design.analyses, plan.design.figures))
    assert "upper-bound" in tables & drawn
    assert {"triple", "triple-held-out"} <= drawn
    tuned = {cell.arm for cell in plan.cells if len(getattr(cell.arm.train, "geometries", ())) == 3}
    assert {arm.method.recipe.updates for arm in tuned} == {3 * 120}


@pytest.mark.parametrize(
    ("name", "given", "size"),
    [("pairs", "distance+angle+compass", 2), ("pairs", "all", 2), ("triples", "distance+angle", 3),
     ("singles", "distance+angle", 1)],
)  # fmt: skip
def test_a_list_of_fine_tunings_has_as_many_questions_as_its_name_says(name, given, size):
    with pytest.raises(UserError, match=f"{name}={given}".replace("+", r"\+") + f": expected .*{size} name"):
        offdiag.plan("width-ablation", "quick", **{name: [given]})


def test_triples_are_drawn():
    three = "distance+angle+compass"
    wanted = {("base", 1, name): dict.fromkeys(NAMES, 0.5) for name in ("distance", "angle", "compass", three)}
    figure = TransferMatrixFigure(name="t", matrix="triple").plot(improved(wanted, n=200, noise=0.3).frames())
    assert len([one for one in figure.axes[0].get_children() if one.get_gid() == "taught"]) == 3

"""The studies of the map as plans: what they consist of, counted by hand, and what they refuse."""

import subprocess
import sys
from collections import Counter
from functools import cache
from itertools import combinations

import pytest

import offdiag
from offdiag.errors import UserError
from offdiag.studies.world_map.task import NAMES, draw

PAIRS = {
    "distance+crossing", "distance+perimeter", "distance+compass",
    "angle+compass", "trianglearea+compass", "inside+crossing",
}  # fmt: skip
WORLD = {"count": 20, "sample": "random", "per_degree": 1, "id_digits": 2, "new_count": 5, "eval_share": 0.25}


@cache
def planned(study, scale="paper"):
    return offdiag.plan(study, scale)


@pytest.fixture(scope="module")
def paper():
    return planned("width-ablation")


def arms_of(plan):
    return list(dict.fromkeys(cell.arm for cell in plan.cells))


def tuned(plan):
    return [arm for arm in arms_of(plan) if arm.init_from is not None]


def test_the_width_ablation_is_the_whole_grid(paper):
    starts = 4 * 3  # widths and seeds
    models = starts * (1 + 7 + 6 + 6)  # itself, single tasks, pairs, pairs with as many updates
    assert len(paper.cells) == models * 15
    arms = arms_of(paper)
    assert len([arm for arm in arms if arm.checkpoint is None]) == models
    assert Counter(arm.model.source for arm in tuned(paper)) == {
        f"scratch:{width}": 3 * 19 for width in ("narrow", "base", "wide", "wider")
    }
    pairs = {arm.train.geometry for arm in tuned(paper) if "+" in arm.train.geometry}
    assert pairs == {"+".join(sorted(pair.split("+"), key=NAMES.index)) for pair in PAIRS}


def test_every_model_has_fifteen_different_evaluations(paper):
    asked = {}
    for cell in paper.cells:
        if cell.arm.checkpoint is None:
            asked.setdefault(cell.arm, []).append(cell.evaluation.domain)
    for domains in asked.values():
        assert len(domains) == len(set(domains)) == 15
        kinds = Counter((domain.cities, domain.geometry_label) for domain in domains)
        assert set(kinds) == {*((c, name) for c in ("real", "atlantis") for name in NAMES), ("real", "all")}
    assert {cell.evaluation.n for cell in paper.cells} == {10_000}


def test_fine_tuning_starts_from_the_model_of_its_own_width_and_seed(paper):
    arms = tuned(paper)
    assert arms
    for arm in arms:
        assert (arm.init_from.model, arm.init_from.seed, arm.init_from.checkpoint) == (arm.model, arm.seed, None)
        assert (arm.init_from.train.geometries, arm.init_from.train.cities) == (NAMES, "real")
        (start,) = [step for step in arm.predictor().weights.trained.inputs if step.kind == "training"]
        assert start == arm.init_from.predictor().weights.trained


def test_step_matched_pairs_have_half_the_rows_and_the_updates_of_a_single(paper):
    by_recipe = Counter()
    for arm in tuned(paper):
        method, rows = arm.method, arm.method.factors()
        by_recipe[len(arm.train.geometries), method.rows, rows["replay"], method.recipe.updates] += 1
        assert rows["elicitation"] == 256
    one_epoch = (100_000 + 20_000 + 7 * 256) / 128
    assert by_recipe == {
        (1, 100_000, 20_000, 28_560): 12 * 7,
        (2, 100_000, 20_000, 57_120): 12 * 6,
        (2, 50_000, 10_000, 28_560): 12 * 6,
    }
    assert round(28_560 / one_epoch) == 30


@pytest.mark.parametrize("cities", ["atlantis", "real"])
def test_where_elicitation_rows_come_from_is_a_parameter(cities):
    plan = offdiag.plan("width-ablation", "quick", elicitation_cities=cities)
    for arm in tuned(plan):
        replay, elicitation = arm.method.also
        assert (replay.domain.cities, replay.domain.geometries) == ("real", arm.train.geometries)
        assert (elicitation.domain.cities, elicitation.domain.geometries) == (cities, NAMES)
    assert {dict(m.states.factors).get("elicitation") for m in plan.measurements} == {None, 16}


def test_without_elicitation_new_cities_are_in_rows_of_the_target_only():
    arms = tuned(offdiag.plan("width-ablation", "quick", elicitation=0))
    assert arms
    for arm in arms:
        assert [part.name for part in arm.method.also] == ["replay"]


def test_widths_are_those_of_the_original(paper):
    decoders = {arm.model.short_name: arm.method.decoder for arm in arms_of(paper) if arm.init_from is None}
    sizes = {name: (d.width, d.heads, d.parameters(98, 256)) for name, d in decoders.items()}
    assert sizes == {
        "narrow": (64, 2, 407_744), "base": (128, 4, 1_601_920),
        "wide": (256, 8, 6_349_568), "wider": (512, 16, 25_282_048),
    }  # fmt: skip


def test_flop_matched_widths_train_for_as_many_operations():
    plan = offdiag.plan("width-ablation", "cpu", flop_matched=True, singles=[], pairs=[], seeds=[0])
    updates = {arm.model.short_name: arm.method.recipe.updates for arm in arms_of(plan) if arm.checkpoint is None}
    assert updates == {"narrow": 18_000, "base": 4500}


def test_widths_may_train_for_the_epochs_of_the_original():
    plan = offdiag.plan("width-ablation", "paper", published_epochs=True, singles=[], pairs=[], seeds=[0])
    updates = {arm.model.short_name: arm.method.recipe.updates for arm in arms_of(plan)}
    assert updates == {"narrow": 656_256, "base": 328_128, "wide": 164_064, "wider": 164_064}
    with pytest.raises(UserError, match="set one of them"):
        offdiag.plan("width-ablation", "quick", published_epochs=True, flop_matched=True)


def test_an_upper_bound_is_pretrained_on_all_cities():
    without, plan = offdiag.plan("width-ablation", "quick"), offdiag.plan("width-ablation", "quick", upper_bound=True)
    (bound,) = set(arms_of(plan)) - set(arms_of(without))
    assert (bound.train.cities, bound.train.geometries, bound.init_from) == ("mixed", NAMES, None)
    assert bound.method.recipe.snapshots == ()
    assert len(plan.cells) == len(without.cells) + 15
    assert set(without.cells) < set(plan.cells)
    assert len([m for m in plan.measurements if m.table == "city_probes"]) == 1 + len(
        [m for m in without.measurements if m.table == "city_probes"]
    )
    with pytest.raises(UserError, match="needs a model of taught=all"):
        offdiag.plan("width-ablation", "quick", upper_bound=True, taught=["angle"])


def test_each_width_has_a_map_of_its_own(paper):
    maps = [m for m in paper.measurements if m.table == "city_maps"]
    assert [dict(m.states.factors)["model"] for m in maps] == ["narrow", "base", "wide", "wider"]


def test_new_cities_are_taught_through_every_pair():
    plan = planned("new-cities")
    taught = Counter(arm.train.geometry for arm in tuned(plan))
    assert taught == {
        **dict.fromkeys(NAMES, 4), **dict.fromkeys(("+".join(pair) for pair in combinations(NAMES, 2)), 2 * 4)
    }  # fmt: skip
    assert len(plan.cells) == 4 * (1 + 7 + 21 + 21) * 15 + 4 * 40 * 7
    aligned = [m for m in plan.measurements if m.table == "city_alignments"]
    assert len(aligned) == 28 * 27 / 2  # pre-trained on each question alone, with four seeds


def test_models_that_are_compared_know_disjoint_sets_of_tasks():
    plan = planned("convergence")
    taught = Counter(len(arm.train.geometries) for arm in arms_of(plan) if arm.checkpoint is None)
    assert taught == {1: 7 * 3, 2: 7 * 3, 3: 7 * 3}
    aligned = [m for m in plan.measurements if m.table == "city_alignments"]
    assert len(aligned) == 63 * 62 / 2


@pytest.mark.parametrize("scale", ["quick", "cpu", "paper"])
def test_a_held_out_region_is_in_no_row_of_pre_training(scale):
    plan = planned("held-out-region", scale)
    starts = {arm.init_from for arm in tuned(plan)}
    assert len({arm.train.new for arm in starts}) == {"quick": 1, "cpu": 2, "paper": 3}[scale]
    for domain in {arm.train for arm in starts}:
        cities = domain.build()
        assert {domain.new} <= {"north-africa", "north-india", "middle-east"} | set(cities.region[cities.new].tolist())
        for one in domain.single:
            assert draw(one, "train", 700, 0, 0).cities.max() < cities.n_real
    assert {arm.train.cities for arm in tuned(plan)} == {"atlantis"}


def test_scattered_and_clustered_cities_make_models_of_their_own():
    plan = planned("scattered", "quick")
    assert Counter(arm.train.new for arm in arms_of(plan)) == {"clustered": 4, "scattered": 4}
    assert all(arm.init_from.train.new == arm.train.new for arm in tuned(plan))


SIZES = {
    "width-ablation": ((1 + 7 + 2) * 15 + 5 * 7, 2 * 3 * (20 * 15 + 8 * 7), 4 * 3 * 20 * 15),
    "new-cities": ((1 + 7 + 3) * 15 + 5 * 7, 3 * (50 * 15 + 8 * 7), 4 * (50 * 15 + 40 * 7)),
    "convergence": ((1 + 1 + 2 + 2) * (1 + 4), 3 * 7 * (1 + 2 + 3), 3 * 7 * (1 + 2 + 3) * (1 + 12)),
    "scattered": (2 * (1 + 3) * 15, 2 * 3 * (1 + 7 + 2 + 2) * 15, 2 * 4 * 20 * 15),
    "held-out-region": ((1 + 3) * 15, 2 * 3 * (1 + 7 + 1 + 1) * 15, 3 * 4 * 20 * 15),
}


@pytest.mark.parametrize("study", SIZES)
def test_every_study_can_be_planned_at_every_scale(study):
    assert tuple(len(planned(study, scale).cells) for scale in ("quick", "cpu", "paper")) == SIZES[study]


def test_the_plan_of_the_whole_grid_is_pure_data():
    heavy = "{'torch', 'transformers', 'matplotlib', 'scipy', 'pandas'}"
    code = f"import sys, offdiag; offdiag.plan('width-ablation', 'paper'); print({heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"world": {**WORLD, "count": 5}}, "inside asks about up to 6 cities, but cities=real has 5: set count=6"),
        ({"world": {**WORLD, "count": 99}}, "104 cities do not fit 100 ids of id_digits=2: set id_digits=3"),
        ({"world": {**WORLD, "count": 6, "new_count": 1}}, "cannot be balanced; take a larger world"),
        ({"groups": ["atlntis"]}, "new=atlntis: expected one of clustered, scattered, africa"),
        ({"decoder": {"width": 66, "heads": 4}}, "width 66 with 4 heads: expected a multiple of 8"),
        ({"decoder": {"width": 48, "heads": 3}, "widths": ["narrow"]}, "heads=3: expected heads that can be halved"),
        ({"widths": ["huge"]}, r"widths\[0\]=huge should be 'narrow', 'base', 'wide' or 'wider'"),
        ({"layers": [1, 4]}, r"layers=\(1, 4\): expected two or more increasing numbers from 0 to depth=3"),
        ({"layers": [1]}, "expected two or more"),
        ({"pairs": ["distance+elevation"]}, "geometry=elevation: expected all, or names of distance"),
        ({"pairs": ["angle+angle"]}, "geometry=angle[+]angle: a name comes twice"),
        ({"pairs": ["distance+compass", "compass+distance"]}, "the same measurement twice"),
        ({"rows": 1, "step_matched": True}, "rows=0 should be greater than or equal to 1"),
        ({"tuning": {"updates": 3, "warmup_updates": 5, "schedule": "linear"}}, "warmup_updates=5 leaves nothing of 3"),
        ({"row": 5}, "row"),
    ],
)
def test_mistakes_are_told_in_one_line_when_it_is_planned(wrong, message):
    with pytest.raises(UserError, match=message) as error:
        offdiag.plan("width-ablation", "quick", **wrong)
    assert "\n" not in str(error.value)

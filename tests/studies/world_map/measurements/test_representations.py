"""States of cities, and what is measured on them, with a tiny random model and a character tokenizer."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from offdiag.cost import estimate
from offdiag.cost.tokens import split
from offdiag.engine import run_plan
from offdiag.errors import OffdiagError, UserError
from offdiag.gather import gather
from offdiag.models import ModelSpec
from offdiag.models.lm import LM
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.stats.coordinate_probe import fit_probe
from offdiag.steps import Weights
from offdiag.store import State, Store
from offdiag.studies.world_map.measurements.alignment import CityAlignment
from offdiag.studies.world_map.measurements.coordinate_map import CityMap
from offdiag.studies.world_map.measurements.coordinate_probe import CityProbe
from offdiag.studies.world_map.measurements.representations import (
    FILE,
    LabelledStates,
    Representations,
    city_prompts,
    load_representations,
)
from offdiag.studies.world_map.task import World, WorldMapDomain
from offdiag.study import Design, Study, StudyParams
from support.city_model import make_city_model

RUNTIME = Runtime(device="cpu", threads=1)
WORLD = World(count=20, new_count=4, id_digits=2, per_degree=1)
LAYERS = (0, 1, 2)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("cities")
    return [make_city_model(root / f"city-{seed}", seed) for seed in (0, 1)]


def encoded(folder, seed=0, world=WORLD, layers=LAYERS, **options):
    weights = Weights.of(ModelSpec(source=f"dir:{folder}"))
    return LabelledStates.of(weights, world, layers, factors={"train_geometry": "distance", "seed": seed}, **options)


def plan_of(*measurements):
    design = Design(measurements=measurements)
    study = Study(name="m", title="M.", claim="", scales={"only": StudyParams()}, build=lambda p: design)
    return make_plan(study, "only")


@pytest.fixture(scope="module")
def ran(folders, tmp_path_factory):
    one, other = (encoded(folder, seed) for seed, folder in enumerate(folders))
    plan = plan_of(
        CityProbe(states=one), CityProbe(states=other), CityAlignment(first=one, second=other),
        CityAlignment(first=one, second=one), CityMap(states=one, layer=1),
    )  # fmt: skip
    store = Store(tmp_path_factory.mktemp("store"))
    assert run_plan(plan, store, RUNTIME).complete
    return plan, store, one


def test_every_city_and_place_is_read_once(folders):
    plan = plan_of(CityMap(states=encoded(folders[0]), layer=1))
    texts = [text for place in ("digit", "delimiter") for text in city_prompts(WORLD, "distance", place)]
    (read,) = [line for line in estimate(plan).lines if line.kind == "representations"]
    assert read.read_tokens == read.prompt_tokens == sum(len(split(text)) for text in texts)


def test_prompts_have_padded_ids_and_end_at_the_token_that_is_read():
    cities = WORLD.build()
    assert (cities.id < 10).any()
    digits, delimiters = (city_prompts(WORLD, "distance", place) for place in ("digit", "delimiter"))
    assert digits == [f"dist(c_{number:02d}" for number in cities.id]
    assert delimiters == [f"{text}," for text in digits]
    assert city_prompts(WORLD, "inside", "delimiter")[0] == f"inside(c_{cities.id[0]:02d};"
    assert city_prompts(WORLD, "crossing", "delimiter")[0] == f"cross(c_{cities.id[0]:02d},"


def test_states_are_those_of_both_tokens_in_one_text(ran, folders):
    plan, store, one = ran
    source = one.representations
    model = LM.load(ModelSpec(source=f"dir:{folders[0]}"), folders[0], RUNTIME)
    ids = [model.tokenizer(text)["input_ids"] for text in city_prompts(WORLD, "distance", "delimiter")]
    assert model.tokenizer.decode(ids[0][:1]) == "<bos>"
    with torch.inference_mode():
        found = model.model(torch.tensor(ids), output_hidden_states=True).hidden_states
    for layer in LAYERS:
        states = load_representations(store.folder(source), layer)
        assert states.dtype == np.float32
        expected = torch.cat([found[layer][:, -2], found[layer][:, -1]], dim=1).numpy()
        np.testing.assert_allclose(states, expected, atol=1e-5)
    with pytest.raises(UserError, match="layer 7 of .*only layers 0, 1, 2"):
        load_representations(store.folder(source), 7)


def test_each_model_is_asked_once(ran):
    plan, store, _ = ran
    assert sum(step.kind == "representations" for step in plan.steps) == 2
    assert not any(state.needed for state in plan.survey(store))


def test_a_probe_has_a_row_a_layer_and_group(ran):
    plan, store, _ = ran
    frame = gather(plan, store).measured("city_probes")
    one = frame[frame["seed"] == 0]
    assert one[["layer", "group"]].values.tolist() == [[i, group] for i in LAYERS for group in ("ordinary", "new")]
    assert set(one.loc[one["group"] == "new", "n"]) == {4}
    assert set(one.loc[one["group"] == "ordinary", "n_fitted"]) == {18}
    assert (one["r2"] < 0.5).all()  # random weights
    cities = WORLD.build()
    centre = np.array([cities.x[:20].mean(), cities.y[:20].mean()])
    blind = np.hypot(cities.x[20:] - centre[0], cities.y[20:] - centre[1]).mean()
    assert one.loc[one["group"] == "new", "blind"].tolist() == pytest.approx([blind] * 3)
    assert one["error_degrees"].tolist() == pytest.approx(one["error"].tolist())
    assert (one["error_low"] <= one["error"]).all()
    assert set(frame["train_geometry"]) == {"distance"}


def test_a_model_is_aligned_with_itself(ran):
    plan, store, _ = ran
    frame = gather(plan, store).measured("city_alignments")
    assert frame[["seed", "other_seed"]].drop_duplicates().values.tolist() == [[0, 1], [0, 0]]
    itself = frame["other_seed"] == 0
    assert frame.loc[itself, "cka"].tolist() == pytest.approx([1.0] * 3)
    assert (frame.loc[~itself, "debiased"] < 0.95).all()
    assert set(frame["n"]) == {20}


def test_a_map_has_a_row_a_city(ran):
    plan, store, one = ran
    frame = gather(plan, store).measured("city_maps")
    cities = WORLD.build()
    assert frame["city"].tolist() == cities.name.tolist()
    assert frame["new"].tolist() == cities.new.tolist()
    states = load_representations(store.folder(one.representations), 1).astype(float)
    states -= states.mean(0)
    variance = np.linalg.eigvalsh(states.T @ states)[::-1]
    found = frame[["pc1", "pc2", "pc3"]].to_numpy(float)
    np.testing.assert_allclose(found.T @ found, np.diag(variance[:3]), atol=1e-3)
    assert frame["pc_share"].iloc[0] == pytest.approx(variance[:3].sum() / variance.sum(), rel=1e-4)


def test_a_killed_encoding_is_done_again(folders, tmp_path):
    step = encoded(folders[0]).representations
    store = Store(tmp_path / "store")
    plan = plan_of(CityMap(states=encoded(folders[0]), layer=1))
    assert run_plan(plan, store, RUNTIME).complete
    before = load_representations(store.folder(step), 1)
    for done in (step, plan.measurements[0]):
        (store.folder(done) / "result.json").unlink()
    (store.folder(step) / "states.safetensors.part").write_bytes(b"half")
    assert store.state(step) is not State.DONE
    assert run_plan(plan, store, RUNTIME).complete
    np.testing.assert_array_equal(load_representations(store.folder(step), 1), before)
    assert not (store.folder(step) / "states.safetensors.part").exists()


def test_factors_are_no_part_of_what_is_encoded(folders):
    one = encoded(folders[0], 0)
    assert one.representations.fingerprint == encoded(folders[0], 5).representations.fingerprint
    assert CityProbe(states=one).fingerprint != CityProbe(states=encoded(folders[0], 5)).fingerprint
    domain = WorldMapDomain(**WORLD.model_dump(), geometry="angle")
    assert encoded(folders[0], world=domain).representations == one.representations


def test_another_tokenizer_is_told_in_one_line(tmp_path):
    folder = make_city_model(tmp_path / "other", characters="abc(,_01234distrg")
    store = Store(tmp_path / "store")
    plan = plan_of(CityMap(states=encoded(folder), layer=1))
    summary = run_plan(plan, store, RUNTIME)
    assert not summary.complete
    (failed,) = [state.note for state in plan.survey(store) if state.state is State.FAILED]
    assert "expected a tokenizer that was made for ids of cities" in failed


def test_what_cannot_be_compared_is_refused(folders):
    one = encoded(folders[0])
    with pytest.raises(UserError, match="two worlds"):
        CityAlignment(first=one, second=encoded(folders[0], world=World(count=21, new_count=4, id_digits=2)))
    with pytest.raises(UserError, match="use the same"):
        CityAlignment(first=one, second=encoded(folders[0], layers=(1,)))


def test_a_layer_that_the_map_asks_for_must_be_kept(folders):
    with pytest.raises(UserError, match="layer 9.*keeps layers 0, 1, 2"):
        CityMap(states=encoded(folders[0]), layer=9)
    assert (
        Representations(weights=one_weights(folders[0]), world=WORLD, layers=(1,), places=("digit",)).fingerprint
        != encoded(folders[0], layers=(1,)).representations.fingerprint
    )


def one_weights(folder):
    return Weights.of(ModelSpec(source=f"dir:{folder}"))


def test_a_city_without_finite_states_is_left_out_and_counted(ran, tmp_path):
    _, store, one = ran
    states = load_file(store.folder(one.representations) / FILE)
    whole = {name: layer.copy() for name, layer in states.items()}
    lost = int(np.flatnonzero(~WORLD.build().new)[3])
    states["1"][lost, 0] = np.nan
    save_file(states, tmp_path / FILE)
    work = SimpleNamespace(output=lambda step: tmp_path)

    rows = list(CityMap(states=one, layer=1).measure(work))
    assert [row["probe_x"] is None for row in rows] == [i == lost for i in range(len(rows))]
    assert np.isfinite([row["pc1"] for i, row in enumerate(rows) if i != lost]).all()
    probed = {(row["layer"], row["group"]): row for row in CityProbe(states=one).measure(work)}
    assert (probed[1, "ordinary"]["n"], probed[1, "ordinary"]["n_errors"]) == (19, 1)
    assert "n_errors" not in probed[1, "new"]
    assert (probed[2, "ordinary"]["n"], "n_errors" in probed[2, "ordinary"]) == (20, False)
    aligned = list(CityAlignment(first=one, second=one).measure(work))
    assert [row["n"] for row in aligned] == [20, 19, 20]

    kept = np.delete(whole["1"], lost, axis=0)  # the numbers are those of a world without this city
    fitted = fit_probe(kept[~np.delete(WORLD.build().new, lost)], _places(lost))
    assert probed[1, "new"]["penalty"] == fitted.penalty
    save_file({name: np.full_like(layer, np.inf) for name, layer in whole.items()}, tmp_path / FILE)
    with pytest.raises(OffdiagError, match="hidden states of the cities of 20 of 20 items are not finite"):
        list(CityMap(states=one, layer=1).measure(work))


def _places(lost):
    cities = WORLD.build()
    places = np.column_stack([cities.x, cities.y]).astype(np.float64)
    return np.delete(places, lost, axis=0)[~np.delete(cities.new, lost)]

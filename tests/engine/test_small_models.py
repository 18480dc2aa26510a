"""Models from scratch as arms: pre-trained, looked at on their way, told of new cities, asked like any other."""

import pytest

from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.methods import MixtureTuning, PreTraining, ZeroShot
from offdiag.models import ModelSpec
from offdiag.planning import make_plan
from offdiag.steps import load_records
from offdiag.store import Store
from offdiag.studies.world_map.task import NAMES, WorldMapDomain
from offdiag.study import Arm, Cell, Design, Evaluation, Study, StudyParams
from offdiag.tasks import StreamPart
from offdiag.training import Decoder, PretrainingRecipe
from support.tiny_study import RUNTIME, steps_of

MODEL = ModelSpec(source="scratch:tiny")
WORLD = {"count": 20, "new_count": 6, "id_digits": 2, "per_degree": 1}
DECODER = Decoder(architecture="qwen2", width=16, depth=1, heads=2, initial_std=0.1)


def domain(geometry, cities):
    return WorldMapDomain(geometry=geometry, cities=cities, **WORLD)


def pretrained(**changes):
    recipe = PretrainingRecipe(updates=4, batch_size=14, snapshots=(0, 2))
    return Arm(model=MODEL, method=PreTraining(decoder=DECODER, recipe=recipe), train=domain("all", "real"), **changes)


def tuned(start):
    also = (StreamPart(name="replay", domain=domain("distance", "real"), rows=3),)
    method = MixtureTuning(rows=6, also=also, recipe=PretrainingRecipe(updates=2, batch_size=4))
    return Arm(model=MODEL, method=method, train=domain("distance+compass", "atlantis"), init_from=start)


def build(p):
    start = pretrained()
    asked = [domain(name, "real") for name in NAMES] + [domain("all", "atlantis")]
    evaluations = [Evaluation(domain=one, n=7, max_new_tokens=8) for one in asked]
    return Design(
        cells=tuple(
            Cell(arm=a, evaluation=e) for a in (start, pretrained(checkpoint=2), tuned(start)) for e in evaluations
        )
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("small") / "store")
    plan = make_plan(Study(name="s", title="S.", claim="", scales={"only": StudyParams()}, build=build), "only")
    assert run_plan(plan, store, RUNTIME).complete
    return plan, store


def test_every_evaluation_is_a_cell_with_errors_and_failures_of_its_own(finished):
    plan, store = finished
    results = gather(plan, store)
    cells, records = results.cells, results.records
    assert len(cells) == 3 * 8
    assert cells["update"].dropna().tolist() == [2] * 8
    assert cells["after"].notna().sum() == 8
    assert set(cells["train_geometry"]) == {"+".join(NAMES), "distance+compass"}
    assert cells["replay"].dropna().tolist() == [3] * 8
    for _, cell in cells.iterrows():
        errors = records.loc[(records["cell"] == cell["cell"]), "error"].dropna()
        if errors.empty:
            assert cell[["mean_error", "median_error"]].isna().all()
        else:
            assert cell["mean_error"] == pytest.approx(errors.mean())
            assert cell["median_error"] == pytest.approx(errors.median())
        assert len(errors) <= cell["n"] - cell["n_unparsed"]


def test_questions_are_asked_as_they_were_taught(finished):
    plan, store = finished
    record = load_records(store.folder(next(iter(plan.cells.values()))))[0]
    assert record["prompt"].startswith("dist(c_")
    assert record["prompt"].endswith(")=")
    assert record["n_prompt"] == 1 + len(record["prompt"])


def test_a_model_is_made_once_and_a_snapshot_is_not_made_again(finished):
    plan, store = finished
    trained = steps_of(plan, "training")
    assert len(trained) == 3  # pre-trained, its snapshot, fine-tuned
    whole, kept = (store.folder(step) / "weights" / "model.safetensors" for step in trained[:2])
    assert whole.read_bytes() != kept.read_bytes()
    source = store.folder(trained[0]) / "snapshots" / "update-000002" / "model.safetensors"
    assert kept.samefile(source)


def test_checkpoints_load_anywhere(finished):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    plan, store = finished
    folder = store.folder(steps_of(plan, "training")[0]) / "weights"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert type(model).__name__ == "Qwen2ForCausalLM"
    assert tokenizer.decode(tokenizer("dist(c_01,c_02)=")["input_ids"], skip_special_tokens=True) == "dist(c_01,c_02)="


def test_mistakes_are_found_before_anything_is_trained():
    with pytest.raises(UserError, match="its recipe keeps snapshots at 0, 2"):
        pretrained(checkpoint=3).predictor()
    with pytest.raises(UserError, match="expected a model that an arm has pre-trained"):
        Arm(model=MODEL, method=MixtureTuning(rows=2), train=domain("distance", "atlantis")).predictor()
    with pytest.raises(UserError, match="not trained; leave update out"):
        Arm(model=ModelSpec(source="hub:org/name"), method=ZeroShot(), checkpoint=1).predictor()
    with pytest.raises(UserError, match="name the model scratch:name"):
        Arm(model=ModelSpec(source="hub:org/name"), method=PreTraining(), train=domain("all", "real")).predictor()
    for change, message in (
        ({"id_digits": 6}, "room for"),
        ({"world_seed": 1}, r"another world \(world_seed differ\)"),
    ):
        other = WorldMapDomain(geometry="distance", cities="atlantis", **{**WORLD, **change})
        with pytest.raises(UserError, match=message):
            Arm(model=MODEL, method=MixtureTuning(rows=2), train=other, init_from=pretrained()).predictor()
    with pytest.raises(UserError, match="has no weights yet: give its arm the method PreTraining"):
        Arm(model=MODEL, method=ZeroShot()).predictor()

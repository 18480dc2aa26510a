"""Hidden states, the probes fitted on them and their answers, with states made up from the texts."""

from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.lease import LeaseLostError, lease
from offdiag.models import ModelSpec
from offdiag.models.finite import NOT_FINITE
from offdiag.stats.choice_probes import fit_probes
from offdiag.steps import (
    Examples,
    HiddenStates,
    Probe,
    ProbeChoices,
    ProbeFits,
    ProbeGrid,
    ProbeTrainingSet,
    Weights,
    load_answers,
)
from offdiag.steps import hidden_states as module
from offdiag.steps.hidden_states import load_states
from offdiag.steps.jsonl import write_jsonl
from offdiag.steps.probe_fits import load_probe
from offdiag.steps.step import FinishedStep, Unanswered
from offdiag.studies.easy_to_hard.task import HardnessDomain
from offdiag.tasks import Example

WEIGHTS = Weights(spec=ModelSpec(source="hub:org/name"))
POOL = HardnessDomain(n_train=0)
EASY = HardnessDomain(hardness="num_steps", level="easy", n_train=30)
HARD = HardnessDomain(hardness="num_steps", level="hard", n_train=30)
N, WIDTH = 150, 6
ASKED = Examples(
    domain=HardnessDomain(hardness="num_steps", level="hard", train_on="easy", n_train=30), split="eval", n=25
)
STATES = HiddenStates(weights=WEIGHTS, examples=Examples(domain=POOL, split="eval", n=N))
GRID = ProbeGrid(trains=(EASY, HARD), sizes=(10, 30), noises=(0.0, 0.5))


def state(prompt, choice):
    """Numbers that come from the texts alone."""
    return np.random.default_rng(list(f"{prompt}|{choice}".encode())).standard_normal((2, WIDTH)).astype(np.float32)


class Model:
    """Ten blocks, of which only the asked ones are there, and a count of what was read."""

    depth = 10

    def __init__(self, dies_after=10**9):
        self.read, self.layers, self.dies_after = [], [], dies_after

    def choice_states(self, prompts, choices, layers, response_prefix):
        if len(self.read) >= self.dies_after:
            raise KeyboardInterrupt
        self.read += prompts
        self.layers.append(layers)
        return [np.stack([state(p, c) for c in own]) for p, own in zip(prompts, choices, strict=True)]


@cache
def drawn(examples):
    """The examples of a step; the pool is made small, and everything else is drawn from it."""
    items = STATES.examples.sample()
    if examples == STATES.examples:
        return items
    wanted = "easy" if examples.domain.level == "easy" else "hard"
    hard = [item for item in items if (item.strata["num_steps"] >= 3) == (wanted == "hard")]
    return hard[: examples.n] if examples.split == "train" else hard[30 : 30 + examples.n]


@pytest.fixture
def store(tmp_path):
    """Folders of finished steps, and what a running one may use."""

    class Store:
        model = Model()
        earlier: ClassVar[list[FinishedStep]] = []

        def folder(self, step):
            folder = tmp_path / step.kind / step.fingerprint
            if not folder.exists():
                folder.mkdir(parents=True)
                if isinstance(step, Examples):
                    write_jsonl(folder / "examples.jsonl", [asdict(example) for example in drawn(step)])
            return folder

        def run(self, step):
            work = SimpleNamespace(
                folder=self.folder(step),
                output=self.folder,
                model=lambda _: self.model,
                progress=lambda *_: None,
                finished=lambda kind, fits: (one for one in self.earlier if fits(one.folder.name)),
            )
            return step.run(work)

        def keep(self, step, **provenance):
            """Make a step that has run one of those that are finished."""
            told = {"versions": {"offdiag": version("offdiag")}, **provenance}
            named = self.folder(step).rename(tmp_path / step.folder_name)
            told = FinishedStep(named, step.canonical_form, step.fingerprint, {"seconds": 8.0}, told, lambda: True)
            self.earlier = [*self.earlier, told]

    return Store()


def some(*needed, states=STATES):
    return states.model_copy(update={"needed": needed})


def probed(training_set, grid=GRID, **fields):
    fits = ProbeFits(states=(STATES,), grid=grid)
    return ProbeChoices(
        weights=WEIGHTS, examples=ASKED, style="direct", probe=Probe(fits=fits, training_set=training_set), **fields
    )


def test_states_are_those_of_each_choice_in_half_precision(store):
    summary = store.run(STATES)
    states = load_states(store.folder(STATES))
    assert summary["n"] == N == len(store.model.read)
    assert states.features.dtype == np.float16
    assert store.model.layers[0] == [6, 10]  # ceil((10 + 1) / 2), and the last one
    items = drawn(STATES.examples)
    prompt = store.model.read[7]
    for j, choice in enumerate(items[7].choices):
        np.testing.assert_array_equal(states.features[7, j], state(prompt, choice).astype(np.float16).ravel())
    assert not (store.folder(STATES) / "chunks").exists()


@pytest.mark.parametrize("call", [1, 2, 3])
def test_who_lost_the_lease_while_it_encoded_keeps_no_chunk_of_it(store, call):
    folder, encode = store.folder(STATES), store.model.choice_states

    def losing(*asked, **how):
        if len(store.model.layers) == call - 1:
            (folder / "lease.json").write_text("{}")
        return encode(*asked, **how)

    store.model.choice_states = losing
    with lease(folder / "lease.json"), pytest.raises(LeaseLostError):
        store.run(STATES)
    assert {path.name for path in folder.rglob("*.npy")} == {f"{64 * i}.npy" for i in range(call - 1)}
    store.model.choice_states = encode
    (folder / "lease.json").unlink()
    store.run(STATES)
    assert len(load_states(folder).rows) == N


def test_encoding_goes_on_where_it_was_killed(store):
    store.model = Model(dies_after=100)
    with pytest.raises(KeyboardInterrupt):
        store.run(STATES)
    store.model = Model()
    store.run(STATES)
    assert len(store.model.read) == N - 128
    first = np.array(load_states(store.folder(STATES)).features)
    store.model = Model()
    store.run(STATES)
    np.testing.assert_array_equal(np.array(load_states(store.folder(STATES)).features), first)


def test_what_is_needed_alone_is_encoded_and_the_probes_are_the_same(store):
    training_set = ProbeTrainingSet(train=EASY, n=10)
    few, whole = probed(training_set), probed(training_set)
    needed = some(*GRID.largest.values(), ASKED)
    few = few.model_copy(update={"probe": Probe(fits=few.probe.fits.model_copy(update={"states": (needed,)}),
                                                training_set=training_set)})  # fmt: skip
    assert (few.fingerprint, few.probe.fits.fingerprint) == (whole.fingerprint, whole.probe.fits.fingerprint)
    answers = {}
    for step in (few, whole):
        store.model = Model()
        store.run(step.probe.fits.states[0])
        store.run(step.probe.fits)
        store.run(step)
        answers[len(store.model.read)] = load_answers(store.folder(step))
    assert [*answers] == [85, N]  # 30 of each level to train on, and 25 to test
    assert answers[85] == answers[N]
    assert needed.name != STATES.name
    assert needed.of_all is not needed
    assert needed.of_all == STATES


def test_a_pool_of_which_nothing_is_needed_is_refused(store):
    other = Examples(domain=HardnessDomain(dataset="chains", n_train=0), split="eval", n=3)
    write_jsonl(store.folder(other) / "examples.jsonl", [asdict(example) for example in other.sample()])
    with pytest.raises(UserError, match="none of its questions is needed: leave the pool out"):
        store.run(some(other))


def test_states_of_a_finished_step_are_taken_and_the_others_encoded(store):
    trains = list(GRID.largest.values())
    store.run(some(trains[0]))
    store.keep(some(trains[0]))
    store.model = Model()
    summary = store.run(some(*trains))
    assert len(store.model.read) == 30
    assert summary["n"] == 60
    assert summary["seconds"] >= 8
    taken = load_states(store.folder(some(*trains)))
    store.earlier, store.model = [], Model()
    store.run(STATES)
    whole = load_states(store.folder(STATES))
    rows = [whole.rows[key] for key in taken.rows]
    np.testing.assert_array_equal(np.array(taken.features), np.array(whole.features)[rows])


def test_a_plan_counts_no_state_that_a_run_would_take(store, monkeypatch, tmp_path):
    monkeypatch.setattr(Examples, "sample", drawn)
    trains = list(GRID.largest.values())
    both = some(*trains)

    def finished(kind, fits):
        return (one for one in store.earlier if fits(one.folder.name))

    assert both.unanswered(finished, tmp_path / "none") == Unanswered(both)
    store.run(some(trains[0]))
    store.keep(some(trains[0]))
    left = both.unanswered(finished, tmp_path / "none")
    assert (left.held, left.new, left.step.examples.n, left.step.needed) == (30, 30, 30, ())
    store.model = Model()
    store.run(both)
    assert len(store.model.read) == left.new
    store.keep(both)
    assert some(trains[1]).unanswered(finished, tmp_path / "none") == Unanswered(None, 30, 0)
    half = both.model_copy(update={"weights": Weights(spec=ModelSpec(source="hub:org/name", dtype="bfloat16"))})
    assert half.unanswered(finished, tmp_path / "none") == Unanswered(half)  # a state moves with its batch there


def test_a_plan_counts_no_state_that_a_killed_run_has(store):
    store.model = Model(dies_after=64)
    with pytest.raises(KeyboardInterrupt):
        store.run(STATES)
    left = STATES.unanswered(lambda *_: iter(()), store.folder(STATES))
    assert (left.held, left.new, left.step.examples.n) == (64, N - 64, N - 64)
    store.model = Model()
    store.run(STATES)
    assert len(store.model.read) == left.new


def test_a_killed_run_goes_on_with_what_it_had_taken(store):
    trains = list(GRID.largest.values())
    store.run(some(trains[0]))
    store.keep(some(trains[0]))
    store.model = Model(dies_after=0)
    with pytest.raises(KeyboardInterrupt):
        store.run(some(*trains))
    store.earlier, store.model = [], Model()
    assert store.run(some(*trains))["n"] == 60
    assert len(store.model.read) == 30


@pytest.mark.parametrize(
    ("states", "provenance"),
    [
        (STATES.model_copy(update={"layers": ("last",)}), {}),
        (STATES.model_copy(update={"style": "step-by-step"}), {}),
        (STATES, {"versions": {"offdiag": "0.0"}}),
        (STATES, {"versions": {}}),
    ],
)
def test_states_of_another_kind_are_not_taken(store, states, provenance):
    asked = next(iter(GRID.largest.values()))
    store.run(some(asked, states=states))
    store.keep(some(asked, states=states), **provenance)
    store.model = Model()
    store.run(some(asked, ASKED))
    assert len(store.model.read) == 55


def test_fewer_choices_are_marked_and_none_is_refused(store):
    items = [Example(id=str(i), problem=f"{i}?", target="a", choices=("a", "b", "c")[: 2 + i % 2]) for i in range(4)]
    write_jsonl(store.folder(STATES.examples) / "examples.jsonl", [asdict(item) for item in items])
    store.run(STATES)
    states = load_states(store.folder(STATES))
    assert states.present.tolist() == [[True, True, i % 2 == 1] for i in range(4)]
    assert not states.features[~states.present].any()
    one = [asdict(Example(id="x", problem="?", target="a", choices=("a",)))]
    write_jsonl(store.folder(STATES.examples) / "examples.jsonl", one)
    with pytest.raises(UserError, match="example x has the choices"):
        store.run(STATES)


def test_a_state_beyond_half_precision_is_no_infinity(store, monkeypatch):
    huge = np.full((4, 2, 3), 7e4)
    monkeypatch.setattr(Model, "choice_states", lambda self, p, c, layers, response_prefix: [huge[: len(o)] for o in c])
    with pytest.raises(UserError, match="beyond half precision"):
        store.run(STATES)


def test_items_without_finite_states_are_counted_and_in_no_probe(store, monkeypatch):
    training_set = ProbeTrainingSet(train=EASY, n=10)
    learnt, asked = drawn(training_set.examples)[3], drawn(ASKED)[4]
    spoilt, whole = {item.problem for item in (learnt, asked)}, Model.choice_states

    def states_of(self, prompts, *rest, **options):
        found = whole(self, prompts, *rest, **options)
        return [s * np.nan if any(p in prompt for p in spoilt) else s for s, prompt in zip(found, prompts, strict=True)]

    monkeypatch.setattr(Model, "choice_states", states_of)
    assert store.run(STATES)["n_errors"] == 2
    step = probed(training_set, ProbeGrid.of(training_set))
    assert store.run(step.probe.fits)["n_errors"] == 1
    store.run(step)
    finishes = [record["finish"] for record in load_answers(store.folder(step))]
    assert [i for i, finish in enumerate(finishes) if finish == NOT_FINITE] == [4]
    states = load_states(store.folder(STATES))
    items = [item for item in drawn(training_set.examples) if item is not learnt]
    rows, labels = [states_row(item) for item in items], [[[item.choices.index(item.target) for item in items]]]
    found = fit_probes(np.array(states.features), states.present, np.array([rows]), np.array(labels))
    np.testing.assert_allclose(load_probe(store.folder(step.probe.fits), 0), found.weights[0, 0], rtol=1e-5)


def test_every_probe_of_a_grid_is_what_it_is_alone(store):
    store.run(STATES)
    assert store.run(probed(ProbeTrainingSet(train=EASY, n=10)).probe.fits)["probes"] == 8
    states = load_states(store.folder(STATES))
    for train in GRID.trains:
        for n in GRID.sizes:
            training_set = ProbeTrainingSet(train=train, n=n)
            together = store.run(probed(training_set))
            said = load_answers(store.folder(probed(training_set)))
            assert together["n"] == len(said) == 25
            rows = [states_row(item) for item in drawn(training_set.examples)]
            labels = [[[item.choices.index(item.target) for item in drawn(training_set.examples)]]]
            found = fit_probes(np.array(states.features), states.present, np.array([rows]), np.array(labels))
            for record, item in zip(said, drawn(ASKED), strict=True):
                scores = states.features[states_row(item)].astype(np.float32) @ found.weights[0, 0]
                np.testing.assert_allclose(record["scores"], scores, rtol=1e-2, atol=1e-2 * np.abs(scores).max())
                assert record["completion"] == item.choices[int(np.argmax(record["scores"]))]
                assert record["example"] == item.id
            alone = probed(training_set, ProbeGrid.of(training_set))
            assert alone.fingerprint == probed(training_set).fingerprint
            assert alone.probe.fits.fingerprint != probed(training_set).probe.fits.fingerprint


def states_row(item):
    return [other.id for other in drawn(STATES.examples)].index(item.id)


def test_noise_moves_a_probe_and_the_rest_of_the_lesson_its_identity(store):
    store.run(STATES)
    training_sets = [
        ProbeTrainingSet(train=EASY, n=30),
        ProbeTrainingSet(train=EASY, n=30, noise=0.5),
        ProbeTrainingSet(train=HARD, n=30),
    ]
    store.run(probed(training_sets[0]).probe.fits)
    for training_set in training_sets:
        store.run(probed(training_set))
    scores = [load_answers(store.folder(probed(training_set)))[0]["scores"] for training_set in training_sets]
    assert scores[0] != scores[1] != scores[2]
    assert len({probed(training_set).fingerprint for training_set in training_sets}) == 3
    assert len({probed(training_set).name for training_set in training_sets}) == 3


def test_only_the_lesson_of_the_probe_was_taught():
    training_set = ProbeTrainingSet(train=EASY, n=10)
    assert [examples.fingerprint for examples in probed(training_set).taught()] == [training_set.examples.fingerprint]
    assert probed(training_set).group is None
    assert {step.kind for step in probed(training_set).inputs} == {"examples", "states", "probes"}


def test_what_was_not_encoded_in_the_same_words_is_refused(store):
    store.run(STATES)
    training_set = ProbeTrainingSet(train=EASY, n=10)
    store.run(probed(training_set).probe.fits)
    with pytest.raises(UserError, match=r"has no hidden states, or was worded otherwise.*pool"):
        store.run(probed(training_set).model_copy(update={"style": "step-by-step"}))


def test_a_lesson_that_is_not_in_the_grid():
    with pytest.raises(UserError, match="n11.* is not among its training sets"):
        GRID.place(ProbeTrainingSet(train=EASY, n=11))
    with pytest.raises(UserError, match="twice among its sizes"):
        ProbeGrid(trains=(EASY,), sizes=(10, 10))
    places = [
        GRID.place(ProbeTrainingSet(train=t, n=n, noise=p)) for n in (10, 30) for t in (EASY, HARD) for p in (0.0, 0.5)
    ]
    assert places == list(range(8))


def test_chunks_do_not_change_the_states(store, monkeypatch):
    store.run(STATES)
    whole = np.array(load_states(store.folder(STATES)).features)
    monkeypatch.setattr(module, "CHUNK", 7)
    store.run(STATES)
    np.testing.assert_array_equal(np.array(load_states(store.folder(STATES)).features), whole)
    assert fingerprint(STATES) == STATES.fingerprint

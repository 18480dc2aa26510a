import json

import numpy as np
import pytest

from offdiag.analyses import Frames
from offdiag.engine import run_plan
from offdiag.errors import UserError
from offdiag.gather import gather
from offdiag.planning import make_plan
from offdiag.runtime import Runtime
from offdiag.steps import Pretrained, load_rows
from offdiag.store import Store
from offdiag.studies.base_addition.episodes import Episodes, draw_trials, ideal_correct
from offdiag.studies.base_addition.measurements.episode_curves import EpisodeCurves
from offdiag.study_files import load_study
from offdiag.tasks.stream import Stream, TokenBatch

TINY = {
    "decoder": '{"width": 16, "depth": 1, "heads": 2}', "recipe.updates": "3", "recipe.batch_size": "8",
    "n_eval": "5", "rotations": "2", "seeds": "0,1", "episodes.demonstrations": "4",
}  # fmt: skip
CPU = Runtime(device="cpu", threads=1)


def frames_of(plan, store):
    results = gather(plan, store)
    return Frames(cells=results.cells, records=results.records, measurements=results.measurements)


def test_the_cpu_scale_gives_each_base_each_share_under_three_seeds():
    plan = make_plan(load_study("base-thresholds"), "cpu")
    assert len(plan.measurements) == 12
    assert len(plan.steps) == 24
    streams = {step.stream for step in plan.measurements}
    pairs = {pair for stream in streams for pair in zip(stream.bases, stream.shares, strict=True)}
    assert len(streams) == 4
    assert len(pairs) == 16
    assert {step.model.seed for step in plan.measurements} == {0, 1, 2}


def test_the_quick_scale_is_the_known_setting_with_one_model():
    (measured,) = make_plan(load_study("base-thresholds"), "quick").measurements
    assert measured.stream == Episodes()


def test_parameters_of_the_stream_are_parameters_of_the_study():
    sets = {"episodes.rho": "0.2", "episodes.bases": "8,9", "episodes.shares": "0.3,0.7", "decoder.depth": "2"}
    measured = make_plan(load_study("base-thresholds"), "quick", sets).measurements[0]
    assert (measured.stream.rho, measured.stream.bases, measured.model.decoder.depth) == (0.2, (8, 9), 2)
    with pytest.raises(UserError, match="sum to 1"):
        make_plan(load_study("base-thresholds"), "quick", {"episodes.shares": "0.3,0.7,0.1,0.1"})


def test_it_runs_from_nothing_to_tables_and_figures(tmp_path):
    store = Store(tmp_path)
    plan = make_plan(load_study("base-thresholds"), "cpu", TINY)
    before = frames_of(plan, store)
    assert before.measured("episodes")["state"].tolist() == ["missing"] * 4
    assert run_plan(plan, store, runtime=CPU).complete
    frames = frames_of(plan, store)
    table = frames.measured("episodes")
    assert len(table) == 4 * 4 * 5 * 5  # models, bases, sequences, k = 0 to 4
    assert set(table["state"]) == {"done"}
    for analysis in plan.design.analyses:
        assert len(analysis.table(frames))
    for figure in plan.design.figures:
        assert figure.plot(frames).axes
        assert figure.plot(before).axes
    assert run_plan(plan, store, runtime=CPU).planned == 0


def test_a_measurement_holds_the_ideal_observer_of_the_same_questions(tmp_path):
    store = Store(tmp_path)
    plan = make_plan(load_study("base-thresholds"), "quick", {**TINY, "rotations": "1", "seeds": "0"})
    assert run_plan(plan, store, runtime=CPU).complete
    (step,) = plan.measurements
    rows = load_rows(store.folder(step))
    stream = step.stream
    for trial in draw_trials(stream, 5, 0):
        ours = [row for row in rows if row["base"] == stream.bases[trial.truth]]
        assert {row["share"] for row in ours} == {stream.shares[trial.truth]}
        found = np.array([row["ideal"] for row in ours]).reshape(5, 5)
        assert found == pytest.approx(ideal_correct(stream, trial))
    summary = json.loads((store.folder(step.model) / "summary.json").read_text())
    assert summary["total_tokens"] == 3 * 8 * stream.columns


def test_models_of_one_assignment_and_seed_share_a_fingerprint_and_others_do_not():
    one = Pretrained(stream=Episodes())
    assert one.fingerprint == Pretrained(stream=Episodes()).fingerprint
    others = [
        Pretrained(stream=Episodes().rotated(1)),
        Pretrained(stream=Episodes(), seed=1),
        Pretrained(stream=Episodes(rho=0.2)),
    ]
    assert len({one.fingerprint, *(other.fingerprint for other in others)}) == 4
    assert EpisodeCurves(model=one, n=5).fingerprint != EpisodeCurves(model=one, n=6).fingerprint


class Ones(Stream):
    """Nothing but ones."""

    @property
    def label(self):
        return "ones"

    @property
    def vocabulary(self):
        return 2

    @property
    def columns(self):
        return 3

    def batch(self, seed, index, rows):
        ones = np.ones((rows, 3), np.int64)
        return TokenBatch(ones, ones)


def test_curves_need_a_stream_of_episodes():
    with pytest.raises(UserError, match="made of episodes"):
        EpisodeCurves(model=Pretrained(stream=Ones()), n=3)

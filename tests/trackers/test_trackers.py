"""Trackers: curves and cells arrive once and whole, also after a kill, and no tracker fails a run."""

import io
import json
import os
import sys
import threading
import time

import pytest

import offdiag
from offdiag.drain import Drained
from offdiag.engine import Silent, run_plan
from offdiag.errors import UserError
from offdiag.lease import lease
from offdiag.live import Lines
from offdiag.steps import Grades
from offdiag.store import Store
from offdiag.trackers import TRACKERS, TrackedRun, Tracker, Tracking, with_tracker
from offdiag.trackers.tracking import MARKER, Curve, result_of
from support.tiny_study import RUNTIME, steps_of, tiny_plan
from support.toys import Toy, ToyTraining, answered_plan, toy_plan

TRAINED = ToyTraining(label="learner")


def plan_of(training=TRAINED):
    return toy_plan(Toy(label="asked", needs=(training,)))


def track(plan, store, name="tensorboard", **how):
    return offdiag.run(plan, store=store, runtime=RUNTIME, track=name, progress=False, **how)


def events_of(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()


def scalars(folder) -> dict[str, list[tuple[int, float]]]:
    """All points of a TensorBoard run, by name."""
    found = events_of(folder)
    return {tag: [(e.step, e.value) for e in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def folder_of(store, step, name="tensorboard"):
    return store.root / "trackers" / name / step.kind / step.folder_name


LOSSES = [(update, pytest.approx(1 / update)) for update in range(1, 7)]


def test_tensorboard_has_the_curves_and_the_cells_with_their_identities(tiny_model, tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    plan, store = tiny_plan(tiny_model, n_eval=2).select("lora"), Store(tmp_path / "store")
    assert track(plan, store).complete
    (training,), (cell,) = steps_of(plan, "training"), steps_of(plan, "cells")
    rows = [json.loads(line) for line in (store.folder(training) / "history.jsonl").read_text().splitlines()]
    found = scalars(folder_of(store, training))
    assert len(rows) == 2
    for name in ("response_loss", "learning_rate", "gradient_norm", "tokens"):
        assert found[name] == [(row["update"], pytest.approx(row[name])) for row in rows]
    assert found["text_loss"] == [
        (r["update"], pytest.approx(r["text_loss"])) for r in rows if r["text_loss"] is not None
    ]
    (text,) = events_of(folder_of(store, training)).Tensors("identity/text_summary")
    shown = "\n".join(line[4:] for line in text.tensor_proto.string_val[0].decode().splitlines())
    assert json.loads(shown) == training.canonical_form
    result = store.result(cell)["summary"]
    found = scalars(folder_of(store, cell))
    assert found["n"] == [(0, 2.0)]
    assert found["accuracy"] == [(0, result["n_correct"] / 2)]
    hparams = events_of(folder_of(store, cell)).summary_metadata
    assert "_hparams_/session_start_info" in hparams


def test_the_curves_of_worker_processes_arrive_too(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    store, both = Store(tmp_path / "store"), [ToyTraining(label=label) for label in "ab"]
    assert track(toy_plan(Toy(label="asked", needs=tuple(both))), store, workers=2).complete
    for training in both:
        assert scalars(folder_of(store, training))["loss"] == LOSSES


def test_points_come_while_the_training_runs(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    monkeypatch.setattr("offdiag.trackers.tracking.LOOK_S", 0.05)
    slow = ToyTraining(label="slow", seconds=0.25)
    store, seen = Store(tmp_path / "store"), []
    runner = threading.Thread(target=track, args=(plan_of(slow), store))
    runner.start()
    while runner.is_alive():
        if folder_of(store, slow).exists():
            seen.append(len(scalars(folder_of(store, slow)).get("loss", ())))
        time.sleep(0.1)
    assert any(0 < n < 6 for n in seen)
    assert scalars(folder_of(store, slow))["loss"] == LOSSES


def test_a_killed_and_resumed_training_has_each_point_once(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    store, training = Store(tmp_path / "store"), ToyTraining(label="killed", killed_after=4)
    with pytest.raises(Drained):
        track(plan_of(training), store)
    folder = folder_of(store, training)
    assert scalars(folder)["loss"] == LOSSES[:4]
    assert not (folder / MARKER).exists()
    assert track(plan_of(training), store).complete  # it goes on after update 3, and writes the fourth again
    assert scalars(folder)["loss"] == LOSSES
    assert (folder / MARKER).exists()
    before = sorted(folder.iterdir())
    track(plan_of(training), store)
    assert sorted(folder.iterdir()) == before  # what is logged is left alone


def test_what_was_done_before_or_lost_in_a_kill_is_logged_by_the_next_run(tmp_path):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    store, plan = Store(tmp_path / "store"), plan_of()
    run_plan(plan, store, RUNTIME)
    track(plan, store)
    assert scalars(folder_of(store, TRAINED))["loss"] == LOSSES
    (folder_of(store, TRAINED) / MARKER).unlink()  # as if it had been killed before its end
    with lease(folder_of(store, TRAINED) / "lease.json"):
        track(plan, store)  # another runner has it
    assert not (folder_of(store, TRAINED) / MARKER).exists()
    track(plan, store)
    assert scalars(folder_of(store, TRAINED))["loss"] == LOSSES


class Kept(Tracker):
    """A tracker that remembers."""

    name, needs = "kept", "json"

    def __init__(self, root):
        super().__init__(root)
        self.told = []

    def begin(self, run: TrackedRun):
        self.told.append(("begin", run.name))

    def log(self, run: TrackedRun, values, update):
        self.told.append((update, dict(values)))

    def end(self, run: TrackedRun):
        self.told.append(("end", run.name))


def tracked(tracker, plan, store):
    out = io.StringIO()
    lines = Lines(plan.steps, out)
    with Tracking(tracker, plan, store, lines.say) as told:
        summary = run_plan(plan, store, RUNTIME, watcher=told)
    return summary, out.getvalue()


def test_cells_are_logged_with_their_counts_and_accuracy(tmp_path):
    plan, tracker = answered_plan(cells=1), Kept(tmp_path / "tracked")
    tracked(tracker, plan, Store(tmp_path / "store"))
    (cell,) = (step for step in plan.steps if isinstance(step, Grades))
    values = {"n": 12, "n_correct": 8, "n_unparsed": 0, "n_errors": 0, "accuracy": 8 / 12}
    assert tracker.told == [("begin", cell.name), (0, values), ("end", cell.name)]
    assert result_of({"n": 4, "n_correct": 1, "n_errors": 2}) == {
        "n": 4,
        "n_correct": 1,
        "n_errors": 2,
        "accuracy": 0.5,
    }
    assert result_of({"n": 2, "n_correct": 0, "n_errors": 2}) == {"n": 2, "n_correct": 0, "n_errors": 2}


@pytest.mark.parametrize("method", ["load", "begin", "log", "end"])
@pytest.mark.parametrize("error", [ValueError("no\nroom"), SystemExit(3)])
def test_a_tracker_that_fails_fails_no_run_and_is_told_in_one_line(tmp_path, monkeypatch, method, error):
    def fail(self, *given):
        raise error

    monkeypatch.setattr(Kept, method, fail)
    summary, said = tracked(Kept(tmp_path / "tracked"), plan_of(), Store(tmp_path / "store"))
    assert summary.complete
    told = "ValueError: no room" if isinstance(error, ValueError) else "SystemExit: 3"
    assert said == f"tracker kept failed, and the run goes on without it: {told}\n"


def test_packages_are_imported_in_the_thread_of_the_run_before_it_begins(tmp_path, monkeypatch):
    monkeypatch.setattr(Kept, "load", lambda self: self.told.append(("load", threading.current_thread())))
    tracker = Kept(tmp_path / "tracked")
    tracked(tracker, plan_of(), Store(tmp_path / "store"))
    assert tracker.told[:2] == [("load", threading.current_thread()), ("begin", "learner")]


def test_tensorboard_brings_torch_which_no_second_thread_may_import(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="the extra tensorboard is not installed")
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    TRACKERS.get("tensorboard")(tmp_path).load()
    assert "torch.utils.tensorboard" in sys.modules


def test_a_tracker_that_hangs_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr("offdiag.trackers.tracking.PATIENCE_S", 0.3)
    monkeypatch.setattr(Kept, "log", lambda self, *given: time.sleep(3))
    began = time.monotonic()
    summary, said = tracked(Kept(tmp_path / "tracked"), plan_of(), Store(tmp_path / "store"))
    assert summary.complete
    assert time.monotonic() - began < 2.5
    assert said == "tracker kept has not moved for 0 s and is left; the next run logs the rest\n"


def test_a_failed_training_is_not_marked_as_logged(tmp_path, monkeypatch):
    monkeypatch.setattr(ToyTraining, "run", lambda step, work: 1 / 0)
    tracker, store = Kept(tmp_path / "tracked"), Store(tmp_path / "store")
    assert tracked(tracker, plan_of(), store)[0].failed == 1
    assert tracker.told == [("begin", "learner"), ("end", "learner")]
    assert not list(tracker.root.glob(f"**/{MARKER}"))


def test_a_history_is_read_as_it_grows_and_after_it_was_written_anew(tmp_path):
    path, curve = tmp_path / "history.jsonl", Curve(tmp_path / "history.jsonl")
    lines = [json.dumps({"update": i}) + "\n" for i in range(1, 6)]
    assert list(curve.rows()) == []
    path.write_text(lines[0] + lines[1][:4])
    assert [row["update"] for row in curve.rows()] == [1]
    path.write_text("".join(lines[:3]))  # the same file, further
    assert [row["update"] for row in curve.rows()] == [2, 3]
    (tmp_path / "new").write_text(lines[0])
    os.replace(tmp_path / "new", path)  # a checkpoint of the first update
    assert list(curve.rows()) == []
    path.write_text("".join(lines))
    assert [row["update"] for row in curve.rows()] == [4, 5]


def test_what_is_unknown_or_not_installed_is_refused_before_the_run(tmp_path, monkeypatch):
    plan, store = plan_of(), Store(tmp_path / "store")
    with pytest.raises(UserError, match="unknown tracker 'tensorbord': did you mean tensorboard"):
        track(plan, store, "tensorbord")
    monkeypatch.setattr("offdiag.trackers.tracker.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"--track wandb needs the package wandb: type pip install wandb"):
        track(plan, store, "wandb")
    assert not store.root.exists()
    with with_tracker(None, plan, store, print, Silent()) as watcher:
        assert isinstance(watcher, Silent)
    assert {"mlflow", "tensorboard", "trackio", "wandb"} <= set(TRACKERS.names())


def test_wandb_keeps_offline_runs_with_each_point_once(tmp_path):
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    store, training = Store(tmp_path / "store"), ToyTraining(label="killed", killed_after=4)
    with pytest.raises(Drained):
        track(plan_of(training), store, "wandb")
    assert track(plan_of(training), store, "wandb").complete
    (kept,) = folder_of(store, training, "wandb").glob("wandb/offline-run-*/*.wandb")
    points, config = read_wandb(kept)
    assert points == [(update, pytest.approx(1 / update)) for update in range(1, 7)]
    assert config["label"] == "killed"
    assert config["@"] == training.canonical_form["@"]


def level_log(data, header=7, block=32768):
    """Yield the records of a file in LevelDB's log format behind ``header`` bytes: whole ones, and those in parts."""
    place, parts = header, b""
    while place + 7 <= len(data):
        if block - place % block < 7:  # no room for the head of a part
            place += block - place % block
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield parts
            parts = b""


def read_wandb(path):
    """The losses and the config in an offline run of Weights & Biases."""
    from wandb.proto.wandb_internal_pb2 import Record

    points, config = [], {}
    for data in level_log(path.read_bytes()):
        record = Record()
        record.ParseFromString(data)
        config |= {item.key: json.loads(item.value_json) for item in record.run.config.update}
        row = {"/".join(i.nested_key) or i.key: json.loads(i.value_json) for i in record.history.item}
        if "loss" in row:
            points.append((row["_step"], row["loss"]))
    return points, config


def test_mlflow_keeps_runs_in_files_with_each_point_once(tmp_path, capfd):
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    from mlflow import MlflowClient

    store, training = Store(tmp_path / "store"), ToyTraining(label="killed", killed_after=4)
    with pytest.raises(Drained):
        track(plan_of(training), store, "mlflow")
    plan = plan_of(training)
    assert track(plan, store, "mlflow").complete
    client = MlflowClient(tracking_uri=(store.root / "trackers" / "mlflow" / "mlruns").as_uri())
    experiment = client.get_experiment_by_name(plan.study.name)
    runs = client.search_runs([experiment.experiment_id])
    (run,) = [found for found in runs if found.data.tags["offdiag.kind"] == "training"]
    assert (run.info.run_name, run.info.status) == ("killed", "FINISHED")
    points = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, "loss")]
    assert points == [(update, pytest.approx(1 / update)) for update in range(1, 7)]
    assert run.data.params["label"] == "killed"
    (kept,) = (store.root / "trackers" / "mlflow" / "mlruns").rglob(f"{run.info.run_id}/artifacts/identity.json")
    assert json.loads(kept.read_text()) == training.canonical_form
    assert capfd.readouterr().out == ""


def test_trackio_has_each_point_once(tmp_path, capfd):
    pytest.importorskip("trackio", reason="the extra trackio is not installed")
    store, training = Store(tmp_path / "store"), ToyTraining(label="killed", killed_after=4)
    with pytest.raises(Drained):
        track(plan_of(training), store, "trackio")
    assert track(plan_of(training), store, "trackio").complete
    from trackio.sqlite_storage import SQLiteStorage

    logs = SQLiteStorage.get_logs("tiny", f"killed {training.fingerprint[:8]}")
    assert [(row["step"], row["loss"]) for row in logs] == [(u, pytest.approx(1 / u)) for u in range(1, 7)]
    assert "rackio" not in capfd.readouterr().out

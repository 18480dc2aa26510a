"""Stores filled with results that no model computed, so that whatever a plan takes can be reported in little time.

Answers are right or wrong by a coin, log-probabilities and hidden states are random numbers, and trainings leave a
history and no weights. All that is made of these (grades, probes, similarities, tables) is made as in a run.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from offdiag.manifest import manifest_of
from offdiag.models import sentence
from offdiag.models.answers import Score
from offdiag.planning import Plan
from offdiag.runtime import Runtime
from offdiag.seeds import stream
from offdiag.steps import Pretrained, Step, Trained
from offdiag.steps.jsonl import write_jsonl
from offdiag.steps.model_outputs import ModelOutputs
from offdiag.steps.weights import ConvertedModel, Snapshot
from offdiag.store import Store, write_json
from offdiag.store.finished import OF_THE_STORE
from offdiag.studies.base_addition.measurements.episode_curves import EpisodeCurves
from offdiag.studies.trigger_2d.measurements.patching import POSITIONS, ActivationPatching
from offdiag.studies.world_map.measurements.representations import FILE, Representations
from offdiag.tasks import Example, get_task
from support.tiny_study import write_result

WIDTH, DEPTH = 6, 2
RUNTIME = Runtime(device="cpu", threads=1)


class RandomModel:
    """What steps ask of a loaded model, answered with random numbers, the same ones for the same step."""

    depth = DEPTH

    def __init__(self, chance: np.random.Generator) -> None:
        self._chance = chance

    def score(self, prompts: Sequence[str], continuations: Sequence[Sequence[str]], *_: object) -> list[list[Score]]:
        return [[self._score() for _ in own] for own in continuations]

    def score_texts(self, texts: Sequence[str]) -> list[Score]:
        return [self._score() for _ in texts]

    def hidden_states(
        self, texts: Sequence[str], layers: Sequence[int], positions: Sequence[str], **_: object
    ) -> np.ndarray:
        shape = (len(texts), len(positions), len(layers), WIDTH)
        return self._chance.normal(size=shape).astype(np.float32)

    def choice_states(
        self, prompts: Sequence[str], choices: Sequence[Sequence[str]], layers: Sequence[int], **_: object
    ) -> list[np.ndarray]:
        return [self._chance.normal(size=(len(own), len(layers), WIDTH)).astype(np.float32) for own in choices]

    def embed(self, texts: Sequence[str], *_: object) -> np.ndarray:
        return self._chance.normal(size=(len(texts), WIDTH)).astype(np.float32)

    def _score(self) -> Score:
        return Score(logprob=-float(self._chance.exponential(3)), n_tokens=1)


def fill(plan: Plan, store: Store) -> None:
    """Give every step of the plan that has no result a made-up one."""
    with _without_models():
        for step in plan.steps:
            if not (store.folder(step) / "result.json").exists():
                _finish(step, store)
    store.refresh()


@contextmanager
def _without_models() -> Iterator[None]:
    """Let the measurements that load a model by themselves find a random one."""
    chance = stream(0, "made up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sentence, "SentenceEmbedder", lambda *_: RandomModel(chance))
        patch.setattr(sentence.SentenceModel, "folder", lambda _: Path())
        patch.setattr(EpisodeCurves, "verdicts", _verdicts)
        yield


def _finish(step: Step, store: Store) -> None:
    store.mark()
    folder = store.folder(step)
    folder.mkdir(parents=True, exist_ok=True)
    cell = {"format": 1, "kind": step.kind, "name": step.name, "fingerprint": step.fingerprint}
    write_json(folder / "cell.json", {**cell, "identity": step.canonical_form, "origin": {}}, to_disk=False)
    chance = stream(0, step.name)
    work: Any = SimpleNamespace(
        folder=folder, runtime=RUNTIME, output=store.folder, model=lambda weights: RandomModel(chance),
        answering=lambda weights: RandomModel(chance), progress=lambda done, total: None,
        finished=lambda kind, fits: iter(()),
    )  # fmt: skip
    summary = _made_up(step, work, chance)
    files = manifest_of(folder, OF_THE_STORE)
    finished = {"finished": "2026-01-01T00:00:00+00:00", "summary": summary, "files": files}
    write_result(folder, {"fingerprint": step.fingerprint, **finished})


def _made_up(step: Step, work: Any, chance: np.random.Generator) -> Mapping[str, Any]:
    match step:
        case ConvertedModel() | Snapshot():
            return {}
        case Trained():
            write_jsonl(work.folder / "history.jsonl", list(_history(step)))
            return {}
        case ModelOutputs():
            examples = step.examples.sample()
            write_jsonl(work.folder / "answers.jsonl", list(_answers(step, examples, chance)))
            return {"n": len(examples)}
        case Representations():
            shape = (step.world.n_cities, WIDTH)
            states = {str(layer): chance.normal(size=shape).astype(np.float32) for layer in step.layers}
            save_file(states, work.folder / FILE)
            return {}
        case ActivationPatching():
            write_jsonl(work.folder / "rows.jsonl", list(_patched(step, chance)))
            return {}
    return step.run(work)


def _answers(step: ModelOutputs, examples: Sequence[Example], chance: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield right and wrong answers, and some that are none; how many are right differs from learner to learner."""
    share = chance.uniform(0.2, 0.95)
    domain = step.examples.domain
    task = get_task(domain.task)
    for i, example in enumerate(examples):
        right = chance.random() < share
        record = {"index": i, "example": example.id, "prompt": example.problem, "n_prompt": 5, "n_tokens": 2}
        if step.tag in ("choices", "probed"):
            wrong = [choice for choice in example.choices if choice != example.target]
            said = example.target if right or not wrong else str(chance.choice(wrong))
            scores = [round(float(chance.normal()) - 9 * (choice != said), 6) for choice in example.choices]
            yield {**record, "completion": said, "finish": "choice", "scores": scores}
        elif chance.random() < 0.1:
            yield {**record, "completion": "I do not know", "finish": "length"}
        else:
            solved = example if right else examples[int(chance.integers(len(examples)))]
            yield {**record, "completion": task.response(domain, solved, rationale=False), "finish": "stop"}


def _history(training: Trained) -> Iterator[dict[str, Any]]:
    """Yield the rows that a training from nothing, or a fine-tuning with all there may be, writes."""
    own = isinstance(training, Pretrained)
    losses = ("loss", "accuracy") if own else ("response_loss", "text_loss", "task_loss")
    for update in (1, 2, *training.snapshots):
        yield {"update": update, "learning_rate": 1e-3, "gradient_norm": 1.0, **dict.fromkeys(losses, 1 / update)}


def _patched(step: ActivationPatching, chance: np.random.Generator) -> Iterator[dict[str, Any]]:
    for i, example in enumerate(step.examples.sample()):
        shared = {"example": example.id, "trigger": example.strata["trigger"], "left_out": None}
        if i % 3 == 0:
            yield {**shared, "left_out": "the model does not tell the triggers apart"}
            continue
        shared |= {"partner": step.others(i)[0], "clean": 2.0, "corrupted": -2.0}
        for layer in range(DEPTH + 1):
            for position in POSITIONS:
                recovered = float(chance.random())
                yield {**shared, "layer": layer, "position": position, "patched": 4 * recovered - 2,
                       "recovered": recovered}  # fmt: skip


def _verdicts(step: EpisodeCurves, trials: Sequence[Any], *_: object) -> Iterator[np.ndarray]:
    chance = stream(0, step.name)
    for trial in trials:
        n, k = trial.shown.shape
        yield chance.random((n, k + 1)) < np.linspace(0.1, 0.9, k + 1)

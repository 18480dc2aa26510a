import json
from types import SimpleNamespace

import pytest

from offdiag.errors import UserError
from offdiag.measurements import TrainingHistory
from offdiag.methods import FineTuning, Recipe
from offdiag.models import ModelSpec
from offdiag.runtime import Runtime
from offdiag.steps import Merged, Pretrained, Weights
from offdiag.studies.base_addition.episodes import Episodes
from offdiag.studies.base_addition.task import AdditionDomain
from offdiag.training import Decoder, PretrainingRecipe

BASE = Weights(spec=ModelSpec(source="hub:org/name"))
TUNED = FineTuning(n=96, recipe=Recipe(snapshots=(0, 3))).predictor(BASE, AdditionDomain(base=8), 0).weights


def measured(training, folder):
    work = SimpleNamespace(output=lambda step: folder if step == training else None)
    return list(TrainingHistory(training=training, arm=()).measure(work))


def test_rows_are_those_of_the_training_without_the_clock(tmp_path):
    rows = [{"update": i, "response_loss": 1 / i, "text_loss": None, "seconds": 0.1} for i in (1, 2)]
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert measured(TUNED.trained, tmp_path) == [
        {"update": 1, "response_loss": 1.0, "text_loss": None},
        {"update": 2, "response_loss": 0.5, "text_loss": None},
    ]


def test_a_training_from_scratch_has_a_history_too(tmp_path):
    stream = Episodes(demonstrations=2)
    recipe = PretrainingRecipe(updates=3, batch_size=2)
    training = Pretrained(stream=stream, decoder=Decoder(width=8, depth=1, heads=1), recipe=recipe)
    training.run(SimpleNamespace(folder=tmp_path, runtime=Runtime(device="cpu"), progress=lambda *_: None))
    rows = measured(training, tmp_path)
    assert [row["update"] for row in rows] == [1, 2, 3]
    assert all({"loss", "accuracy", "learning_rate"} <= set(row) for row in rows)


def test_the_history_of_a_snapshot_is_that_of_its_training():
    factors = {"method": "fine-tuning", "seed": 0}
    of_the_end = TrainingHistory.of(TUNED, factors)
    assert TrainingHistory.of(TUNED.at(3), {**factors, "update": 3}) == of_the_end
    assert of_the_end.factors() == factors
    assert of_the_end.inputs == (TUNED.trained,)


@pytest.mark.parametrize("weights", [BASE, TUNED.model_copy(update={"trained": Merged(adapter=TUNED)})])
def test_what_was_not_trained_has_no_history(weights):
    with pytest.raises(UserError, match="expected the weights of an arm that is trained"):
        TrainingHistory.of(weights, {})

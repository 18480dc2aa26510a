import subprocess
import sys

import pytest
from pydantic import ValidationError

from offdiag.errors import UserError
from offdiag.identity import fingerprint
from offdiag.training import Recipe


def test_a_thousand_examples_in_batches_of_16_make_63_updates():
    assert Recipe().updates(1000) == 63
    assert Recipe(epochs=3).updates(1000) == 189
    assert Recipe(batch_size=8).updates(500) == 63


def test_max_updates_only_shortens():
    assert Recipe(max_updates=20).updates(1000) == 20
    assert Recipe(max_updates=200).updates(1000) == 63


def test_a_warmup_that_never_ends_is_refused():
    with pytest.raises(UserError, match="warmup_updates = 5 leaves nothing of 5 updates"):
        Recipe(warmup_updates=5).updates(80)
    assert Recipe(warmup_updates=5).updates(81) == 6


def test_no_examples_are_refused():
    with pytest.raises(UserError, match="0 examples"):
        Recipe().updates(0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rank": 0},
        {"alpha": 0},
        {"dropout": 1.0},
        {"targets": ()},
        {"learning_rate": 0},
        {"warmup_updates": -1},
        {"batch_size": 0},
        {"epochs": 0},
        {"max_updates": 0},
        {"weight_decay": -0.1},
        {"adapter": "prefix"},
        {"micro_batch": 4},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        Recipe(**wrong)


def test_every_field_reaches_the_fingerprint():
    changed = {
        "adapter": "full",
        "rank": 8,
        "alpha": 16,
        "dropout": 0.1,
        "targets": "all-linear",
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "warmup_updates": 5,
        "batch_size": 8,
        "epochs": 2,
        "max_updates": 5,
        "weight_decay": 0.01,
        "max_grad_norm": 0.5,
        "optimizer": "adamw_8bit",
        "objective": "choices",
        "rslora": True,
        "snapshots": (0, 3),
    }
    assert set(changed) == set(Recipe.model_fields)
    prints = {fingerprint(Recipe(**{name: value})) for name, value in changed.items()}
    assert len(prints | {fingerprint(Recipe())}) == len(changed) + 1


def test_recipes_load_no_torch():
    code = "import sys, offdiag.training; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""A tiny training from scratch that other tests vary: a digit and its copy."""

import json

import numpy as np
import torch
from safetensors.torch import load_file

from offdiag.runtime import Runtime
from offdiag.seeds import stream
from offdiag.training import Decoder, PretrainingRecipe
from offdiag.training.pretraining import pretrain

DECODER = Decoder(width=16, depth=1, heads=2, expansion=2)
RECIPE = PretrainingRecipe(updates=12, batch_size=8, learning_rate=1e-2)
CPU = Runtime(device="cpu", threads=1)


def copies(index: int) -> tuple[np.ndarray, np.ndarray]:
    """A digit and its copy; the copy is to be learnt."""
    digit = stream(0, "copies", index).integers(0, 4, (8, 1))
    ids = np.concatenate([digit, digit], axis=1)
    return ids[:, :-1], ids[:, 1:]


def train(folder, *, decoder=DECODER, recipe=RECIPE, draw=copies, every=4, seed=0, vocabulary=4, columns=1, **options):
    return pretrain(
        draw, decoder, recipe, vocabulary=vocabulary, columns=columns, seed=seed, folder=folder, runtime=CPU,
        checkpoint_every=every, **options,
    )  # fmt: skip


def weights(folder, kept="weights"):
    return load_file(folder / kept / "model.safetensors")


def same(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def history(folder):
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


class KilledError(Exception):
    pass


def killed_at(update):
    def draw(index):
        if index == update:
            raise KilledError
        return copies(index)

    return draw

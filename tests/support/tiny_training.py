"""A tiny training that other tests vary; as a program it trains in a folder until it is done or killed."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from offdiag.models import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training import Recipe
from offdiag.training.supervised import fine_tune

CONVERSATIONS = [(f"{a}+{b}" + " please" * (a % 3), f"{a + b}") for a in range(5, 10) for b in range(4)]
RECIPE = Recipe(rank=4, learning_rate=1e-2, warmup_updates=1, batch_size=8, epochs=3, dropout=0.1)
UPDATES = RECIPE.updates(len(CONVERSATIONS))


def train(base, folder, conversations=CONVERSATIONS, recipe=RECIPE, *, seed=0, token_budget=16_384, **more):
    runtime = Runtime(device="cpu", token_budget=token_budget, threads=1)
    spec = more.pop("spec", ModelSpec(source=f"dir:{base}"))
    return fine_tune(spec, base, conversations, recipe, seed=seed, folder=folder, runtime=runtime, **more)


def weights(folder, name="adapter_model.safetensors"):
    return load_file(folder / "weights" / name)


def same_bits(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


class Killed(BaseException):
    pass


def kill_at(last):
    def on_progress(update, total):
        if update == last:
            raise Killed

    return on_progress


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(
        Path(sys.argv[1]),
        Path(sys.argv[2]),
        checkpoint_every=2,
        on_progress=lambda update, _: print(update, flush=True),
    )

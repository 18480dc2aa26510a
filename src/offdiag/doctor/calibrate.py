"""Time a few of our own steps on this machine, so that plans can say how long others take.

Decoders of three sizes, with random weights, are trained, read prompts and write answers by the code that runs do
these by. Each is timed several times and the least counts, since other work on the machine only ever adds to it.
"""

import os
import time
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from offdiag.cost import count
from offdiag.cost.rates import MeasuredRates, Points, Speed, cpu_label
from offdiag.doctor.machine import Finding
from offdiag.models.lm import LM
from offdiag.models.loading import DTYPES, device_of
from offdiag.models.usual_dtype import Dtype
from offdiag.runtime import Runtime, available_cores
from offdiag.training.characters import SPECIAL, character_tokenizer
from offdiag.training.decoders import new_model
from offdiag.training.pretraining import new_optimizer, train_step
from offdiag.training.process import process_untouched
from offdiag.training.scratch import Decoder, PretrainingRecipe
from offdiag.training.shards import Shards

TOKENS = (*SPECIAL, *(chr(ord("0") + i) for i in range(60)))
COLUMNS = 192  # the longest sequence that the models read

# What models have in our studies: the smallest from scratch, and those that are fine-tuned, as far as the device has
# room and time for them. Of each: the decoder, and sequences of a batch of a training.
SMALL = Decoder(architecture="gpt2", width=64, depth=3, heads=4)
ON_CPU = ((SMALL, 64), (Decoder(width=256, depth=6, heads=4), 16), (Decoder(width=576, depth=12, heads=9), 8))
ON_GPU = ((SMALL, 256), (Decoder(width=512, depth=8, heads=8), 128), (Decoder(width=1536, depth=24, heads=24), 32))
TRAINED_COLUMNS, PROMPT, ANSWER, ROWS = 32, 64, 16, 32
SECONDS = 1.5  # each thing is repeated for so long, three times at least

Timed = Callable[[], Any]


def calibrate(
    runtime: Runtime,
    sizes: tuple[tuple[Decoder, int], ...] | None = None,
    *,
    dtypes: tuple[Dtype, ...] | None = None,
) -> MeasuredRates:
    """Time decoders of a few sizes on the device of ``runtime``; takes a minute or so.

    Args:
        runtime: device and threads.
        sizes: decoders with the sequences of a batch. dtypes: number formats; by default those that suit the device.
    """
    device = device_of(runtime)
    on_cpu = device.type == "cpu"
    usual: tuple[Dtype, ...] = ("float32",) if on_cpu else ("float32", "bfloat16")
    with process_untouched():
        torch.set_num_threads(runtime.threads)
        chosen = sizes or (ON_CPU if on_cpu else ON_GPU)
        speeds: dict[str, Speed] = {dtype: _speed(chosen, dtype, device) for dtype in dtypes or usual}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return MeasuredRates(device=cpu_label(runtime) if on_cpu else name, day=date.today().isoformat(), speeds=speeds)


def finding(calibration: MeasuredRates) -> Finding:
    """Return what was measured, in words."""
    told = []
    for dtype, speed in calibration.speeds.items():
        (small, slow), (large, fast) = speed.trained[0], speed.trained[-1]
        passes = " and ".join(f"{1000 * seconds:.1f} ms" for _, seconds in (speed.passes[0], speed.passes[-1]))
        told.append(
            f"{dtype}: models of {count(small)} and {count(large)} weights train by {count(slow, 'FLOP')} and "
            f"{count(fast, 'FLOP')} a second and write a token in {passes}"
        )
    cores, load = available_cores(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    busy = f"; the machine was busy (load {load:.1f} on {cores} cores)" if load > 1.5 * cores else ""
    remedy = "type offdiag doctor --calibrate when it is quiet: these rates are too low" if busy else ""
    return Finding("speed", None if busy else True, f"{calibration.device}: {'; '.join(told)}{busy}", remedy)


def _speed(sizes: tuple[tuple[Decoder, int], ...], dtype: Dtype, device: torch.device) -> Speed:
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in Speed.__dataclass_fields__}
    for decoder, rows in sizes:
        model = new_model(decoder, len(TOKENS), COLUMNS, 0, tokens=TOKENS)
        model.to(device, DTYPES[dtype])  # type: ignore[arg-type]
        weights = float(sum(weight.numel() for weight in model.parameters()))
        values = {"trained": _trained(model, rows, weights), **_answered(model, weights)}
        for name, value in values.items():
            found[name].append((weights, value))
        del model
    points: dict[str, Points] = {name: tuple(values) for name, values in found.items()}
    return Speed(**points)


def _trained(model: PreTrainedModel, rows: int, weights: float) -> float:
    """Return operations a second of an update, six for each weight and token."""
    draw = np.random.default_rng(0)
    ids = draw.integers(len(SPECIAL), len(TOKENS), (rows, TRAINED_COLUMNS))
    targets = np.where(np.arange(TRAINED_COLUMNS) < TRAINED_COLUMNS * 3 // 4, -100, ids)
    recipe = PretrainingRecipe()
    optimizer = new_optimizer(model, recipe)
    model.train()
    with Shards(model) as shards:

        def update() -> float:
            return float(train_step(shards, optimizer, (ids, targets), recipe, 0).loss)  # which waits for the device

        return 6 * weights * ids.size / _least(update)


def _answered(model: PreTrainedModel, weights: float) -> dict[str, float]:
    """Return operations a second of prompts and of many rows that write, and the seconds of a pass of one row."""
    model.eval()  # type: ignore[no-untyped-call]
    draw = np.random.default_rng(1)
    letters = np.array(TOKENS[len(SPECIAL) :])
    prompts = ["".join(draw.choice(letters, PROMPT)) for _ in range(ROWS)]
    head: torch.Tensor = model.get_output_embeddings().weight.data  # type: ignore[no-untyped-call]
    head[: len(SPECIAL)] = 0  # no answer ends early: some letter is above 0
    lm = LM(model, character_tokenizer(TOKENS))

    def took(rows: int, new_tokens: int) -> float:
        return _least(lambda: list(lm.generate(prompts[:rows], max_new_tokens=new_tokens)))

    read, many, one, alone = took(ROWS, 1), took(ROWS, 1 + ANSWER), took(1, 1 + ANSWER), took(1, 1)
    of_one = max(one - alone, 1e-6) / ANSWER
    of_many = max((many - read) / ANSWER - of_one, 1e-9)
    return {
        "read": 2 * weights * ROWS * PROMPT / read,
        "written": 2 * weights * (ROWS - 1) / of_many,
        "passes": of_one,
    }


def _least(do: Timed) -> float:
    """Return the least that something takes, after a first time that does not count."""
    do()
    times: list[float] = []
    while len(times) < 3 or sum(times) < SECONDS:
        started = time.perf_counter()
        do()
        times.append(time.perf_counter() - started)
    return min(times)

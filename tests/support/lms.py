"""What the tests of this folder share: a tiny model on disk, LMs made of it, prompts."""

from collections.abc import Sequence
from pathlib import Path

import torch

from offdiag.models import ModelSpec
from offdiag.models.lm import LM, Completion
from offdiag.runtime import Runtime

HEAD = "Examples: " + "What is 76+76? \\boxed{174}. " * 20  # some 550 tokens: four whole blocks and a part
PROMPTS = [f"{HEAD}What is {7 * i}+{i}{'?' * (1 + i % 5)}" for i in range(9)]
SHORT = ["hi", "Name a fruit.", "x", "What is the capital of France? " * 3, "10 + 10 = "]


def tiny_lm(folder: Path, *, budget: int = 4096, shared_prefix: bool = True) -> LM:
    runtime = Runtime(device="cpu", token_budget=budget, threads=1)
    return LM.load(ModelSpec(source=f"dir:{folder}"), folder, runtime, shared_prefix=shared_prefix)


def answers(lm: LM, prompts: Sequence[str], n: int = 24, **options: object) -> list[Completion]:
    """All completions in the order of the prompts."""
    batches = lm.generate(prompts, max_new_tokens=n, **options)  # type: ignore[arg-type]
    return sorted((c for batch in batches for c in batch), key=lambda c: c.index)


def ids_of(lm: LM, prompts: Sequence[str], n: int = 24) -> list[tuple[int, ...]]:
    return [completion.ids for completion in answers(lm, prompts, n)]


def own_greedy(lm: LM, prompt: str, n: int) -> tuple[int, ...]:
    """What transformers' own generate answers to one prompt."""
    rendered = lm.tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    output = lm.model.generate(**rendered, max_new_tokens=n, do_sample=False)
    return tuple(output[0, rendered["input_ids"].shape[1] :].tolist())


def weights(lm: LM) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}

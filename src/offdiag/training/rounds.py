"""Choose the prompts of each round of a policy optimisation, and sample their completions.

A round is what a recipe calls an update: ``batch_size`` prompts, ``group_size`` completions of each, and then one or
several optimiser updates on them. Its prompts are a pure function of (seed, round), and so are its draws given the
weights: nothing hangs on the process's own random state or on the batches of a machine.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase, TrainerState

from offdiag.models.chat import chat_of
from offdiag.seeds import derive, stream
from offdiag.training.reinforcement import Reinforcement, RLTask

# Completions that are sampled side by side. They share one stream of random numbers, so this is no matter of the
# machine: another value gives other samples.
SAMPLED_TOGETHER = 64


class Clock(Protocol):
    """The part of a trainer that the sampling needs: how many updates have been done."""

    state: TrainerState


def prompt_order(rl_task: RLTask) -> list[int]:
    """Return the indices of the prompts of all rounds, one round after the other.

    Every round is full: where the prompts of a pass run out, it goes on with the next pass, a fresh permutation.
    """
    passes = _passes(len(rl_task.prompts), rl_task.seed)
    return list(islice(passes, rl_task.rounds * rl_task.recipe.batch_size))


def _passes(n_prompts: int, seed: int) -> Iterator[int]:
    epoch = 0
    while True:
        yield from (int(i) for i in stream(seed, "order", epoch).permutation(n_prompts))
        epoch += 1


def sampling(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, how: Reinforcement) -> GenerationConfig:
    """Return the settings of the sampling, without those that the model's authors recommend.

    A completion ends with any of the end tokens of the tokenizer, its chat template and the model.
    """
    declared = model.generation_config.eos_token_id
    ends = {*(declared if isinstance(declared, list) else [declared]), tokenizer.eos_token_id} - {None}
    ends |= chat_of(tokenizer).end_ids
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True,
        temperature=how.temperature,
        top_p=how.top_p,
        top_k=0,
        max_new_tokens=how.max_new_tokens,
        eos_token_id=sorted(ends),
        pad_token_id=tokenizer.pad_token_id,
    )


class Sampler:
    """Draws the completions of a round; the trainer calls it with every prompt repeated for its group.

    Args:
        model: with its adapter in place; the settings of :func:`sampling` become its own.
        tokenizer: of the model.
        rl_task: for the seed, of which the streams ``("sampling", round, part)`` are used, and the size of a group.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rl_task: RLTask) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.how = rl_task.how
        self.settings = model.generation_config = sampling(model, tokenizer, rl_task.how)
        self.seed = rl_task.seed

    def __call__(self, prompts: Sequence[str], trainer: Clock) -> dict[str, Any]:
        """Return token ids of the prompts and of their completions, each up to and with its end token."""
        chat = chat_of(self.tokenizer)
        opened = {prompt: list(chat.asked(prompt)) for prompt in set(prompts)}
        together = max(SAMPLED_TOGETHER // self.how.group_size, 1) * self.how.group_size
        current = trainer.state.global_step // self.how.passes
        completions: list[list[int]] = []
        self.model.eval()  # type: ignore[no-untyped-call]
        for part, start in enumerate(range(0, len(prompts), together)):
            torch.manual_seed(derive(self.seed, "sampling", current, part))
            completions += self._complete([opened[p] for p in prompts[start : start + together]])
        self.model.train()
        return {
            "prompt_ids": [opened[prompt] for prompt in prompts],
            "completion_ids": completions,
            "logprobs": None,  # the model that samples is the one that is trained
        }

    @torch.no_grad()
    def _complete(self, prompts: list[list[int]]) -> list[list[int]]:
        longest = max(map(len, prompts))
        fill = self.settings.pad_token_id
        ids = torch.tensor([[fill] * (longest - len(p)) + p for p in prompts], device=self.model.device)
        mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=self.model.device)
        written = self.model.generate(input_ids=ids, attention_mask=mask)  # type: ignore[operator]
        return [self._ended(row) for row in written[:, longest:].tolist()]

    def _ended(self, ids: list[int]) -> list[int]:
        ends = self.settings.eos_token_id
        return ids[: next((i for i, token in enumerate(ids, start=1) if token in ends), len(ids))]

"""What a model says of each text by itself: ``model(ids)``, one text at a time, as simply as it can be written."""

from collections.abc import Sequence
from inspect import signature
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from offdiag.models.chat import chat_of, plain_ids
from offdiag.models.inference.scoring import question
from offdiag.models.lm import LM

HEAD = "What is 76+76? Say it in base eight, please. "  # more than 32 tokens, and more than the windows of tiny models
PROMPTS = [f"{HEAD}{'x' * i}7+{i}" for i in (1, 9, 30, 2)] + ["hi", "Name a fruit, and then another one."]
CHOICES = ["yes", "n", "perhaps so"]
TOKENS = 5
# Differences that rounding explains, in nats of a choice and as a share of the length of a state.
NATS, SHARE = 2e-3, 2e-3


def says(model: PreTrainedModel, ids: Sequence[int], **options: bool) -> Any:
    """What the model says of a text; without the cache that some models fill even where nobody asks for one."""
    if "use_cache" in str(signature(type(model).forward)) or "**" in str(signature(type(model).forward)):
        options["use_cache"] = False
    return model(torch.tensor([list(ids)]), **options)


@torch.inference_mode()
def greedy(model: PreTrainedModel, ids: Sequence[int], end: int | None) -> tuple[int, ...]:
    text = list(ids)
    while len(text) < len(ids) + TOKENS and (len(text) == len(ids) or text[-1] != end):
        text.append(int(says(model, text).logits[0, -1].argmax()))
    return tuple(text[len(ids) :])


@torch.inference_mode()
def logprob(model: PreTrainedModel, stem: Sequence[int], ending: Sequence[int]) -> float:
    """Sum of the log-probabilities of the ending's tokens, each after the text before it."""
    logits = says(model, [*stem, *ending]).logits[0].float()
    rows = torch.log_softmax(logits, -1)[len(stem) - 1 : -1]
    return float(sum(rows[i, token] for i, token in enumerate(ending)))


@torch.inference_mode()
def states(model: PreTrainedModel, ids: Sequence[int]) -> Tensor:
    """Hidden states [layers, T, d]; the mean over the residual streams, where there are several."""
    found = says(model, ids, output_hidden_states=True).hidden_states
    width = found[-1].shape[-1]
    return torch.stack([_one_stream(state, len(ids), width) for state in found]).float()


def _one_stream(state: Tensor, length: int, width: int) -> Tensor:
    """The mean over residual streams, which are a dimension of their own or lie side by side, as [length, width]."""
    if state.dim() == 4:
        return (state.mean(2) if state.shape[:2] == (1, length) else state.mean(0))[0]
    return torch.stack(state[0].split(width, dim=-1)).mean(0)


def differences(lm: LM, alone: PreTrainedModel) -> list[str]:
    """What the answers of ``lm`` have that the same model ``alone`` does not say, one line each; nothing if equal."""
    return [*_of_next_tokens(lm, alone), *_of_choices(lm, alone), *_of_states(lm, alone)]


def _of_next_tokens(lm: LM, alone: PreTrainedModel) -> list[str]:
    found = sorted((c for batch in lm.generate(PROMPTS, max_new_tokens=TOKENS) for c in batch), key=lambda c: c.index)
    end = lm.tokenizer.eos_token_id
    ends = end if isinstance(end, int) else None
    wanted = [greedy(alone, chat_of(lm.tokenizer).asked(prompt), ends) for prompt in PROMPTS]
    wrong = sum(c.ids != ids for c, ids in zip(found, wanted, strict=True))
    return [f"{wrong} of {len(PROMPTS)} answers"] if wrong else []


def _of_choices(lm: LM, alone: PreTrainedModel) -> list[str]:
    found = [score.logprob for row in lm.score(PROMPTS, [CHOICES] * len(PROMPTS)) for score in row]
    asked = [question(chat_of(lm.tokenizer), prompt, CHOICES) for prompt in PROMPTS]
    wanted = [logprob(alone, q.stem, ending) for q in asked for ending in q.endings]
    gap = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
    return [] if gap <= NATS else [f"choices by {gap:.2g} nats"]


def _of_states(lm: LM, alone: PreTrainedModel) -> list[str]:
    if not lm.verdict.width:
        return []
    layers = range(lm.depth + 1)
    texts = torch.from_numpy(lm.hidden_states(PROMPTS, layers, ["last", "mean"], chat=False))  # [n, 2, layers, d]
    choices = lm.choice_states(PROMPTS, [CHOICES] * len(PROMPTS), layers)
    far = 0.0
    for i, prompt in enumerate(PROMPTS):
        whole = states(alone, plain_ids(lm.tokenizer, prompt))
        asked = question(chat_of(lm.tokenizer), prompt, CHOICES)
        ends = [states(alone, asked.stem + ending)[:, -1] for ending in asked.endings]
        wanted = [whole[:, -1], whole.mean(1), *ends]
        for ours, theirs in zip([*texts[i], *torch.from_numpy(choices[i])], wanted, strict=True):
            far = max(far, float(((ours - theirs).norm(dim=1) / theirs.norm(dim=1).clamp(min=1e-6)).max()))
    return [] if far <= SHARE else [f"hidden states by {far:.2g} of their length"]

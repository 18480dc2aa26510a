"""The GRPO trainer of trl, set to the published objective, with our sampling, and sending nothing anywhere."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from offdiag.training.reinforcement import Judge, Practice
from offdiag.training.rounds import Sampler
from offdiag.training.settings import on_one_device


@dataclass(frozen=True)
class Reward:
    """One part of the reward of completions, as trl calls it; 1 where the verdict has ``part``, else 0."""

    judge: Judge
    part: str

    @property
    def __name__(self) -> str:  # what trl calls the part in its logs
        return self.part

    def __call__(self, *, completions: Sequence[str], index: Sequence[int], **others: Any) -> list[float | None]:
        verdicts = (self.judge(i, completion) for i, completion in zip(index, completions, strict=True))
        return [float(verdict._asdict()[self.part]) for verdict in verdicts]


class GroupTrainer(GRPOTrainer):
    """Group-relative policy optimisation of an adapter.

    Args:
        learner: the model with its adapter; without it, it is the reference.
        tokenizer: of the model.
        settings: see :func:`group_settings`.
        practice: prompts and grader.
        order: indices of the prompts of all rounds.
        sampler: draws completions.
    """

    def __init__(
        self,
        learner: PeftModel,
        tokenizer: PreTrainedTokenizerBase,
        settings: GRPOConfig,
        *,
        practice: Practice,
        order: Sequence[int],
        sampler: Sampler,
    ) -> None:
        data = Dataset.from_dict({"prompt": [practice.prompts[i] for i in order], "index": list(order)})
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*'rollout_func', which is an experimental feature", UserWarning)
            super().__init__(
                model=learner,
                reward_funcs=[Reward(practice.judge, "correct"), Reward(practice.judge, "parsed")],
                args=settings,
                train_dataset=data,
                processing_class=tokenizer,
                rollout_func=sampler,
            )
        if "ref" in learner.peft_config:
            learner.delete_adapter("ref")  # a copy of an adapter that is still zero: trl takes the bare model then
        self.remove_callback(PrinterCallback)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: a form to be filled in."""

    def _send_telemetry(self) -> None:
        """Nothing: what is trained here is nobody else's business."""


def group_settings(shared: dict[str, Any], practice: Practice, *, at_once: int) -> GRPOConfig:
    """The trainer's arguments, set to equation 3 of DeepSeekMath (arXiv 2402.03300); trl's own defaults are others.

    Args:
        shared: what all training has, see :func:`offdiag.training.settings.trainer_settings`, in rounds.
        practice: the objective and the sampling.
        at_once: completions in one forward and backward pass, a divisor of those of a round.
    """
    how = practice.how
    in_updates = {
        name: how.passes * shared[name] for name in ("max_steps", "warmup_steps", "logging_steps", "save_steps")
    }
    settings = GRPOConfig(
        **{**shared, **in_updates, "per_device_train_batch_size": at_once},
        gradient_accumulation_steps=practice.completions // at_once,
        num_generations=how.group_size,
        num_iterations=how.passes,
        max_completion_length=how.max_new_tokens,
        temperature=how.temperature,
        top_p=how.top_p,
        epsilon=how.clip,
        beta=how.kl,
        reward_weights=[1.0, how.format_reward],
        loss_type="grpo",
        scale_rewards="group",
        use_bias_correction_kl=False,
        disable_dropout=True,
        shuffle_dataset=False,
    )
    on_one_device(settings)
    return settings


def rows_at_once(completions: int, longest: int, token_budget: int) -> int:
    """The most completions of a round that make passes of equal size within the budget; at least one.

    >>> rows_at_once(24, longest=100, token_budget=1000)
    8
    """
    fitting = (n for n in range(completions, 1, -1) if completions % n == 0 and n * longest <= token_budget)
    return next(fitting, 1)

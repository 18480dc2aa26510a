"""The GRPO trainer of trl, set to the published objective, with our sampling; it sends nothing anywhere."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedTokenizerBase, PrinterCallback
from trl.trainer.grpo_config import GRPOConfig
from trl.trainer.grpo_trainer import GRPOTrainer

from offdiag.training.plain_state import PlainState
from offdiag.training.reinforcement import Judge, RLTask
from offdiag.training.rounds import Sampler
from offdiag.training.settings import on_one_device


@dataclass(frozen=True)
class Reward:
    """One part of the reward of a completion, called by trl: 1 where the verdict has ``part``, else 0."""

    judge: Judge
    part: str

    @property
    def __name__(self) -> str:  # what trl calls the part in its logs
        return self.part

    def __call__(self, *, completions: Sequence[str], index: Sequence[int], **others: Any) -> list[float | None]:
        verdicts = (self.judge(i, completion) for i, completion in zip(index, completions, strict=True))
        return [float(verdict._asdict()[self.part]) for verdict in verdicts]


class GroupTrainer(PlainState, GRPOTrainer):
    """trl's trainer for group-relative policy optimisation of an adapter.

    Args:
        trainable: the model with its adapter; without it, it is the reference.
        tokenizer: of the model.
        settings: see :func:`group_settings`.
        rl_task: prompts and grader.
        order: indices of the prompts of all rounds.
        sampler: draws completions.
    """

    def __init__(
        self,
        trainable: PeftModel,
        tokenizer: PreTrainedTokenizerBase,
        settings: GRPOConfig,
        *,
        rl_task: RLTask,
        order: Sequence[int],
        sampler: Sampler,
    ) -> None:
        data = Dataset.from_dict({"prompt": [rl_task.prompts[i] for i in order], "index": list(order)})
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*'rollout_func', which is an experimental feature", UserWarning)
            super().__init__(
                model=trainable,
                reward_funcs=[Reward(rl_task.judge, "correct"), Reward(rl_task.judge, "parsed")],
                args=settings,
                train_dataset=data,
                processing_class=tokenizer,
                rollout_func=sampler,
            )
        if "ref" in trainable.peft_config:
            trainable.delete_adapter("ref")  # a copy of an adapter that is still zero: trl takes the bare model then
        self.remove_callback(PrinterCallback)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write no model card: trl's would be a form to fill in."""

    def _send_telemetry(self) -> None:
        """Send no telemetry: trainings here are private."""


def group_settings(shared: dict[str, Any], rl_task: RLTask, *, at_once: int) -> GRPOConfig:
    """Return the trainer's arguments, set to equation 3 of DeepSeekMath (arXiv 2402.03300), unlike trl's defaults.

    Args:
        shared: what all training has, see :func:`offdiag.training.settings.trainer_settings`, in rounds.
        rl_task: the objective and the sampling.
        at_once: completions in one forward and backward pass, a divisor of those of a round.
    """
    how = rl_task.how
    in_updates = {
        name: how.passes * shared[name] for name in ("max_steps", "warmup_steps", "logging_steps", "save_steps")
    }
    settings = GRPOConfig(
        **{**shared, **in_updates, "per_device_train_batch_size": at_once},
        gradient_accumulation_steps=rl_task.completions // at_once,
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
    """Return the most completions that make equal passes of a round within the budget; at least one.

    >>> rows_at_once(24, longest=100, token_budget=1000)
    8
    """
    fitting = (n for n in range(completions, 1, -1) if completions % n == 0 and n * longest <= token_budget)
    return next(fitting, 1)

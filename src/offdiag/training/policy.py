"""Train an adapter by group-relative policy optimisation: prompts, a grader and a recipe in, an adapter out.

    folder/weights         the adapter (PEFT); appears only when complete
    folder/history.jsonl   one row per round: update, reward (mean of all completions), correct and parsed (shares),
                           even_groups (share of groups whose completions all got the same reward, which teach
                           nothing), loss, kl (nats a token), entropy (nats a token), clipped (share of tokens whose
                           ratio was), completion_tokens (mean), cut (share that did not end by themselves),
                           learning_rate, gradient_norm, tokens (prompts and completions so far), seconds
    folder/summary.json    what optimise_policy returns
    folder/checkpoints     while it runs

A training that was killed continues at its last complete checkpoint when it is called again, and ends with the weights
of an uninterrupted one.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerControl, TrainerState, TrainingArguments

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.chat import chat_of
from offdiag.models.config_file import context_length
from offdiag.models.limits import TRAINING_SHARE
from offdiag.models.loading import load_tokenizer
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training.checkpoints import finish, is_finished, write_summary
from offdiag.training.history import History, Progress, Row
from offdiag.training.process import process_untouched, train_to_end
from offdiag.training.recipe import check_numbers, check_optimizer
from offdiag.training.reinforcement import RLTask, check_recipe, check_trl
from offdiag.training.rounds import Sampler, prompt_order
from offdiag.training.settings import trainer_settings
from offdiag.training.trainable import (
    load_trainable,
    save_trainable,
    trainable_parameters,
)

if TYPE_CHECKING:
    from offdiag.training.group_trainer import GroupTrainer

# Our name of a measure, and trl's.
_NAMES = {
    "reward": "reward",
    "correct": "rewards/correct/mean",
    "parsed": "rewards/parsed/mean",
    "even_groups": "frac_reward_zero_std",
    "loss": "loss",
    "kl": "kl",
    "entropy": "entropy",
    "clipped": "clip_ratio/region_mean",
    "completion_tokens": "completions/mean_length",
    "cut": "completions/clipped_ratio",
    "learning_rate": "learning_rate",
    "gradient_norm": "grad_norm",
    "tokens": "num_tokens",
    "seconds": "step_time",
}


class PolicyHistory(History):
    """Rewrites what trl logs of a round as one row; the Trainer's summary of the run is dropped.

    Args:
        path, on_progress: see :class:`History`. passes: updates of a round, whose completions no checkpoint holds.
    """

    def __init__(self, path: Path, on_progress: Progress | None, passes: int) -> None:
        super().__init__(path, on_progress)
        self.passes = passes

    def may_stop(self, update: int) -> bool:
        """Return whether a round ends with this update."""
        return update % self.passes == 0

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Append the round's row."""
        logged = state.log_history.pop()
        if "loss" in logged:
            state.log_history.append({"step": logged["step"], **_row(logged)})
            super().on_log(args, state, control, **kwargs)


def _row(logged: Row) -> Row:
    return {name: logged.get(theirs) for name, theirs in _NAMES.items()}


def policy_totals(history: list[Row], rl_task: RLTask) -> dict[str, Json]:
    """Return the counts of a finished training, and the rewards of its first and last quarter of rounds.

    Returns:
        ``updates, rounds, completions, generated_tokens, total_tokens`` (prompts too); ``first_`` and ``last_``
        ``reward, correct, parsed`` (means over all completions of a quarter of the rounds, at least one);
        ``last_kl`` in nats a token, None without a reference; ``seconds`` of the optimiser updates and the sampling.
    """
    completions, passes = rl_task.completions, rl_task.how.passes
    quarter = -(-len(history) // 4)
    first, last = history[:quarter], history[-quarter:]
    return {
        "updates": history[-1]["update"],
        "rounds": len(history),
        "completions": completions * len(history),
        "generated_tokens": round(sum(row["completion_tokens"] for row in history) * completions),
        "total_tokens": round(history[-1]["tokens"]),
        "first_reward": _mean(first, "reward"),
        "last_reward": _mean(last, "reward"),
        "first_correct": _mean(first, "correct"),
        "last_correct": _mean(last, "correct"),
        "first_parsed": _mean(first, "parsed"),
        "last_parsed": _mean(last, "parsed"),
        "last_kl": None if history[-1]["kl"] is None else _mean(last, "kl"),
        "seconds": round(sum(row["seconds"] for row in history) * passes, 3),
    }


def _mean(rows: list[Row], name: str) -> float:
    return float(sum(row[name] for row in rows) / len(rows))


def optimise_policy(
    spec: ModelSpec,
    location: str | Path,
    rl_task: RLTask,
    *,
    folder: Path,
    runtime: Runtime,
    on_progress: Progress | None = None,
    checkpoint_every: int | None = None,
) -> dict[str, Json]:
    """Train an adapter on the rewards of its own completions and write it to ``folder/"weights"``.

    Args:
        spec: the model.
        location: its place, as for :func:`offdiag.models.loading.load_model`.
        rl_task: prompts, grader, recipe, objective and seed.
        folder: a folder for this training alone; the same folder resumes.
        runtime: device and token budget; neither changes more than rounding.
        on_progress: called after each round with the optimiser updates done and all of them.
        checkpoint_every: rounds between checkpoints; a quarter of the training, 100 at most, if not given.

    Returns:
        ``examples, epochs, trainable_parameters``, and what
        :func:`offdiag.training.policy.policy_totals` counts.

    Raises:
        UserError: trl is missing, the recipe is impossible here, or a prompt leaves no room in the model's context.
    """
    if is_finished(folder):
        return finish(folder)
    recipe = rl_task.recipe
    check_trl()
    check_recipe(recipe)
    check_numbers(spec, recipe)
    check_optimizer(recipe)
    tokenizer = load_tokenizer(spec, location)
    folder.mkdir(parents=True, exist_ok=True)
    with process_untouched():
        trainable = load_trainable(spec, location, recipe, seed=rl_task.seed, runtime=runtime)
        assert isinstance(trainable, PeftModel)  # every recipe without an adapter has been refused
        trainer = _trainer(trainable, tokenizer, spec, rl_task, folder, runtime, checkpoint_every)
        trainer.add_callback(PolicyHistory(folder / "history.jsonl", on_progress, rl_task.how.passes))
        history = train_to_end(trainer, folder)
    save_trainable(trainable, tokenizer, spec, folder / "weights")
    write_summary(
        folder,
        {
            "examples": len(rl_task.prompts),
            "epochs": rl_task.rounds * recipe.batch_size / len(rl_task.prompts),
            "trainable_parameters": trainable_parameters(trainable),
            **policy_totals(history, rl_task),
        },
    )
    return finish(folder)


def longest_text(tokenizer: PreTrainedTokenizerBase, rl_task: RLTask, context: int | None) -> int:
    """Return the number of tokens of the longest prompt with the longest completion.

    Raises:
        UserError: that is more than the model reads in one piece.
    """
    chat = chat_of(tokenizer)
    lengths = [len(chat.asked(prompt)) for prompt in rl_task.prompts]
    longest = max(lengths) + rl_task.how.max_new_tokens
    if context is not None and longest > context:
        raise UserError(
            f"policy optimisation: prompt {lengths.index(max(lengths))} has {max(lengths)} tokens, which with "
            f"max_new_tokens={rl_task.how.max_new_tokens} is more than the {context} that the model reads; "
            f"give a max_new_tokens of {max(context - max(lengths), 0)} or less, or choose shorter prompts"
        )
    return longest


def _trainer(
    trainable: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    spec: ModelSpec,
    rl_task: RLTask,
    folder: Path,
    runtime: Runtime,
    checkpoint_every: int | None,
) -> "GroupTrainer":
    from offdiag.training.group_trainer import GroupTrainer, group_settings, rows_at_once

    longest = longest_text(tokenizer, rl_task, context_length(trainable.config.to_dict()))
    shared = trainer_settings(
        trainable,
        spec,
        rl_task.recipe,
        updates=rl_task.rounds,
        seed=rl_task.seed,
        folder=folder,
        runtime=runtime,
        checkpoint_every=checkpoint_every,
    )
    at_once = rows_at_once(rl_task.completions, longest, spec.batch_budget(runtime) // TRAINING_SHARE)
    bare = cast(PreTrainedModel, trainable.get_base_model())
    return GroupTrainer(
        trainable,
        tokenizer,
        group_settings(shared, rl_task, at_once=at_once),
        rl_task=rl_task,
        order=prompt_order(rl_task),
        sampler=Sampler(bare, tokenizer, rl_task),
    )

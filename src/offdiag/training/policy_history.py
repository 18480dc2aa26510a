"""The history of a policy optimisation: one row per round, in our names of what trl measures."""

from typing import Any

from transformers import TrainerControl, TrainerState, TrainingArguments

from offdiag.identity import Json
from offdiag.training.history import History, Row
from offdiag.training.reinforcement import RLTask

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
    """Rewrites what trl logs of a round as one row; the Trainer's summary of the run is dropped."""

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

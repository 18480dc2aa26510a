"""Objective, sampling and grader of policy optimisation; nothing here loads torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar, NamedTuple, TypeAlias

from pydantic import Field

from offdiag.errors import UserError
from offdiag.identity import Identity
from offdiag.training.recipe import Recipe


class Verdict(NamedTuple):
    """The grader's verdict on one completion."""

    parsed: bool
    correct: bool


# From the index of a prompt and a completion of it to the verdict; the same for the same arguments.
Judge: TypeAlias = Callable[[int, str], Verdict]

# LoRA as for supervised training; the rate is that of the original study's (PPO) script, the rest is our choice.
POLICY_RECIPE = Recipe(learning_rate=2e-5, batch_size=8, warmup_updates=0, schedule="constant")


class Reinforcement(Identity):
    """Group-relative policy optimisation: Shao et al. (2024), DeepSeekMath, arXiv 2402.03300, section 4.1.

    A prompt gets ``group_size`` completions. The advantage of one is its reward minus the group's mean, over the
    group's standard deviation plus 1e-4; each of its tokens enters a clipped ratio of probabilities, and the KL
    divergence to the reference (the model without its adapter, estimated a token at a time by ``r - ln r - 1``) is
    taken off with weight ``kl`` (equations 3 and 4). Probabilities are those at ``temperature``, before ``top_p``.

    **No value here was published for this experiment**: all are free choices. Those marked S are in the original
    study's script, a PPO that was never run; those marked D are DeepSeekMath's, for a 7B model and 144 thousand
    questions.

    Attributes:
        group_size: completions per prompt (D: 64).
        temperature: of the sampled softmax (S: 0.9). At 1 the samples are of the model that is trained.
        top_p: share of the probability that is sampled from (S: 0.9).
        max_new_tokens: longest completion, in tokens (S: 128; D: 1024). A longer one is cut and graded as it stands.
        clip: how far a ratio may leave 1 and still carry a gradient; without effect while ``passes`` is 1, where
            each ratio is 1.
        kl: weight of the divergence (D: 0.04; S: 0.2, adaptive); 0 leaves the reference out.
        passes: optimiser updates on the completions of a round (D: 1; S: 1 epoch).
        format_reward: what a completion with an answer that the grader can read gets, right or wrong, beside the 1
            for a right one (S and D: nothing; S gives -1 for a wrong answer instead of 0, which shifts and scales a
            group's rewards alike and so leaves its advantages as they are).
    """

    tag: ClassVar[str] = "reinforcement"
    group_size: int = Field(default=8, ge=2)
    temperature: float = Field(default=1.0, gt=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_new_tokens: int = Field(default=128, ge=1)
    clip: float = Field(default=0.2, gt=0, lt=1)
    kl: float = Field(default=0.04, ge=0)
    passes: int = Field(default=1, ge=1)
    format_reward: float = Field(default=0.1, ge=0)


@dataclass(frozen=True, kw_only=True)
class RLTask:
    """A task for reinforcement learning: prompts, their grader, the recipe and the objective.

    Attributes:
        prompts: the user's turns.
        judge: the grader, by the index of a prompt.
        recipe: adapter, optimiser and schedule. ``batch_size`` counts the prompts of a round, and what the recipe
            calls an update is a round here.
        how: the objective and the sampling.
        seed: root seed of the order of the prompts, the adapter's first weights and the sampled completions.
    """

    prompts: Sequence[str]
    judge: Judge
    recipe: Recipe
    how: Reinforcement
    seed: int

    @property
    def rounds(self) -> int:
        """Number of rounds: how often completions are sampled."""
        return self.recipe.updates(len(self.prompts))

    @property
    def completions(self) -> int:
        """Number of completions of one round."""
        return self.recipe.batch_size * self.how.group_size


def check_recipe(recipe: Recipe) -> None:
    """Refuse recipes that rule out a reference model or ratios of probabilities.

    Raises:
        UserError: a recipe without an adapter, with dropout, with snapshots, or with another objective.
    """
    if recipe.objective != "response":
        raise UserError(f"policy optimisation has an objective of its own: found objective={recipe.objective!r}")
    if recipe.snapshots:
        raise UserError(f"policy optimisation keeps no snapshots: found snapshots={recipe.snapshots}, expected none")
    if recipe.adapter == "full":
        raise UserError(
            "policy optimisation trains an adapter, and the model without it is the reference: found adapter='full', "
            "expected 'lora' or 'qlora'"
        )
    if recipe.dropout:
        raise UserError(
            f"policy optimisation compares probabilities of one model at two times: found dropout={recipe.dropout}, "
            "expected dropout=0"
        )


def check_trl() -> None:
    """Refuse to go on without trl, which holds the objective.

    Raises:
        UserError: trl is not installed.
    """
    if find_spec("trl") is None:
        raise UserError('policy optimisation needs trl, which is not installed; type: pip install "offdiag[rl]"')

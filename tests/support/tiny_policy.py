"""A tiny policy optimisation that other tests vary: answers should begin with a letter, and with an even one."""

from offdiag.models import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training import Recipe, Reinforcement
from offdiag.training.policy import optimise_policy
from offdiag.training.reinforcement import RLTask, Verdict

PROMPTS = [f"{a}+{b}" + " please" * (a % 2) for a in range(4) for b in range(3)]
RECIPE = Recipe(
    rank=4, learning_rate=2e-2, schedule="constant", warmup_updates=0, batch_size=4, epochs=99, max_updates=4
)
HOW = Reinforcement(group_size=4, max_new_tokens=4, kl=0.01)


def judge(index: int, completion: str) -> Verdict:
    """Parsed if it begins with a letter, right if the letter's code is even."""
    first = completion[:1]
    return Verdict(parsed=first.isalpha(), correct=first.isalpha() and ord(first) % 2 == 0)


def rl_task(*, seed=0, prompts=PROMPTS, judge=judge, recipe=RECIPE, how=HOW, **changes):
    """The tiny rl_task; ``changes`` are those of a field of the recipe or of the objective."""
    recipe = recipe.model_copy(update={name: changes[name] for name in changes if name in Recipe.model_fields})
    how = how.model_copy(update={name: changes[name] for name in changes if name in Reinforcement.model_fields})
    return RLTask(prompts=prompts, judge=judge, recipe=recipe, how=how, seed=seed)


def optimise(base, folder, *, token_budget=16_384, checkpoint_every=None, on_progress=None, **changes):
    return optimise_policy(
        ModelSpec(source=f"dir:{base}"),
        base,
        rl_task(**changes),
        folder=folder,
        runtime=Runtime(device="cpu", token_budget=token_budget, threads=1),
        checkpoint_every=checkpoint_every,
        on_progress=on_progress,
    )

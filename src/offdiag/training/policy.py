"""Group-relative policy optimisation: prompts, a grader and a recipe in, an adapter out.

    folder/weights         the adapter (PEFT); appears only when complete
    folder/history.jsonl   one row a round: update, reward (mean of all completions), correct and parsed (shares),
                           even_groups (share of groups whose completions all got the same reward, which teach
                           nothing), loss, kl (nats a token), entropy (nats a token), clipped (share of tokens whose
                           ratio was), completion_tokens (mean), cut (share that did not end by themselves),
                           learning_rate, gradient_norm, tokens (prompts and completions so far), seconds
    folder/summary.json    what optimise_policy returns
    folder/checkpoints     while it runs

A training that was killed continues at its last complete checkpoint when it is called again, and ends with the weights
of an uninterrupted one.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.chat import tokenise
from offdiag.models.limits import TRAINING_SHARE
from offdiag.models.loading import device_of, load_tokenizer
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training.checkpoints import last_complete
from offdiag.training.history import Progress, rows
from offdiag.training.policy_history import PolicyHistory, policy_totals
from offdiag.training.reinforcement import Practice, check_recipe
from offdiag.training.rounds import Sampler, prompt_order
from offdiag.training.scope import process_untouched
from offdiag.training.settings import check_optimizer, needs_recompute, trainer_settings
from offdiag.training.summary import finish, is_finished, write_summary
from offdiag.training.trainable import (
    check_numbers,
    context_length,
    load_trainable,
    save_trainable,
    trainable_parameters,
)

if TYPE_CHECKING:
    from offdiag.training.group_trainer import GroupTrainer


def optimise_policy(
    spec: ModelSpec,
    location: str | Path,
    practice: Practice,
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
        practice: prompts, grader, recipe, objective and seed.
        folder: a folder for this training alone; the same folder resumes.
        runtime: device and token budget; neither changes more than rounding.
        on_progress: called after each round with the optimiser updates done and all of them.
        checkpoint_every: rounds between checkpoints; a quarter of the training, 100 at most, if not given.

    Returns:
        ``examples, epochs, trainable_parameters``, and what
        :func:`offdiag.training.policy_history.policy_totals` counts.

    Raises:
        UserError: trl is missing, the recipe is impossible here, or a prompt leaves no room in the model's context.
    """
    if is_finished(folder):
        return finish(folder)
    recipe = practice.recipe
    check_trl()
    check_recipe(recipe)
    check_numbers(spec, recipe)
    check_optimizer(recipe)
    tokenizer = load_tokenizer(spec, location)
    folder.mkdir(parents=True, exist_ok=True)
    with process_untouched():
        learner = load_trainable(spec, location, recipe, seed=practice.seed, runtime=runtime)
        assert isinstance(learner, PeftModel)  # every recipe without an adapter has been refused
        trainer = _trainer(learner, tokenizer, spec, practice, folder / "checkpoints", runtime, checkpoint_every)
        trainer.add_callback(PolicyHistory(folder / "history.jsonl", on_progress))
        checkpoint = last_complete(folder / "checkpoints")
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    save_trainable(learner, tokenizer, spec, folder / "weights")
    write_summary(
        folder,
        {
            "examples": len(practice.prompts),
            "epochs": practice.rounds * recipe.batch_size / len(practice.prompts),
            "trainable_parameters": trainable_parameters(learner),
            **policy_totals(rows(trainer.state), practice),
        },
    )
    return finish(folder)


def check_trl() -> None:
    """Refuses to go on without the library that holds the objective.

    Raises:
        UserError: trl is not installed.
    """
    if find_spec("trl") is None:
        raise UserError('policy optimisation needs trl, which is not installed; type: pip install "offdiag[rl]"')


def longest_text(tokenizer: PreTrainedTokenizerBase, practice: Practice, context: int | None) -> int:
    """Tokens of the longest prompt with the longest completion.

    Raises:
        UserError: that is more than the model reads in one piece.
    """
    lengths = [len(tokenise(tokenizer, prompt).ids) for prompt in practice.prompts]
    longest = max(lengths) + practice.how.max_new_tokens
    if context is not None and longest > context:
        raise UserError(
            f"policy optimisation: prompt {lengths.index(max(lengths))} has {max(lengths)} tokens, which with "
            f"max_new_tokens={practice.how.max_new_tokens} is more than the {context} that the model reads; "
            f"give a max_new_tokens of {max(context - max(lengths), 0)} or less, or choose shorter prompts"
        )
    return longest


def _trainer(
    learner: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    spec: ModelSpec,
    practice: Practice,
    checkpoints: Path,
    runtime: Runtime,
    every: int | None,
) -> "GroupTrainer":
    from offdiag.training.group_trainer import GroupTrainer, group_settings, rows_at_once

    longest = longest_text(tokenizer, practice, context_length(learner))
    device = device_of(runtime)
    shared = trainer_settings(
        spec,
        practice.recipe,
        updates=practice.rounds,
        seed=practice.seed,
        checkpoints=checkpoints,
        checkpoint_every=every or min(-(-practice.rounds // 4), 100),
        device=device,
        recompute=needs_recompute(learner, spec, practice.recipe, device),
    )
    at_once = rows_at_once(practice.completions, longest, runtime.token_budget // TRAINING_SHARE)
    bare = cast(PreTrainedModel, learner.get_base_model())
    return GroupTrainer(
        learner,
        tokenizer,
        group_settings(shared, practice, at_once=at_once),
        practice=practice,
        order=prompt_order(practice),
        sampler=Sampler(bare, tokenizer, practice),
    )

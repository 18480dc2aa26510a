"""Fine-tune a model: conversations and a recipe in, weights out.

    folder/weights         the adapter (PEFT) or the complete model with its tokenizer; appears only when complete
    folder/history.jsonl   one row per update: update, response_loss (trained; per token, or per item where its
                           choices are compared), text_loss (prompt included; null where
                           not taken), learning_rate, gradient_norm, supervised_tokens, tokens, seconds; with a proxy
                           also task_loss and proxy_loss, whose mean over tokens response_loss is (null where an update
                           has none of the group), and proxy_kl under a KL penalty
    folder/snapshots       update-000012 and so on, as weights, for the recipe's snapshots
    folder/summary.json    what fine_tune returns
    folder/checkpoints     while it runs

A training that was killed continues at its last complete checkpoint when it is called again, and ends with the weights
of an uninterrupted one.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from transformers import TrainingArguments

from offdiag.identity import Json
from offdiag.models.chat import RESPONSE_PREFIX, Tokenised
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.config_file import context_length
from offdiag.models.limits import TRAINING_SHARE
from offdiag.models.loading import load_tokenizer
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime
from offdiag.training.batches import NO_PROXY, TokenisedProxy, Updates, check_context, tokenise_all
from offdiag.training.checkpoints import finish, is_finished, write_summary
from offdiag.training.choosing import ChoiceTrainer, items_of, longest_of
from offdiag.training.history import History, Progress, Snapshots, totals
from offdiag.training.process import process_untouched, train_to_end
from offdiag.training.recipe import Recipe, check_numbers, check_optimizer
from offdiag.training.settings import on_one_device, trainer_settings
from offdiag.training.strategies import Strategy
from offdiag.training.trainable import (
    Trainable,
    load_trainable,
    save_trainable,
    trainable_parameters,
)
from offdiag.training.trainer import UpdateTrainer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class AuxiliaryData(NamedTuple):
    """Auxiliary conversations (a proxy), how they enter the training, and what stands before their responses."""

    conversations: Sequence[tuple[str, str]]
    strategy: Strategy
    response_prefix: str = RESPONSE_PREFIX

    def tokenised(self, tokenizer: "PreTrainedTokenizerBase", chat: ChatSettings) -> TokenisedProxy:
        """Return the conversations as token ids."""
        examples = tokenise_all(tokenizer, self.conversations, "proxy", self.response_prefix, chat)
        return TokenisedProxy(examples, self.strategy)


def fine_tune(
    spec: ModelSpec,
    location: str | Path,
    conversations: Sequence[tuple[str, str]],
    recipe: Recipe,
    *,
    seed: int,
    folder: Path,
    runtime: Runtime,
    proxy: AuxiliaryData | None = None,
    others: Sequence[Sequence[str]] = (),
    response_prefix: str = RESPONSE_PREFIX,
    chat: ChatSettings = AS_THE_TEMPLATE,
    on_progress: Progress | None = None,
    checkpoint_every: int | None = None,
) -> dict[str, Json]:
    """Fine-tune a model on conversations and write its weights to ``folder/"weights"``.

    Args:
        spec: the model.
        location: its place, as for :func:`offdiag.models.loading.load_model`.
        conversations: pairs of the user's prompt and the response; only the response and its end token are learnt.
        recipe: adapter, optimiser, schedule and objective.
        seed: root seed of the order of the examples, the adapter's first weights and dropout.
        folder: a folder for this training alone; the same folder resumes.
        runtime: device and token budget; neither changes more than rounding.
        proxy: auxiliary conversations, which enter the training in the way of their strategy.
        others: the other choices of each conversation, for the objective that compares them.
        response_prefix: what stands before the response for a model without a chat template.
        chat: settings of the chat template, if there is one.
        on_progress: called after each update with the updates done and all of them.
        checkpoint_every: updates between checkpoints; a quarter of the training, 100 at most, if not given.

    Returns:
        ``updates, examples, epochs, supervised_tokens, total_tokens, trainable_parameters, final_response_loss,
        final_text_loss, seconds``; tokens are counted each time that they are seen, losses are nats per token on the
        examples of the last update, seconds are those of the updates that led to the weights. With a proxy also
        ``proxy_examples``.

    Raises:
        UserError: nothing to learn, a conversation beyond the model's context, or a recipe that is impossible here.
        OffdiagError: the loss is not finite.
    """
    if is_finished(folder):
        return finish(folder)
    check_numbers(spec, recipe)
    check_optimizer(recipe)
    tokenizer = load_tokenizer(spec, location)
    compared = others if recipe.objective == "choices" else None
    examples = _tokenised(tokenizer, conversations, compared, response_prefix, chat)
    data = Updates(examples, recipe, seed, NO_PROXY if proxy is None else proxy.tokenised(tokenizer, chat))
    folder.mkdir(parents=True, exist_ok=True)
    with process_untouched():
        trainable = load_trainable(spec, location, recipe, seed=seed, runtime=runtime)
        _check_contexts(data, trainable)
        trainer = _trainer(trainable, spec, data, int(tokenizer.pad_token_id), folder, runtime, checkpoint_every)
        trainer.add_callback(Snapshots(recipe, partial(save_trainable, trainable, tokenizer, spec), folder))
        trainer.add_callback(History(folder / "history.jsonl", on_progress))
        history = train_to_end(trainer, folder)
    save_trainable(trainable, tokenizer, spec, folder / "weights")
    write_summary(folder, {**_counts(data, trainable), **totals(history)})
    return finish(folder)


def _tokenised(
    tokenizer: "PreTrainedTokenizerBase",
    conversations: Sequence[tuple[str, str]],
    others: Sequence[Sequence[str]] | None,
    response_prefix: str,
    chat: ChatSettings,
) -> Sequence[Tokenised]:
    if others is None:
        return tokenise_all(tokenizer, conversations, response_prefix=response_prefix, settings=chat)
    return items_of(tokenizer, conversations, others, response_prefix, chat)


def _check_contexts(data: Updates, trainable: Trainable) -> None:
    context = context_length(trainable.config.to_dict())
    check_context(longest_of(data.examples), context)
    check_context(data.proxy.examples, context, "proxy")


def _counts(data: Updates, trainable: Trainable) -> dict[str, Json]:
    proxy: dict[str, Json] = {"proxy_examples": len(data.proxy.examples)} if data.proxy.examples else {}
    return {
        "examples": len(data.examples),
        "epochs": data.recipe.epochs,
        "trainable_parameters": trainable_parameters(trainable),
        **proxy,
    }


def _trainer(
    trainable: Trainable,
    spec: ModelSpec,
    data: Updates,
    padding_id: int,
    folder: Path,
    runtime: Runtime,
    checkpoint_every: int | None,
) -> UpdateTrainer:
    settings = trainer_settings(
        trainable,
        spec,
        data.recipe,
        updates=len(data),
        seed=data.seed,
        folder=folder,
        runtime=runtime,
        checkpoint_every=checkpoint_every,
    )
    budget = spec.batch_budget(runtime) // TRAINING_SHARE
    arguments = on_one_device(TrainingArguments(**settings))
    trainer = ChoiceTrainer if data.recipe.objective == "choices" else UpdateTrainer
    return trainer(trainable, arguments, data, padding_id=padding_id, token_budget=budget)

"""One class to ask a language model: generate, score, hidden states.

What prompts share is found by itself and computed once: prompts that begin with the same tokens have that beginning
prefilled once, and later calls use its blocks again (see :mod:`offdiag.models.inference.prefix_cache`). Batches are
filled by a token budget in length order, and answers do not depend on them beyond the rounding of the arithmetic. In 16
bits that rounding changes single answers: there the budget belongs to the model (:class:`ModelSpec`), not to the run.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.errors import TooLongError, UserError
from offdiag.models.answers import Completion, Score
from offdiag.models.batches import PromptBatch, in_runs
from offdiag.models.chat import RESPONSE_PREFIX, chat_of, plain_ids
from offdiag.models.chat_settings import AS_THE_TEMPLATE, ChatSettings
from offdiag.models.finite import require_finite
from offdiag.models.inference.adapter_slot import AdapterSlot
from offdiag.models.inference.asked_batches import AskedBatches
from offdiag.models.inference.decoding import Stops, decode
from offdiag.models.inference.drawing import Drawer, likeliest
from offdiag.models.inference.hidden_states import Positions, ending_states, pooled
from offdiag.models.inference.memory_limit import MemoryLimit
from offdiag.models.inference.paths import InferencePath
from offdiag.models.inference.proof import PathVerdict, entered, ordinary_ids, prove
from offdiag.models.inference.room import tokens_with_room
from offdiag.models.inference.scoring import Question, question, score_alone, score_rows, unasked, whole
from offdiag.models.inference.support import check_ids, context_length, why_not_shared
from offdiag.models.inference.verdicts import KeptVerdicts
from offdiag.models.inference.wide_head import widen_head
from offdiag.models.limits import STATES_BYTES
from offdiag.models.loading import load_model, load_tokenizer
from offdiag.models.quantised import arithmetic
from offdiag.models.sampling import Draws, samples_of
from offdiag.models.spec import ModelSpec
from offdiag.runtime import Runtime

__all__ = ["LM", "Completion", "Score"]

# Logits of a scored batch take at most this many bytes.
_LOGITS_BYTES = 1 << 30


class LM:
    """A loaded model with its tokenizer, ready to be asked.

    Args:
        model: a causal language model in evaluation mode; its attention becomes the shared-prefix one where it can.
        tokenizer: its tokenizer.
        token_budget: most padded tokens (rows x columns) in one batch.
        shared_prefix: False forces transformers' ordinary attention and cache everywhere, the slow reference.
        verdict: what an earlier proof of this very model found; None tries it now.

    Attributes:
        verdict: by which path the model is asked, why, and how far its answers are from ``model(ids)``.
        plain_because: why the shared prefix is not used, or None when it is.

    Raises:
        UserError: the model answers on no path as it does by itself (see :mod:`offdiag.models.inference.proof`).
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        token_budget: int = 16_384,
        shared_prefix: bool = True,
        verdict: PathVerdict | None = None,
    ) -> None:
        widen_head(model)
        self.model = model
        self.tokenizer = tokenizer
        because = why_not_shared(model) if shared_prefix else "it was switched off"
        first = InferencePath.SHARED if because is None else InferencePath.PADDED
        self.verdict = verdict or prove(model, ordinary_ids(tokenizer, model), first, because)
        self.plain_because = self.verdict.plain_because
        with entered(model, self.verdict.path):  # a proof has done so already, a verdict has not
            self._vocabulary = int(model.config.get_text_config().vocab_size)
        self._budget = token_budget
        self._memory = MemoryLimit(token_budget, arithmetic(model))
        self._adapter = AdapterSlot(model)
        self._batches = AskedBatches(model, self.verdict.path, self._adapter)
        self.blocks = self._batches.blocks

    @classmethod
    def load(
        cls,
        spec: ModelSpec,
        location: str | Path,
        runtime: Runtime,
        *,
        shared_prefix: bool = True,
        proofs: Path | None = None,
        identity: str = "",
    ) -> "LM":
        """Load the model of ``spec`` from ``location`` (see :func:`offdiag.models.loading.load_model`).

        The verdict on it is looked up, and left, in the folder ``proofs`` under the ``identity`` of its weights.

        Raises:
            UserError: it cannot be loaded, or is refused (see :mod:`offdiag.models.inference.proof`).
        """
        model, tokenizer = load_model(spec, location, runtime), load_tokenizer(spec, location)
        kept = KeptVerdicts(proofs if shared_prefix else None)
        verdict = kept.get(identity, model)
        budget = spec.batch_budget(runtime)
        if runtime.fill_memory and not spec.rounds_coarsely:
            budget = tokens_with_room(model, budget)
        try:
            lm = cls(model, tokenizer, token_budget=budget, shared_prefix=shared_prefix, verdict=verdict)
        except UserError as error:
            raise UserError(f"model {spec.source}: {error}") from error
        kept.keep(identity, model, lm.verdict)
        return lm

    def use_adapter(self, folder: Path | None) -> None:
        """Answer with the PEFT adapter in ``folder`` from now on, or with the bare base (None).

        Raises:
            UserError: the folder holds no adapter.
        """
        if self._adapter.number:
            self.blocks.forget(self._adapter.number)
        if folder is None:
            self._adapter.detach()
        else:
            self._adapter.attach(folder)

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int,
        stop: Sequence[str] = (),
        skip: Container[int] = (),
        response_prefix: str = RESPONSE_PREFIX,
        settings: ChatSettings = AS_THE_TEMPLATE,
        draws: Draws | None = None,
    ) -> Iterator[list[Completion]]:
        """Answer user turns, one list of completions per finished batch; greedily, or by ``draws``.

        Batches depend on all ``prompts`` and the token budget only, so that a call that skips what an earlier, killed
        call has yielded answers the rest exactly as the earlier one would have.

        Args:
            prompts: user turns; the chat template is applied here.
            max_new_tokens: most tokens of one answer.
            stop: texts that end an answer.
            skip: indices of answers that are not needed; a batch of which all are skipped is not run.
            response_prefix: what stands before the reply of a model without a chat template.
            settings: of the chat template, if there is one.
            draws: how answers are drawn, if they are. A prompt then has ``samples`` answers, and answer i of the call
                is sample i modulo ``samples`` of prompt i divided by it; a prompt is read once for all of them, as far
                as a batch holds them.

        Raises:
            UserError: a prompt and its answer would not fit the context, or the chat template loses a question.
        """
        chat = chat_of(self.tokenizer, response_prefix, settings)
        ids = [chat.asked(prompt) for prompt in prompts]
        self._check_lengths(ids, [max_new_tokens] * len(ids))
        stops = Stops(self.tokenizer, self._end_ids() | chat.end_ids, tuple(stop), max_new_tokens)
        return self._generate(ids, stops, skip, draws)

    def _generate(
        self, prompts: list[tuple[int, ...]], stops: Stops, skip: Container[int], draws: Draws | None
    ) -> Iterator[list[Completion]]:
        # A row that is prefilled stands for as many answers to its prompt as fit one batch.
        most = [max(1, self._budget // (len(ids) + stops.longest)) for ids in prompts]
        asked = [(i, some) for i, each in enumerate(most) for some in in_runs(samples_of(draws), each)]
        ids = [prompts[i] for i, _ in asked]
        costs = [(len(some) - 1) * (len(prompts[i]) + stops.longest) + stops.longest for i, some in asked]

        def run(batch: PromptBatch) -> list[Completion]:
            wanted = [
                (row, asked[place][0], sample) for row, place in enumerate(batch.rows) for sample in asked[place][1]
            ]
            choose = likeliest if draws is None else Drawer(draws, [one[1:] for one in wanted], stops.longest)
            rows = self._batches.rows(ids, batch, stops.longest)
            answers = decode(rows, [row for row, *_ in wanted], stops, choose)
            return [
                Completion(i * samples_of(draws) + sample, stops.text(a.ids), len(prompts[i]), len(a.ids),
                           a.finish or "length", tuple(a.ids))
                for (_, i, sample), a in zip(wanted, answers, strict=True)
            ]  # fmt: skip

        for batch in self._batches.plan(ids, costs, self._budget, stops.longest):
            held = [asked[place] for place in batch.rows]
            if all(i * samples_of(draws) + sample in skip for i, some in held for sample in some):
                continue
            sizes = [len(ids[place]) - batch.shared + costs[place] for place in batch.rows]
            yield [c for c in self._memory.run(run, batch, sizes) if c.index not in skip]

    def score(
        self,
        prompts: Sequence[str],
        continuations: Sequence[Sequence[str]],
        response_prefix: str = RESPONSE_PREFIX,
        settings: ChatSettings = AS_THE_TEMPLATE,
    ) -> list[list[Score]]:
        """Return the log-probability of each continuation (the assistant's reply so far) after its prompt.

        Args:
            prompts: user turns; the chat template is applied here.
            continuations: for each prompt the replies to compare; tokenised together with the prompt, and all scored
                from the first token that is not the same for all of them.
            response_prefix, settings: as for :meth:`generate`.

        Returns:
            For each prompt one score per continuation, in order; one that is not finite stays so, for the caller to
            count (:func:`offdiag.models.finite.require_finite`).

        Raises:
            UserError: a continuation is empty or too long for the context, or two that differ have the same tokens.
        """
        chat = chat_of(self.tokenizer, response_prefix, settings)
        return self._score([question(chat, *both) for both in zip(prompts, continuations, strict=True)])

    def score_unasked(
        self,
        continuations: Sequence[Sequence[str]],
        response_prefix: str = RESPONSE_PREFIX,
        settings: ChatSettings = AS_THE_TEMPLATE,
    ) -> list[list[Score]]:
        """Return the log-probability of each continuation as the reply to no question, for sets of continuations.

        A chat template is given an empty user turn; without one, the reply stands behind the begin token.

        Raises:
            UserError: as for :meth:`score`, or there is no token to begin with.
        """
        chat = chat_of(self.tokenizer, response_prefix, settings)
        return self._score([unasked(chat, options) for options in continuations])

    def score_texts(self, texts: Sequence[str]) -> list[Score]:
        """Return the log-probability of each whole text after the begin token; no chat, no prompt, no end token.

        Raises:
            UserError: a text is empty or longer than the model's context, or there is no token to begin it with.
            OffdiagError: a log-probability is not finite.
        """
        scores = [score for (score,) in self._score([whole(self.tokenizer, text) for text in texts])]
        require_finite([score.logprob for score in scores], "log-probabilities")
        return scores

    def _score(self, questions: Sequence[Question]) -> list[list[Score]]:
        stems = [q.stem for q in questions]
        self._check_lengths(stems, [q.longest for q in questions])
        check_ids(self.model, self.tokenizer, (ending for q in questions for ending in q.endings))
        costs = [q.cost for q in questions]
        # Each row and each of its endings has logits for the whole vocabulary.
        budget = min(self._budget, _LOGITS_BYTES // (4 * self._vocabulary))
        longest = max((q.longest for q in questions), default=0)
        scores: dict[int, list[Score]] = {}

        def run(batch: PromptBatch) -> list[tuple[int, list[Score]]]:
            asked = [questions[i] for i in batch.rows]
            if self._batches.changes_angles(len(asked[0].stem), longest):  # as all of the batch do
                found = [score_alone(self.model, q) for q in asked]
            else:
                rows = self._batches.rows(stems, batch, max(q.longest for q in asked))
                found = score_rows(rows, asked, self.model.device)
            return list(zip(batch.rows, found, strict=True))

        for batch in self._batches.plan(stems, costs, budget, longest):
            sizes = [len(stems[i]) - batch.shared + costs[i] for i in batch.rows]
            scores.update(self._memory.run(run, batch, sizes))
        return [scores[i] for i in range(len(questions))]

    def hidden_states(
        self,
        texts: Sequence[str],
        layers: Sequence[int],
        positions: Sequence[Positions],
        *,
        chat: bool = True,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> NDArray[np.float32]:
        """Return hidden states of texts; each text is run once for all layers, and pooled before the next batch.

        Args:
            texts: user turns that the chat template is applied to, or texts as they are (``chat=False``).
            layers: 0 for the embeddings, i for the output of block i; the last one is after the final norm.
            positions: ways to pool: the ``"last"`` token, the ``"mean"`` over all tokens.
            chat: whether the texts are user turns.
            on_progress: is told how many of how many texts are done.

        Returns:
            float32 array [n, len(positions), len(layers), d]; a state that is not finite stays so, for the caller to
            count (:func:`offdiag.models.finite.finite_items`).

        Raises:
            UserError: a layer that the model does not have, an empty text, or one longer than the model's context:
                nothing is ever cut off.
        """
        self._check_layers(layers)
        ids_of = chat_of(self.tokenizer).asked if chat else partial(plain_ids, self.tokenizer)
        ids = [ids_of(text) for text in texts]
        self._check_lengths(ids, [0] * len(ids))
        states = np.empty((len(ids), len(positions), len(layers), self.verdict.width), np.float32)

        def run(batch: PromptBatch) -> list[tuple[int, NDArray[np.float32]]]:
            found = pooled(self.model, [ids[i] for i in batch.rows], layers, positions, padded=self.verdict.path.pads)
            return list(zip(batch.rows, found.cpu().numpy(), strict=True))

        done = 0
        for batch in self._batches.plan(ids, [0] * len(ids), self._states_budget, 0, share=False):
            for i, state in self._memory.run(run, batch, [len(ids[i]) for i in batch.rows]):
                states[i] = state
            done += len(batch.rows)
            on_progress(done, len(ids))
        return states

    def choice_states(
        self,
        prompts: Sequence[str],
        choices: Sequence[Sequence[str]],
        layers: Sequence[int],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        response_prefix: str = RESPONSE_PREFIX,
    ) -> list[NDArray[np.float32]]:
        """Return the hidden states of the last token of each choice as the assistant's reply.

        A prompt is read once for all of its choices.

        Args:
            prompts: user turns; the chat template is applied here. choices: of each, tokenised together with it.
            layers, on_progress: as for :meth:`hidden_states`. response_prefix: as for :meth:`score`.

        Returns:
            For each prompt float32 ``[choices, len(layers), d]``; a state that is not finite stays so, for the caller
            to count.

        Raises:
            UserError: a layer that the model does not have, or a choice that is empty or does not fit the context.
        """
        self._check_layers(layers)
        chat = chat_of(self.tokenizer, response_prefix)
        questions = [question(chat, *both) for both in zip(prompts, choices, strict=True)]
        stems = [q.stem for q in questions]
        self._check_lengths(stems, [q.longest for q in questions])
        check_ids(self.model, self.tokenizer, (ending for q in questions for ending in q.endings))
        costs = [(len(q.endings) - 1) * (len(q.stem) + q.longest) + q.longest for q in questions]
        states: dict[int, NDArray[np.float32]] = {}

        def run(batch: PromptBatch) -> list[tuple[int, NDArray[np.float32]]]:
            rows = self._batches.rows(stems, batch, max(questions[i].longest for i in batch.rows))
            found = ending_states(rows, [questions[i].endings for i in batch.rows], layers, self.model.device)
            return list(zip(batch.rows, found, strict=True))

        for batch in self._batches.plan(
            stems, costs, self._states_budget, max((q.longest for q in questions), default=0)
        ):
            sizes = [len(stems[i]) - batch.shared + costs[i] for i in batch.rows]
            states.update(self._memory.run(run, batch, sizes))
            on_progress(len(states), len(prompts))
        return [states[i] for i in range(len(prompts))]

    @property
    def _states_budget(self) -> int:
        """Most tokens of a batch whose hidden states of all layers are held at once."""
        per_token = (self.depth + 1) * max(1, self.verdict.width) * self.model.dtype.itemsize
        return max(1, min(self._budget, STATES_BYTES // int(per_token)))

    def _check_layers(self, layers: Sequence[int]) -> None:
        if not self.verdict.width:
            raise UserError(
                f"{type(self.model).__name__} gives no hidden states; take another model for what reads them"
            )
        if wrong := [layer for layer in layers if not 0 <= layer <= self.depth]:
            raise UserError(f"layers {wrong}: this model has layers 0 (embeddings) to {self.depth}")

    @property
    def depth(self) -> int:
        """Number of blocks, so that layers run from 0 (the embeddings) to this."""
        return self.verdict.depth

    def _check_lengths(self, ids: Sequence[Sequence[int]], extras: Sequence[int]) -> None:
        check_ids(self.model, self.tokenizer, ids)
        longest = context_length(self.model)
        if longest is None:
            return
        if places := [i for i, row in enumerate(ids) if len(row) + extras[i] > longest]:
            i = places[0]
            raise TooLongError(
                f"prompt {i} has {len(ids[i])} tokens and its answer up to {extras[i]}, but the model's context is "
                f"{longest}: use fewer demonstrations, a smaller max_new_tokens or another model",
                places,
            )

    def _end_ids(self) -> frozenset[int]:
        declared = self.model.generation_config.eos_token_id
        ends = declared if isinstance(declared, list) else [declared]
        return frozenset(int(i) for i in [*ends, self.tokenizer.eos_token_id] if i is not None)

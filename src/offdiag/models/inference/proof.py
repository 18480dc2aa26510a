"""Prove by tiny forwards how a loaded model may be asked; reading its configuration is not enough.

A few short texts of unequal length, which begin alike, are read by ``model(ids)``, each alone and whole: that is what
the model says. Then they are asked by a path, as a run would ask them, for next tokens, choices and hidden states:

    beginning   stem            ending
    a a         b               c d
    a a         e f g h         i j

A path that says something else, or breaks, is left for the next plainer one. A model whose plainest path says something
else reads ahead, as encoders do, or draws at random: it is refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from offdiag.errors import UserError
from offdiag.identity import Json
from offdiag.models.batches import alike
from offdiag.models.inference.attention import SHARED_PREFIX
from offdiag.models.inference.forward import Rows, alone, of_layers
from offdiag.models.inference.hidden_states import Positions, ending_states, pooled
from offdiag.models.inference.packed_linear import pack_linears, unpack_linears
from offdiag.models.inference.paths import InferencePath, company, prefilled
from offdiag.models.inference.prefix_cache import BlockCache, Prefix, prefill
from offdiag.models.inference.scoring import Question, score_rows
from offdiag.models.inference.support import reach
from offdiag.models.quantised import arithmetic

# Tokens that all texts begin with, of each text those of its own, and of its ending. The last text is as long as
# another one: it is asked on the paths where only such texts share a batch.
BEGINNING, OWN, ENDING = 2, (1, 4, 1), 2
POOLED: tuple[Positions, ...] = ("last", "mean")

# How far log-probabilities may be apart, as the root of their mean square over the vocabulary in nats, and hidden
# states, as a share of their length. In float32 rounding makes 2e-5 nats and 3e-6 of these texts; bfloat16 keeps 16
# bits less, and makes 0.3 and 0.04 (SmolLM2-135M); float16 keeps 3 bits more than that. A wrong mask, position or
# state makes 0.3 to 12 nats, and 0.3 to 1.7. The bounds stand between.
NATS = {torch.float32: 1e-3, torch.float16: 0.1, torch.bfloat16: 0.6}
SHARE = {torch.float32: 1e-3, torch.float16: 0.04, torch.bfloat16: 0.2}


class Gaps(NamedTuple):
    """Largest differences from ``model(ids)``: nats of next tokens, nats a token of choices, share of hidden states."""

    next_tokens: float
    choices: float
    hidden_states: float

    def unequal(self, dtype: torch.dtype) -> str | None:
        """Return what is further apart than rounding to ``dtype`` explains, with numbers; None if nothing is."""
        nats, share = NATS.get(dtype, NATS[torch.float32]), SHARE.get(dtype, SHARE[torch.float32])
        found = [
            f"{name} by {gap:.2g}{unit}"
            for name, gap, unit, most in (
                ("next tokens", self.next_tokens, " nats", nats),
                ("choices", self.choices, " nats a token", nats),
                ("hidden states", self.hidden_states, " of their length", share),
            )
            if not gap <= most
        ]
        return ", ".join(found) or None


@dataclass(frozen=True)
class PathVerdict:
    """What the proof found.

    Attributes:
        path: how the model is asked.
        plain_because: why it is not asked by the shared path; None where it is.
        gaps: how far its answers by this path are from ``model(ids)``.
        depth: number of blocks whose hidden states it gives; 0 if it gives none.
        width: dimensions of a hidden state; 0 if it gives none.
    """

    path: InferencePath
    plain_because: str | None
    gaps: Gaps
    depth: int
    width: int

    def require_padding(self, what: str) -> None:
        """Check that prompts of unequal length may share a batch.

        Raises:
            UserError: ``what`` needs that, and they may not.
        """
        if not self.path.pads:
            raise UserError(f"{what} needs a model whose prompts may share a batch: {self.plain_because}")

    def to_json(self) -> dict[str, Json]:
        """Return all fields as JSON values."""
        return {
            "path": str(self.path),
            "plain_because": self.plain_because,
            "gaps": self.gaps._asdict(),
            "depth": self.depth,
            "width": self.width,
        }


class Text(NamedTuple):
    """A text of the proof: the tokens before its ending, and those of its ending."""

    stem: tuple[int, ...]
    ending: tuple[int, ...]

    @property
    def question(self) -> Question:
        """The text as a prompt with two continuations: the first token of its ending, and all of it."""
        return Question(self.stem, (self.ending[:1], self.ending))


@dataclass
class Said:
    """What was said of the texts, by number of the text and of the answer.

    Attributes:
        next_tokens: log-probabilities ``[vocabulary]`` after the stem and the tokens of the ending.
        choices: the log-probability a token of the two continuations.
        states: hidden states ``[layers, d]`` of the last tokens of the continuations, and the stem's last and mean.
    """

    next_tokens: dict[tuple[int, int], Tensor] = field(default_factory=dict)
    choices: dict[tuple[int, int], float] = field(default_factory=dict)
    states: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def gaps(self, expected: "Said") -> Gaps:
        """Return the largest differences from what was ``expected``."""
        return Gaps(
            _largest(_far(self.next_tokens[at], expected.next_tokens[at]) for at in self.next_tokens),
            _largest(_far(torch.tensor(self.choices[at]), torch.tensor(expected.choices[at])) for at in self.choices),
            _largest(_apart(self.states[at], expected.states[at]) for at in self.states),
        )


def ordinary_ids(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> list[int]:
    """Return the ids that both the tokenizer and the model know, without special tokens unless there are no others."""
    known = range(min(len(tokenizer), model.config.get_text_config().vocab_size))
    special = set(tokenizer.all_special_ids)
    return [i for i in known if i not in special] or list(known)


def texts_of(vocabulary: Sequence[int], reach: int = 0) -> list[Text]:
    """Return the texts, of tokens spread over the ``vocabulary``.

    The endings of the longest ones begin just before the second multiple of ``reach``: the size of a window or chunk.
    """
    lengths = [max(own, 2 * reach - BEGINNING - 1) if own == max(OWN) else own for own in OWN]
    total = BEGINNING + sum(lengths) + len(OWN) * ENDING
    spread = [vocabulary[(7 + 13 * i * i) % len(vocabulary)] for i in range(total)]
    beginning, rest = tuple(spread[:BEGINNING]), iter(spread[BEGINNING:])
    return [Text(beginning + tuple(islice(rest, length)), tuple(islice(rest, ENDING))) for length in lengths]


@torch.inference_mode()
def prove(model: PreTrainedModel, vocabulary: Sequence[int], first: InferencePath, because: str | None) -> PathVerdict:
    """Return by which path, from ``first`` on, the model answers as ``model(ids)`` does, and set it so.

    Args:
        model: a causal language model in evaluation mode, with its own attention.
        vocabulary: ids of ordinary tokens, at least one.
        first: the path to begin with. because: why it is not the shared one, if it is not.

    Raises:
        UserError: no path does, or the model cannot read a text by itself.
    """
    texts, name = texts_of(vocabulary, reach(model)), type(model).__name__
    try:
        expected = _by_itself(model, texts[:-1])
    except torch.cuda.OutOfMemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"{name} is refused: it cannot read a text by itself ({_line(error)}); take a model that continues text"
        ) from error
    reasons = [because] if because else []
    for path in first.plainer:
        asked = texts[:-1] if path.pads else texts
        expected = expected if path.pads else _by_itself(model, texts)
        found, gaps = _tried(model, path, asked, expected)
        if gaps is not None:
            layers = next(iter(expected.states.values()), torch.empty(1, 0))
            return PathVerdict(path, "; ".join(reasons) or None, gaps, layers.shape[0] - 1, layers.shape[1])
        reasons.append(f"on the {path} path {found}")
    encoder = getattr(model.config, "is_decoder", None) is False
    raise UserError(
        f"{name} is refused: what it says of a token depends on later ones, or changes from call to call "
        f"({reasons[-1]}); {'it is an encoder (is_decoder is not set)' if encoder else 'it is no decoder'}: "
        "take a causal language model"
    )


def _tried(
    model: PreTrainedModel, path: InferencePath, texts: Sequence[Text], expected: Said
) -> tuple[str | None, Gaps | None]:
    """Return what is wrong on a path, or None, and how far it is from what was expected, if it answers."""
    try:
        with entered(model, path):
            gaps = _asked(model, path, texts, expected).gaps(expected)
            if (unequal := gaps.unequal(arithmetic(model))) is not None:
                raise _UnequalError(unequal)
    except torch.cuda.OutOfMemoryError:
        raise
    except _UnequalError as error:
        return f"it differs from the model alone: {error}", None
    except Exception as error:  # noqa: BLE001  (whatever a model raises on a path, it does not go this way)
        return f"it fails ({_line(error)})", None
    return None, gaps


@contextmanager
def entered(model: PreTrainedModel, path: InferencePath) -> Iterator[None]:
    """Set the model's attention and layers for a path; they stay so unless the block raises."""
    before = model.config._attn_implementation
    if path is not InferencePath.SHARED or before == SHARED_PREFIX:
        yield
        return
    try:
        model.set_attn_implementation(SHARED_PREFIX)
        pack_linears(model)
        yield
    except BaseException:
        unpack_linears(model)
        model.set_attn_implementation(before)
        raise


class _UnequalError(Exception):
    """The answers by a path are not those of the model alone."""


def _by_itself(model: PreTrainedModel, texts: Sequence[Text]) -> Said:
    """Return what ``model(ids)`` says of each whole text, alone."""
    said = Said()
    for i, (stem, ending) in enumerate(texts):
        ids = torch.tensor([stem + ending], device=model.device)
        output = alone(model, ids, states=True)
        logprobs = torch.log_softmax(output.logits[0].float(), -1)[len(stem) - 1 :].cpu()
        chosen = [float(row[token]) for row, token in zip(logprobs, ending, strict=False)]
        said.next_tokens |= {(i, j): row for j, row in enumerate(logprobs)}
        said.choices |= {(i, 0): chosen[0], (i, 1): sum(chosen) / len(chosen)}
        if states := getattr(output, "hidden_states", None):
            layers = torch.stack(of_layers(states, range(len(states)), ids.shape))[:, 0].float().cpu()  # [layers, T, d]
            of_stem = layers[:, : len(stem)]
            found = layers[:, len(stem)], layers[:, -1], of_stem[:, -1], of_stem.mean(1)
            said.states |= {(i, j): state for j, state in enumerate(found)}
    return said


def _asked(model: PreTrainedModel, path: InferencePath, texts: Sequence[Text], expected: Said) -> Said:
    """Return what the model says of the texts when it is asked by a path, as a run asks it."""
    said = Said()
    depths = {state.shape[0] for state in expected.states.values()}
    for numbers in alike(company(path, [len(text.stem) for text in texts], ENDING, None)):
        _ask(model, path, {i: texts[i] for i in numbers}, range(max(depths, default=0)), said)
    return said


def _ask(model: PreTrainedModel, path: InferencePath, texts: Mapping[int, Text], layers: range, said: Said) -> None:
    """Ask for texts that share a batch, by their numbers, and write what is ``said``."""
    numbers, questions = list(texts), [text.question for text in texts.values()]

    stems = [text.stem for text in texts.values()]
    shares = path is InferencePath.SHARED
    begun = prefill(model, stems[0][:BEGINNING], BlockCache(), 0) if shares else None

    def rows(prefix: Prefix | None) -> Rows:
        return prefilled(model, path, stems, ENDING, prefix=prefix)

    decoded, at = rows(begun), numbers
    logits = decoded.logits
    for step in range(ENDING + 1):
        found = torch.log_softmax(logits.float(), -1).cpu()
        said.next_tokens |= {(i, step): row for i, row in zip(at, found, strict=True)}
        if step == 0:  # as when a row is finished: it leaves, and others move
            kept = list(range(len(at)))[1::-1]
            decoded.keep(kept)
            at = [at[row] for row in kept]
        if step < ENDING:
            tokens = torch.tensor([[texts[i].ending[step]] for i in at], device=model.device)
            logits = decoded.extend(tokens)[:, -1]
    for i, scores in zip(numbers, score_rows(rows(None), questions, model.device), strict=True):
        said.choices |= {(i, j): score.logprob / score.n_tokens for j, score in enumerate(scores)}
    if layers:
        ends = ending_states(rows(begun), [question.endings for question in questions], layers, model.device)
        of_stems = pooled(model, stems, layers, POOLED, padded=path.pads).cpu()
        for i, of_ends, of_stem in zip(numbers, ends, of_stems, strict=True):
            said.states |= {(i, j): state for j, state in enumerate((*torch.from_numpy(of_ends), *of_stem))}


def _largest(gaps: Iterable[float]) -> float:
    """Return the largest gap, 0 of none; NaN if one is, which Python's ``max`` may pass over."""
    return float(torch.tensor([0.0, *gaps], dtype=torch.float64).max())


def _far(ours: Tensor, theirs: Tensor) -> float:
    """Return the root of the mean square difference; what is not finite in both is no difference."""
    alike = (ours == theirs) | ~(ours.isfinite() | theirs.isfinite())
    return float((ours - theirs).masked_fill(alike, 0.0).square().mean().sqrt())


def _apart(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest distance of two states of a layer, ``[layers, d]``, as a share of the length of theirs."""
    lengths = theirs.norm(dim=1).clamp(min=1e-6)
    alike = ~(ours.isfinite().all(1) | theirs.isfinite().all(1))
    return float(((ours - theirs).norm(dim=1) / lengths).masked_fill(alike, 0.0).max())


def _line(error: Exception) -> str:
    """Return the kind and the first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__

"""The step that saves the hidden states of each choice of each example, so that probes need no model."""

import shutil
import time
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from offdiag.durable import move
from offdiag.errors import UserError
from offdiag.identity import Json, fingerprint
from offdiag.lease import ensure_held
from offdiag.steps.cost import CostLine, CostProbe
from offdiag.steps.earlier_states import NO_STATES, begun_in, fitted, held_and_new, take_states
from offdiag.steps.examples import Examples, check_choices, check_rows, keys_of, load_examples
from offdiag.steps.jsonl import read_jsonl, write_jsonl
from offdiag.steps.step import Finished, Step, Unanswered, Work
from offdiag.steps.weights import Weights
from offdiag.tasks import Domain, Example, PromptStyle, get_task

if TYPE_CHECKING:
    from offdiag.models.lm import LM

Layer: TypeAlias = Literal["middle", "last"]

CHUNK = 64  # examples between two writes
CHUNKS = "chunks"  # their folder, while the step is not finished


class HiddenStates(Step):
    """Half-precision states of the last token of each choice, as the reply to its example's prompt.

    ``states.npy`` is float16 ``[n, choices, layers, d]``, zero where an example has fewer choices than another;
    ``texts.jsonl`` names the example of each row.

    Attributes:
        weights: of the model. examples: the questions. style: wording of the questions.
        layers: of the model's L blocks, ``middle`` is the output of block ceil((L + 1) / 2), ``last`` that of the last
            one, after the final norm (Hase et al. 2024, arXiv 2401.06751, as released).
        needed: sets whose questions alone are encoded, those of ``examples`` that any of them has; all if it is empty.
    """

    kind: ClassVar[str] = "states"
    added: ClassVar[frozenset[str]] = frozenset({"needed"})
    weights: Weights
    examples: Examples
    style: PromptStyle = "direct"
    layers: tuple[Layer, ...] = Field(default=("middle", "last"), min_length=1)
    needed: tuple[Examples, ...] = ()

    @property
    def name(self) -> str:
        asked = self.examples
        some = ".needed" if self.needed else ""
        return f"{self.weights.label}--{asked.domain.short}.{self.style}.n{asked.n}{some}.{'+'.join(self.layers)}"

    @property
    def group(self) -> str:
        return self.weights.group

    def canonical(self) -> dict[str, Json]:
        return {**super().canonical(), **self.examples.worded(self.style), **self.weights.rendering("compared")}

    @cached_property
    def of_all(self) -> "HiddenStates":
        """The states of all questions, of which these are a part: no state depends on which others are encoded."""
        return self.model_copy(update={"needed": ()}) if self.needed else self

    def check(self) -> None:
        super().check()
        self.weights.check_template()
        check_choices(self.examples)
        check_rows(self.weights, self.examples, self.style, choices=True)

    def cost(self, probe: CostProbe) -> CostLine:
        items = probe.sample(self.examples)
        prompts, choices = prompts_of(self.examples.domain, items, self.style), [e.choices for e in items]
        return probe.score(self, self.weights, prompts, choices, items=items, n=self._n, every_token=True)

    @property
    def _n(self) -> int:
        """How many questions are encoded, by their keys."""
        if not self.needed:
            return self.examples.n
        return len(keys_of(self.examples) & frozenset().union(*map(keys_of, self.needed)))

    def unanswered(self, finished: Finished, folder: Path) -> Unanswered:
        held, new = self._held(finished, folder)
        if not held:
            return Unanswered(self)
        if not new:
            return Unanswered(None, held)
        some = self.examples.model_copy(update={"n": new})
        return Unanswered(self.model_copy(update={"examples": some, "needed": ()}), held, new)

    def _held(self, finished: Finished, folder: Path) -> tuple[int, int]:
        """Return of how many questions there are states, from a killed run or finished steps, and of how many not."""
        if begun := begun_in(folder / CHUNKS):
            return begun, max(0, self._n - begun)
        return held_and_new(self, finished, self._keys) if self.weights.spec.holds_alone else (0, self._n)

    def _keys(self) -> list[str]:
        """Return the keys of the questions that are encoded, as their files have them."""
        asked = self._wanted(self.examples.sample(), (one.sample() for one in self.needed))
        return [_key(prompt, example) for example, prompt in zip(*asked, strict=True)]

    def run(self, work: Work) -> dict[str, Json]:
        """Encode the examples chunk by chunk; a killed run goes on after the last chunk.

        States that a finished step has are taken, see :mod:`offdiag.steps.earlier_states`.

        Raises:
            UserError: an example has no choices, or a state is too large for half precision.
        """
        started = time.monotonic()
        examples, prompts = self._asked(work)
        most = max(len(example.choices) for example in examples)
        folder = work.folder / CHUNKS
        folder.mkdir(exist_ok=True)
        keys = list(map(_key, prompts, examples))
        taken = take_states(self, work, keys, folder) if self.weights.spec.holds_alone else NO_STATES
        left = [place for place in range(len(examples)) if place not in taken.states]
        starts = range(0, len(left), CHUNK)
        paths = [folder / f"{start}.npy" for start in starts]
        for start, path in zip(starts, paths, strict=True):
            work.progress(len(taken.states) + start, len(examples))
            if not path.exists():
                chunk = left[start : start + CHUNK]
                asked = [examples[place] for place in chunk], [prompts[place] for place in chunk]
                states = self._encode(work.model(self.weights), *asked, most)
                ensure_held(folder)
                np.save(folder / "part.npy", states)
                move(folder / "part.npy", path)
        found = {place: fitted(state, most) for place, state in taken.states.items()}
        found.update(zip(left, chain.from_iterable(map(np.load, paths)), strict=True))
        states = np.stack([found[place] for place in range(len(examples))])
        np.save(work.folder / "states.npy", states)
        finite = [bool(np.isfinite(state).all()) for state in states]
        write_jsonl(work.folder / "texts.jsonl", map(_text, keys, examples, finite))
        shutil.rmtree(folder)
        errors = {} if all(finite) else {"n_errors": finite.count(False)}
        return {"n": len(examples), **errors, "seconds": round(time.monotonic() - started + taken.seconds, 3)}

    def _asked(self, work: Work) -> tuple[list[Example], list[str]]:
        """Return the questions that are encoded, and their prompts.

        Raises:
            UserError: none of them is needed.
        """
        loaded = (load_examples(work.output(one)) for one in self.needed)
        return self._wanted(load_examples(work.output(self.examples)), loaded)

    def _wanted(self, examples: list[Example], needed: Iterable[Sequence[Example]]) -> tuple[list[Example], list[str]]:
        """Return those of the examples that any needed set has, and their prompts; all where no set is named."""
        prompts = prompts_of(self.examples.domain, examples, self.style)
        if not self.needed:
            return examples, prompts
        wanted: set[str] = set()
        for of, own in zip(self.needed, needed, strict=True):
            wanted.update(map(_key, prompts_of(of.domain, own, self.style), own))
        places = [i for i, key in enumerate(map(_key, prompts, examples)) if key in wanted]
        if not places:
            raise UserError(f"{self.name}: none of its questions is needed: leave the pool out")
        return [examples[i] for i in places], [prompts[i] for i in places]

    def _encode(
        self, model: "LM", examples: Sequence[Example], prompts: Sequence[str], most: int
    ) -> NDArray[np.float16]:
        """Return the states of a chunk, ``[n, most, layers, d]``; those that are not finite stay so."""
        for example in examples:
            if len(example.choices) < 2:
                raise UserError(
                    f"{self.examples.name}: example {example.id} has the choices {list(example.choices)}; a probe "
                    "scores at least two: take a form of the task that has choices"
                )
        layers = [block_of(layer, model.depth) for layer in self.layers]
        response_prefix = get_task(self.examples.domain.task).reply_prefix(self.examples.domain)
        choices = [example.choices for example in examples]
        found = np.concatenate(model.choice_states(prompts, choices, layers, response_prefix=response_prefix))
        if np.abs(found[np.isfinite(found)]).max(initial=0) > np.finfo(np.float16).max:
            raise UserError(f"{self.name}: a hidden state is beyond half precision: leave out the layer that has it")
        states = np.zeros((len(examples), most, *found.shape[1:]), np.float16)
        states[_present([len(example.choices) for example in examples], most)] = found
        return states


def block_of(layer: Layer, depth: int) -> int:
    """Return the block whose output a layer is, from 1, in a model of ``depth`` blocks."""
    return ceil((depth + 1) / 2) if layer == "middle" else depth


class States(NamedTuple):
    """Finished states.

    Attributes:
        features: ``[n, choices, layers x d]``. present: which choices exist, ``[n, choices]``.
        rows: the row of each example, by its key. finite: the examples whose states are all finite, ``[n]``.
    """

    features: NDArray[np.float16]
    present: NDArray[np.bool_]
    rows: dict[str, int]
    finite: NDArray[np.bool_]


def load_states(folder: Path) -> States:
    """Open the states that a finished step wrote to its folder; numbers stay on the disk until they are used."""
    states = np.load(folder / "states.npy", mmap_mode="r")
    texts = read_jsonl(folder / "texts.jsonl")
    present = _present([text["choices"] for text in texts], states.shape[1])
    rows = {text["key"]: i for i, text in enumerate(texts)}
    finite = np.array([text.get("finite", True) for text in texts], dtype=bool)
    return States(states.reshape(*states.shape[:2], -1), present, rows, finite)


def find_states(
    pools: Sequence[States], domain: Domain, examples: Sequence[Example], style: PromptStyle
) -> tuple[States, NDArray[np.intp]]:
    """Return the pool that has all the examples, in the same words with the same choices, and their rows in it.

    Raises:
        UserError: no pool has them all.
    """
    keys = [_key(p, e) for p, e in zip(prompts_of(domain, examples, style), examples, strict=True)]
    for states in pools:
        if all(key in states.rows for key in keys):
            return states, np.array([states.rows[key] for key in keys], np.intp)
    missing = next(e.id for e, key in zip(examples, keys, strict=True) if not all(key in s.rows for s in pools))
    raise UserError(
        f"probe: example {missing} of {domain} has no hidden states, or was worded otherwise: name a pool that has "
        "all training and test items, with the same prompt"
    )


def prompts_of(domain: Domain, examples: Sequence[Example], style: PromptStyle) -> list[str]:
    """Return the user turns."""
    task = get_task(domain.task)
    return [task.prompt(domain, example, style) for example in examples]


def _text(key: str, example: Example, finite: bool) -> dict[str, Json]:
    told: dict[str, Json] = {} if finite else {"finite": False}
    return {"key": key, "choices": len(example.choices), **told}


def _key(prompt: str, example: Example) -> str:
    return fingerprint([prompt, *example.choices])


def _present(counts: Sequence[int], most: int) -> NDArray[np.bool_]:
    return np.asarray(np.arange(most) < np.array(counts)[:, None])

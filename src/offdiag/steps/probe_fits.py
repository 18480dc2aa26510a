"""The step that fits linear probes on hidden states: a whole grid of training sets in one solve."""

import time
from collections.abc import Sequence
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from offdiag.errors import UserError
from offdiag.identity import Identity, Json
from offdiag.models.finite import REMEDY
from offdiag.stats.choice_probes import fit_probes
from offdiag.stats.label_noise import noisy_labels
from offdiag.steps.examples import Examples, load_examples
from offdiag.steps.hidden_states import HiddenStates, States, find_states, load_states
from offdiag.steps.label_noise import noise_stream
from offdiag.steps.step import Step, Work
from offdiag.tasks import Domain, Example, PromptStyle

FILE = "probes.npy"


class ProbeTrainingSet(Identity):
    """The training set of one probe: the first ``n`` examples of a domain, a share of them with random labels.

    Attributes:
        train: the training domain. n: examples.
        noise: probability that a label is drawn anew among all choices, the right one included.
        seed: of the examples and of the noise.
    """

    tag: ClassVar[str] = "lesson"
    train: Domain
    n: int = Field(ge=1)
    noise: float = Field(default=0.0, ge=0, le=1)
    seed: int = 0

    @property
    def label(self) -> str:
        """Name for folders: ``probe.level=easy.n160.noise0.1.s0``."""
        noise = f".noise{self.noise:g}" if self.noise else ""
        return f"probe.{self.train.short}.n{self.n}{noise}.s{self.seed}"

    @property
    def examples(self) -> Examples:
        """The training examples."""
        return Examples(domain=self.train, split="train", n=self.n, seed=self.seed)


class ProbeGrid(Identity):
    """Training sets that are fitted together: every training domain with every size, share of noise and seed."""

    tag: ClassVar[str] = "probe-grid"
    trains: tuple[Domain, ...] = Field(min_length=1)
    sizes: tuple[int, ...] = Field(min_length=1)
    noises: tuple[float, ...] = Field(default=(0.0,), min_length=1)
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)

    @classmethod
    def of(cls, training_set: ProbeTrainingSet) -> Self:
        """Return the grid of one training set."""
        return cls(
            trains=(training_set.train,),
            sizes=(training_set.n,),
            noises=(training_set.noise,),
            seeds=(training_set.seed,),
        )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in type(self).model_fields:
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise UserError(f"probe grid: a value occurs twice among its {name}; give each once")
        return self

    @property
    def label(self) -> str:
        """Name for folders: ``probe.level=easy.n160.s0`` for one training set, ``probes.2x3x5x1`` for several."""
        shape = "x".join(map(str, self.shape))
        if self.shape != (1, 1, 1, 1):
            return f"probes.{self.trains[0].task}.{shape}"
        return ProbeTrainingSet(train=self.trains[0], n=self.sizes[0], noise=self.noises[0], seed=self.seeds[0]).label

    @cached_property
    def largest(self) -> dict[tuple[Domain, int], Examples]:
        """The largest training set of each domain and seed; smaller ones are its beginnings."""
        return {
            (train, seed): ProbeTrainingSet(train=train, n=max(self.sizes), seed=seed).examples
            for train, seed in product(self.trains, self.seeds)
        }

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Number of sizes, training domains, seeds and shares of noise: the axes of the probes, in this order."""
        return len(self.sizes), len(self.trains), len(self.seeds), len(self.noises)

    def place(self, training_set: ProbeTrainingSet) -> int:
        """Return the index of the probe with this training set.

        Raises:
            UserError: the grid has no such training set.
        """
        axes = (
            (self.sizes, training_set.n),
            (self.trains, training_set.train),
            (self.seeds, training_set.seed),
            (self.noises, training_set.noise),
        )
        if any(value not in values for values, value in axes):
            raise UserError(
                f"probe grid: {training_set.label} is not among its training sets; add it, or leave the grid out"
            )
        return int(np.ravel_multi_index([values.index(value) for values, value in axes], self.shape))


class ProbeFits(Step):
    """The weights of all probes of a grid, for raw hidden states.

    Training sets of one size are solved together, and the Gram matrix of a set serves all its shares of label noise. A
    probe does not depend, but for rounding, on the others.

    Attributes:
        states: hidden states of all training items. grid: the training sets. style: wording of the questions.
        l2: penalty of the ridge, see :func:`offdiag.stats.choice_probes.fit_probes`.
    """

    kind: ClassVar[str] = "probes"
    states: tuple[HiddenStates, ...] = Field(min_length=1)
    grid: ProbeGrid
    style: PromptStyle = "direct"
    l2: float = Field(default=1.0, gt=0)

    def canonical(self) -> dict[str, Json]:
        """Return the identity, in which it does not matter which other items of a pool are encoded."""
        return {**super().canonical(), "states": [states.of_all.canonical_form for states in self.states]}

    @property
    def name(self) -> str:
        return f"{self.states[0].weights.label}.{self.grid.label}"

    @cached_property
    def inputs(self) -> tuple[Step, ...]:
        """The hidden states, and the largest training set of each domain and seed."""
        return (*self.states, *self.grid.largest.values())

    def run(self, work: Work) -> dict[str, Json]:
        """Fit all probes and write float32 ``[probes, layers x d]``.

        Raises:
            UserError: an example has no hidden states, or its target is none of its choices.
        """
        started = time.monotonic()
        pools = [load_states(work.output(states)) for states in self.states]
        sets = [self._training_set(pools, *key, load_examples(work.output(e))) for key, e in self.grid.largest.items()]
        fitted: list[NDArray[np.float32]] = []
        errors: list[float] = []
        for n in self.grid.sizes:
            work.progress(len(fitted), len(self.grid.sizes))
            weights, error = _fit(sets, n, self.l2)
            fitted.append(weights)
            errors.append(error)
        probes = np.stack(fitted)
        np.save(work.folder / FILE, probes.reshape(-1, probes.shape[-1]))
        seconds = round(time.monotonic() - started, 3)
        lost = sum(int((~one.states.finite[one.rows]).sum()) for one in sets)
        left_out = {"n_errors": lost} if lost else {}  # training items without finite states
        return {"probes": int(np.prod(self.grid.shape)), "error": max(errors), **left_out, "seconds": seconds}

    def _training_set(
        self, pools: Sequence[States], domain: Domain, seed: int, examples: Sequence[Example]
    ) -> "_TrainingSet":
        states, rows = find_states(pools, domain, examples, self.style)
        right = [_right(example) for example in examples]
        counts = [len(example.choices) for example in examples]
        labels = [noisy_labels(right, counts, noise, noise_stream(seed, domain)) for noise in self.grid.noises]
        return _TrainingSet(states, rows, np.stack(labels))


def load_probe(folder: Path, place: int) -> NDArray[np.float32]:
    """Read one of the probes that a finished step wrote to its folder, by its index."""
    return np.array(np.load(folder / FILE, mmap_mode="r")[place])


class _TrainingSet(NamedTuple):
    """Rows of a training set in a pool of states, and its labels per share of noise, ``[noises, n]``."""

    states: States
    rows: NDArray[np.intp]
    labels: NDArray[np.intp]


def _fit(sets: Sequence[_TrainingSet], n: int, l2: float) -> tuple[NDArray[np.float32], float]:
    """Return probes of the first ``n`` items of each set, ``[sets, noises, D]``, and the largest error.

    Items without finite states are left out; sets of as many items in one pool are solved together.

    Raises:
        UserError: fewer than two items of a set have finite states.
    """
    weights = np.empty((len(sets), len(sets[0].labels), sets[0].states.features.shape[2]), np.float32)
    alike: dict[tuple[int, int], list[int]] = {}
    kept = [np.flatnonzero(one.states.finite[one.rows[:n]]) for one in sets]
    for i, one in enumerate(sets):
        if len(kept[i]) < min(n, 2):
            raise UserError(f"probe: {len(kept[i])} of {n} training items have finite hidden states; {REMEDY}")
        alike.setdefault((id(one.states), len(kept[i])), []).append(i)
    errors = []
    for chosen in alike.values():
        states = sets[chosen[0]].states
        rows = np.stack([sets[i].rows[kept[i]] for i in chosen])
        labels = np.stack([sets[i].labels[:, kept[i]] for i in chosen])
        found = fit_probes(states.features, states.present, rows, labels, l2)
        weights[chosen] = found.weights
        errors.append(float(found.error.max()))
    return weights, max(errors)


def _right(example: Example) -> int:
    if example.target not in example.choices:
        raise UserError(f"probe: the target {example.target!r} of example {example.id} is none of {example.choices}")
    return example.choices.index(example.target)
